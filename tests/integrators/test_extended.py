"""The double-double integrator against exact solutions, conservation laws and mpmath, with all of its thirty digits."""

from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest

from chaosbench.catalogue import load, system_files
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import read_definition, system, system_from
from chaosbench.errors import IntegrationError, KernelError
from chaosbench.facts import load_facts
from chaosbench.initial import draw_initial
from chaosbench.integrators._request import checked
from chaosbench.integrators.base import ExtendedState, InitialState, Solution, Status
from chaosbench.integrators.extended import Extended, order_of, reference_solution

MODULUS = 0.51
DIGITS = 60
LORENZ = np.array([1.0, 2.0, 20.0])


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


@pytest.fixture(scope="module")
def lorenz() -> CompiledSystem:
    return compile_system(system("lorenz63"))


@pytest.fixture(scope="module")
def rigid_body() -> CompiledSystem:
    """Euler's equations; through (0, 1, 1) they are solved by Jacobi's sn, cn, dn of parameter 0.51."""
    return flow({"x": "y*z", "y": "-x*z", "z": "-m*x*y"}, parameters={"m": MODULUS})


def solve(compiled: CompiledSystem, states, times, **options) -> Solution:
    return Extended().solve(compiled, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def digits_of(state: InitialState, lane: int = 0) -> list:
    """The components with all digits."""
    assert isinstance(state, ExtendedState)
    assert state.low is not None
    return [mpmath.mpf(float(high)) + mpmath.mpf(float(low)) for high, low in zip(state.states[lane], state.low[lane], strict=True)]


def distance(one: list, other: list) -> float:
    return float(mpmath.sqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True))))


def elliptic(time: float) -> list:
    return [mpmath.ellipfun(name, mpmath.mpf(time), m=mpmath.mpf(MODULUS)) for name in ("sn", "cn", "dn")]


def paired(rows: list[list]) -> ExtendedState:
    high = np.array([[float(x) for x in row] for row in rows])
    low = np.array([[float(x - mpmath.mpf(h)) for x, h in zip(row, highs, strict=True)] for row, highs in zip(rows, high.tolist(), strict=True)])
    return ExtendedState(high, low=low)


@pytest.mark.parametrize(("order", "steps"), [(10, (0.05, 0.07, 0.1)), (20, (0.12, 0.15, 0.2)), (34, (0.3, 0.36, 0.44))])
def test_one_step_converges_with_the_order_asked_for(rigid_body: CompiledSystem, order: int, steps: tuple[float, ...]) -> None:
    """Order p means a local error that falls like h^(p + 1); root mean square over 24 places on the orbit, down to 1e-30."""
    with mpmath.workdps(DIGITS):
        places = 0.27 * np.arange(24)
        initial = paired([elliptic(place) for place in places])
        errors = []
        for step in steps:
            times = np.array([0.0, step])
            request = checked(Extended(), rigid_body, initial, times, None, (1e-9, 1e-12), 10**6, 1, None)
            final = Extended()._run(request, initial, times, fixed=step, order=order).final
            exact = [elliptic(mpmath.mpf(place) + mpmath.mpf(step)) for place in places]
            errors.append(np.sqrt(np.mean([distance(digits_of(final, k), row) ** 2 for k, row in enumerate(exact)])))
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope - 1.0 == pytest.approx(order, abs=0.2)


def test_the_declared_order_is_that_of_the_usual_tolerance() -> None:
    assert order_of(1e-28) == Extended.order
    assert [order_of(tolerance) for tolerance in (1e-4, 1e-9, 1e-16, 1e-30)] == [8, 12, 20, 36]


@pytest.mark.parametrize("tolerance", [1e-12, 1e-20, 1e-28])
def test_the_error_follows_the_tolerance_down_to_thirty_digits(rigid_body: CompiledSystem, tolerance: float) -> None:
    with mpmath.workdps(DIGITS):
        error = distance(digits_of(solve(rigid_body, [[0.0, 1.0, 1.0]], [0.0, 75.0], rtol=tolerance, atol=tolerance).final), elliptic(75.0))
    assert 1e-4 * tolerance < error < 1000 * tolerance


def test_exponential_decay_has_thirty_digits() -> None:
    final = solve(flow({"x": "-x"}), [[1.0]], [0.0, 5.0]).final
    with mpmath.workdps(DIGITS):
        assert abs(digits_of(final)[0] * mpmath.exp(5) - 1) < 1e-28


def test_energy_is_kept_to_twenty_five_digits() -> None:
    """Henon-Heiles at energy 1/8 over 1000 time units, about 150 oscillations."""
    compiled = compile_system(system("henon_heiles"))
    initial = draw_initial(compiled, seed=0, n=3)
    final = Extended().solve(compiled, initial, np.array([0.0, 1000.0])).final

    def energy(state: list) -> Fraction:
        x, y, p, q = state
        return (p**2 + q**2 + x**2 + y**2) / 2 + x**2 * y - y**3 / 3

    assert isinstance(final, ExtendedState)
    assert final.low is not None
    for lane in range(3):
        before = energy([Fraction(x) for x in initial.states[lane]])
        after = energy([Fraction(x) + Fraction(y) for x, y in zip(final.states[lane], final.low[lane], strict=True)])
        assert abs(after / before - 1) < Fraction(1, 10**25)


def test_lorenz_stays_with_fifty_digits_beyond_forty_lyapunov_times(lorenz: CompiledSystem, oracle) -> None:
    """44.2 time units are 40 Lyapunov times: e^40 makes 1e-11 of 1e-28. Doubles are lost after about 37 of them, e^37 = 1 / 1e-16."""
    assert 44.2 * 0.9056 > 40.0
    times = np.array([0.0, 22.0, 44.2])
    truth = oracle.doubles(oracle.solve(lorenz, LORENZ, times, digits=50, guard=12))
    solution = solve(lorenz, [LORENZ], times)
    np.testing.assert_allclose(solution.states[0], truth, rtol=0.0, atol=1e-9)
    double = load("integrators", "taylor")().solve(lorenz, InitialState(LORENZ[None]), times, rtol=1e-16, atol=1e-16)
    assert np.abs(double.states[0, 2] - truth[2]).max() > 1.0


@pytest.mark.slow
def test_several_starts_stay_with_fifty_digits(lorenz: CompiledSystem, oracle) -> None:
    starts = np.random.default_rng(0).normal([0.0, 0.0, 25.0], [8.0, 9.0, 8.0], (6, 3))
    times = np.array([0.0, 44.2])
    solution = solve(lorenz, starts, times)
    for lane, start in enumerate(starts):
        np.testing.assert_allclose(solution.states[lane], oracle.doubles(oracle.solve(lorenz, start, times)), rtol=0.0, atol=1e-8)


# One flow for every operation of the grammar, bounded over the time asked for.
OPERATIONS = {
    "polynomials and quotients": {"x": "y/(2 + x*x) - x**3", "y": "1/(1 + y**2) - x*y"},
    "circular": {"x": "sin(y) + cos(x*y)", "y": "tan(0.3*x) - y"},
    "inverse circular": {"x": "atan(y) - 0.5*x", "y": "asin(0.4*cos(x)) + acos(0.3*sin(y)) - y"},
    "angle": {"x": "atan2(y, 2 + x) - x", "y": "cos(x) - y/3"},
    "exponential": {"x": "exp(-x*x) - y", "y": "log(2 + x*x) + sqrt(3 + y) - y"},
    "hyperbolic": {"x": "tanh(x + y) - x", "y": "sinh(x)/cosh(y) - y"},
    "powers": {"x": "(2 + y*y)**0.3 - 3*x", "y": "(1.5 + x*x)**(0.3*y) - 2*y"},
    "parameters": {"x": "c**0.3*y - exp(c)*x", "y": "c % 0.7 - x*abs(c) + min(c, 2)*max(c, 0.5) + floor(c)"},
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_agrees_with_mpmath(name: str, oracle) -> None:
    """Three time units at 1e-28 against 45 digits; the systems contract or grow by less than e^10."""
    equations = OPERATIONS[name]
    compiled = flow(equations, parameters={"c": 1.3} if "c**" in str(equations) else {})
    times = np.array([0.0, 3.0])
    truth = oracle.solve(compiled, [0.3, 0.4], times, digits=45)[-1]
    with mpmath.workdps(DIGITS):
        assert distance(digits_of(solve(compiled, [[0.3, 0.4]], times).final), truth) < 1e-25


RING = {"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + F[i]"}
PULLED = {"x[i]": "sum(j, W[i,j]*sin(x[j] - x[i])) + x[i-1]*x[i+1] - i*x[i]", "m": "mean(x) - m"}
SIZE = 4


def written_out(rolled: CompiledSystem, closed: bool) -> dict[str, str]:
    """The same equations, one a cell, by hand."""
    values = [repr(float(value)) for value in rolled.parameter_values]

    def cell(k: int) -> str:
        return "0.0" if closed and not 0 <= k < SIZE else f"x{k % SIZE}"

    if "m" not in rolled.components:
        return {f"x{i}": f"({cell(i + 1)} - {cell(i - 2)})*{cell(i - 1)} - x{i} + ({values[i]})" for i in range(SIZE)}
    pulls = [" + ".join(f"({values[SIZE * i + j]})*sin(x{j} - x{i})" for j in range(SIZE)) for i in range(SIZE)]
    cells = {f"x{i}": f"{pulls[i]} + {cell(i - 1)}*{cell(i + 1)} - {i}*x{i}" for i in range(SIZE)}
    return cells | {"m": f"({' + '.join(f'x{j}' for j in range(SIZE))})/{SIZE} - m"}


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
@pytest.mark.parametrize(
    ("equations", "parameter"),
    [(RING, {"F": {"formula": "cos(3*i + 1)", "shape": "N"}}), (PULLED, {"W": {"formula": "0.3*cos(i + 2*j)", "shape": "NN"}})],
    ids=["ring", "pulled"],
)
def test_cells_are_the_equations_written_out(equations: dict[str, str], parameter: dict, boundary: str) -> None:
    rolled = flow(equations, parameters=parameter, size={"N": SIZE}, boundary=boundary)
    start = np.linspace(0.2, 1.4, rolled.dimension)[None]
    one, other = (solve(compiled, start, [0.0, 1.0]).final for compiled in (rolled, flow(written_out(rolled, boundary == "zero"))))
    with mpmath.workdps(DIGITS):
        assert distance(digits_of(one), digits_of(other)) < 1e-26


ABLE = sorted(name for name, path in system_files().items() if path.parent.name in Extended.kinds)


@pytest.mark.parametrize("name", [name if place % 6 == 0 else pytest.param(name, marks=pytest.mark.slow) for place, name in enumerate(ABLE)])
def test_doubles_agree_on_every_system(name: str) -> None:
    """One unit of time, or five iterations, but no more than five Lyapunov times, with errors of 1e-12 a step allowed to grow by four digits."""
    compiled = compile_system(read_definition(system_files()[name]))
    initial = draw_initial(compiled, seed=3, n=3)
    maps = compiled.definition.kind == "maps"
    method = load("integrators", "iteration" if maps else "dop853")()
    facts = load_facts(compiled.definition)
    longest = np.inf if facts is None or facts.lyapunov_time is None else 5.0 * facts.lyapunov_time
    times = np.arange(1.0 + max(1.0, min(5.0, np.floor(longest)))) if maps else np.linspace(0.0, min(1.0, longest), 11)
    one, other = (each.solve(compiled, initial, times, rtol=1e-12, atol=1e-13) for each in (method, Extended()))
    assert not other.status.any()
    assert np.abs(one.states - other.states).max() < 1e-8 * (1.0 + np.abs(one.states).max())


def test_a_map_is_iterated_with_thirty_digits(oracle) -> None:
    """Sixty iterations of the logistic map at r = 4 double an error sixty times: 1e-31 becomes 1e-13, and a double has lost everything."""
    compiled = flow({"x": "4*x*(1 - x)"}, kind="maps")
    times = np.array([0.0, 10.0, 60.0])
    solution = solve(compiled, [[0.3]], times)
    truth = oracle.doubles(oracle.solve(compiled, [0.3], times, digits=60))
    np.testing.assert_allclose(solution.states[0], truth, atol=1e-11)
    double = load("integrators", "iteration")().solve(compiled, InitialState(np.array([[0.3]])), times)
    assert abs(double.states[0, 2, 0] - truth[2, 0]) > 1e-3
    assert solution.evaluations.tolist() == [60]


def test_a_run_goes_on_with_all_digits(lorenz: CompiledSystem) -> None:
    whole = solve(lorenz, [LORENZ], [0.0, 20.0]).final
    half = solve(lorenz, [LORENZ], [0.0, 7.3]).final
    rest = Extended().solve(lorenz, half, np.array([7.3, 20.0])).final
    rounded = Extended().solve(lorenz, InitialState(half.states), np.array([7.3, 20.0])).final
    with mpmath.workdps(DIGITS):
        assert distance(digits_of(whole), digits_of(rest)) < 1e-19  # 1e-28 grown by e^(0.9 * 20)
        assert distance(digits_of(whole), digits_of(rounded)) > 1e-13


def test_iterations_go_on_with_all_digits() -> None:
    compiled = compile_system(system("henon"))
    whole = solve(compiled, [[0.1, 0.1]], [0.0, 50.0]).final
    half = solve(compiled, [[0.1, 0.1]], [0.0, 20.0]).final
    rest = Extended().solve(compiled, half, np.array([20.0, 50.0])).final
    np.testing.assert_array_equal(rest.states, whole.states)
    np.testing.assert_array_equal(rest.low, whole.low)


def test_results_do_not_depend_on_threads_or_company(lorenz: CompiledSystem) -> None:
    states = np.random.default_rng(1).normal(10.0, 3.0, size=(21, 3))
    times = np.linspace(0.0, 3.0, 50)
    one = solve(lorenz, states, times, threads=1)
    other = solve(lorenz, states, times, threads=3)
    np.testing.assert_array_equal(other.states, one.states)
    np.testing.assert_array_equal(other.evaluations, one.evaluations)
    alone = solve(lorenz, states[7:8], times)
    np.testing.assert_array_equal(alone.states[0], one.states[7])
    np.testing.assert_array_equal(alone.final.low[0], one.final.low[7])


def test_outputs_change_no_steps_and_end_in_the_final_state(lorenz: CompiledSystem) -> None:
    few, many = (solve(lorenz, [LORENZ], times) for times in ([0.0, 5.0], np.linspace(0.0, 5.0, 2001)))
    np.testing.assert_array_equal(few.final.low, many.final.low)
    np.testing.assert_array_equal(many.states[0, -1], many.final.states[0])
    np.testing.assert_array_equal(many.states[0, 0], LORENZ)


def test_outputs_inside_steps_are_right_to_the_last_place(lorenz: CompiledSystem) -> None:
    """Against runs that end there: half a unit in the last place of a component of 40, and one of what the step adds."""
    times = np.linspace(0.0, 1.0, 38)
    inside = solve(lorenz, [LORENZ], times).states[0]
    ends = np.array([solve(lorenz, [LORENZ], [0.0, time]).final.states[0] for time in times[1:]])
    assert np.abs(inside[1:] - ends).max() < 8e-15


def test_times_and_parameters_may_differ_by_trajectory() -> None:
    compiled = flow({"x": "-k*x"}, parameters={"k": 1.0})
    times = np.array([[0.0, 1.0, 2.0], [5.0, 5.5, 9.0]])
    rates = np.array([[1.0], [2.0]])
    solution = solve(compiled, [[1.0], [1.0]], times, parameters=rates)
    np.testing.assert_allclose(solution.states[:, :, 0], np.exp(-rates * (times - times[:, :1])), rtol=4e-16)


def test_a_buffer_is_filled_and_a_single_time_is_the_start(lorenz: CompiledSystem) -> None:
    out = np.full((1, 2, 3), 7.0)
    assert np.shares_memory(solve(lorenz, [LORENZ], [0.0, 1.0], out=out).states, out)
    alone = solve(lorenz, [LORENZ], [4.0])
    assert alone.states.tolist() == [[LORENZ.tolist()]]
    assert alone.evaluations.tolist() == [0]


def test_fixed_points_stay_and_clocks_may_be_late(lorenz: CompiledSystem) -> None:
    still = solve(lorenz, np.zeros((1, 3)), [0.0, 100.0])
    assert not still.states.any()
    early, late = (solve(lorenz, [LORENZ], start + np.array([0.0, 2.0])).final for start in (0.0, 2.0**20))
    with mpmath.workdps(DIGITS):
        assert distance(digits_of(early), digits_of(late)) < 1e-25


def test_a_kink_is_crossed_with_all_digits() -> None:
    """x' = |v| with v' = 1 from v = -1: at time 3, x = 1/2 + 2."""
    solution = solve(flow({"x": "abs(v)", "v": "1"}), [[0.0, -1.0]], [0.0, 3.0])
    with mpmath.workdps(DIGITS):
        assert abs(digits_of(solution.final)[0] - mpmath.mpf(5) / 2) < 1e-26
    assert solution.rejected[0] > 10


def test_a_jump_is_crossed_with_all_digits() -> None:
    """x' = sign(v) with v' = 1 from v = -1/3 as a double: at time 1, x = 1 - 2/3."""
    start = -1.0 / 3.0
    solution = solve(flow({"x": "sign(v)", "v": "1"}), [[0.0, start]], [0.0, 1.0])
    with mpmath.workdps(DIGITS):
        assert abs(digits_of(solution.final)[0] - (1 + 2 * mpmath.mpf(start))) < 1e-26


@pytest.mark.parametrize("wall", ["5*max(x - 0.99, 0)", "where(x > 0.99, 0.1, 0)", "floor(x + 0.01)", "5*max(x - 0.99*y, 0)"])
def test_no_step_passes_a_kink_or_jump_and_comes_back(wall: str) -> None:
    """An oscillator that meets a wall for a fifth of a period: steps without the wall are many times longer. Against steps of 1 / 50."""
    compiled = flow({"x": "v", "v": f"-x - {wall}", "y": "0*y"})
    start, times = InitialState(np.array([[0.0, 1.0, 1.0]])), np.linspace(0.0, 20.0, 1001)
    whole = Extended().solve(compiled, start, times[[0, -1]]).final
    for here, there in pairwise(times):
        start = Extended().solve(compiled, start, np.array([here, there])).final
    with mpmath.workdps(DIGITS):
        assert distance(digits_of(whole), digits_of(start)) < 1e-24
        assert distance(digits_of(whole), [mpmath.sin(20), mpmath.cos(20), 1]) > 1e-3


def test_a_pole_is_a_blow_up_and_leaves_the_others_alone() -> None:
    times = np.linspace(0.0, 2.0, 41)
    solution = solve(flow({"x": "x**2"}), [[1.0], [-1.0]], times)
    assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
    np.testing.assert_allclose(solution.states[0, :20, 0], 1.0 / (1.0 - times[:20]), rtol=1e-13)  # the times themselves are rounded
    assert np.isnan(solution.states[0, 21:]).all()
    np.testing.assert_allclose(solution.states[1, :, 0], -1.0 / (1.0 + times), rtol=4e-16)


def test_the_end_of_the_domain_is_a_step_underflow() -> None:
    solution = solve(flow({"x": "-1 - sqrt(x)"}), [[1.0]], [0.0, 0.6, 0.7])
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW]
    assert np.isfinite(solution.states[0, 1, 0])
    assert np.isnan(solution.states[0, 2, 0])
    assert 0.0 <= solution.final.states[0, 0] < 1e-6


def test_a_step_budget_ends_a_trajectory(lorenz: CompiledSystem) -> None:
    solution = solve(lorenz, [LORENZ], [0.0, 0.01, 100.0], max_steps=20)
    assert solution.status.tolist() == [Status.TOO_MANY_STEPS]
    assert np.isfinite(solution.states[0, 1]).all()
    assert np.isnan(solution.states[0, 2]).all()
    map_ = solve(compile_system(system("henon")), [[0.1, 0.1]], [0.0, 5.0, 100.0], max_steps=20)
    assert map_.status.tolist() == [Status.TOO_MANY_STEPS]


def test_a_map_that_escapes_is_a_blow_up() -> None:
    solution = solve(flow({"x": "x*x"}, kind="maps"), [[2.0], [0.5]], np.arange(9.0))
    assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
    assert solution.states[0, :6, 0].tolist() == [2.0 ** (2**n) for n in range(6)]
    assert np.isnan(solution.states[0, 6:]).all()


def test_the_reference_solution_is_a_function_of_times(lorenz: CompiledSystem) -> None:
    times = np.linspace(0.0, 10.0, 11)
    one = reference_solution(lorenz, LORENZ, times)
    many = reference_solution(lorenz, np.stack([LORENZ, LORENZ]), times, tolerance=1e-28)
    assert one.shape == (11, 3)
    np.testing.assert_allclose(many, np.stack([one, one]), rtol=0.0, atol=1e-14)
    with pytest.raises(IntegrationError, match="the reference solution ended early with status 1"):
        reference_solution(flow({"x": "x*x"}), np.array([1.0]), np.array([0.0, 2.0]))


def test_impossible_requests_say_value_and_rule(lorenz: CompiledSystem) -> None:
    with pytest.raises(IntegrationError, match="rtol is 1e-33; pairs of doubles carry 31 digits, so it must be at least 1e-30"):
        solve(lorenz, [LORENZ], [0.0, 1.0], rtol=1e-33)
    with pytest.raises(IntegrationError, match=r"initial\.low has an entry above the last place"):
        Extended().solve(lorenz, ExtendedState(LORENZ[None], low=np.full((1, 3), 1e-3)), np.array([0.0, 1.0]))
    with pytest.raises(IntegrationError, match="whole numbers"):
        solve(compile_system(system("henon")), [[0.1, 0.1]], [0.0, 0.5])
    with pytest.raises(IntegrationError, match="not delays"):
        Extended().solve(compile_system(system("mackey_glass")), InitialState(np.ones((1, 1))), np.array([0.0, 1.0]))


def test_what_is_too_large_is_refused_with_its_size() -> None:
    crowd = flow({"x[i]": "sin(i) + 0.01*sum(j, sin(x[j] - x[i]))"}, size={"N": 200})
    with pytest.raises(KernelError, match="needs 121000 numbers an order; 65536 are the most; take another integrator"):
        solve(crowd, np.zeros((1, 200)), [0.0, 0.1])
