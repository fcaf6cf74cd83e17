"""The implicit method: order conditions, orders, stability, and classical stiff problems against Radau."""

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import ellipj

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators._request import checked
from chaosbench.integrators._rodas5p_tableau import RODAS5P, Rosenbrock
from chaosbench.integrators.base import InitialState, Solution, Status

METHOD = load("integrators", "rodas5p")()
EXPLICIT = load("integrators", "dop853")()
MODULUS = 0.51
ROBERTSON = {"x": "-0.04*x + 1e4*y*z", "y": "0.04*x - 1e4*y*z - 3e7*y*y", "z": "3e7*y*y"}
VAN_DER_POL = {"x": "v", "v": "mu*(1 - x*x)*v - x"}
OREGONATOR = {"x": "77.27*(y + x*(1 - 8.375e-6*x - y))", "y": "(z - (1 + x)*y)/77.27", "z": "0.161*(x - z)"}
HIRES = {
    "a": "-1.71*a + 0.43*b + 8.32*c + 0.0007",
    "b": "1.71*a - 8.75*b",
    "c": "-10.03*c + 0.43*d + 0.035*e",
    "d": "8.32*b + 1.71*c - 1.12*d",
    "e": "-1.745*e + 0.43*f + 0.43*g",
    "f": "-280*f*h + 0.69*d + 1.71*e - 0.43*f + 0.69*g",
    "g": "280*f*h - 1.81*g",
    "h": "-280*f*h + 1.81*g",
}


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


def solve(system: CompiledSystem, states, times, method=METHOD, **options) -> Solution:
    return method.solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def fixed_steps(system: CompiledSystem, states, times, step: float, parameters=None) -> np.ndarray:
    initial, clock = InitialState(np.array(states, dtype=float)), np.array(times, dtype=float)
    request = checked(METHOD, system, initial, clock, parameters, (1e-9, 1e-12), 10**6, 1, None)
    return METHOD._run(request, clock, fixed=step).states


def slope_of(steps, errors) -> float:
    return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


# the coefficients


def trees(size: int) -> list[tuple]:
    """Rooted trees as sorted tuples of their branches."""
    if size == 1:
        return [()]
    found = set()
    for parts in itertools.product(range(size), repeat=size - 1):
        if sum(parts) == size - 1:
            found.update(tuple(sorted(branches)) for branches in itertools.product(*(trees(part) for part in parts if part)))
    return sorted(found)


def nodes(tree: tuple) -> int:
    return 1 + sum(nodes(branch) for branch in tree)


def density(tree: tuple) -> int:
    return nodes(tree) * int(np.prod([density(branch) for branch in tree] or [1]))


def classical() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The coefficients alpha, beta = alpha + Gamma, and the matrix that turns weights of U into weights of k (Hairer and Wanner, IV.7.25)."""
    stages = RODAS5P.stages
    a, c = np.zeros((2, stages, stages))
    for s, (row, other) in enumerate(zip(RODAS5P.a, RODAS5P.c, strict=True)):
        a[s, :s], c[s, :s] = row, other
    gamma = np.linalg.inv(np.eye(stages) / RODAS5P.gamma - c)
    return a @ gamma, a @ gamma + gamma, gamma


def weight(tree: tuple, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    product = np.ones(len(alpha))
    for branch in tree:
        product = product * ((beta if len(tree) == 1 else alpha) @ weight(branch, alpha, beta))
    return product


def test_the_order_conditions_of_all_trees_hold() -> None:
    """17 trees up to order 5 for the step, 8 up to order 4 for the embedded solution and, at every theta, for the outputs."""
    alpha, beta, gamma = classical()
    new = np.array([*RODAS5P.a[-1], 1.0])
    embedded = np.array([*RODAS5P.a[-1], 0.0])
    assert [len(trees(size)) for size in range(1, 6)] == [1, 1, 2, 4, 9]
    for tree in [tree for size in range(1, 6) for tree in trees(size)]:
        assert new @ gamma @ weight(tree, alpha, beta) == pytest.approx(1.0 / density(tree), abs=1e-13)
    for tree in [tree for size in range(1, 5) for tree in trees(size)]:
        assert embedded @ gamma @ weight(tree, alpha, beta) == pytest.approx(1.0 / density(tree), abs=1e-13)
        for theta in (0.1, 0.5, 0.8):
            inside = theta * (new + (1.0 - theta) * (np.array(RODAS5P.dense).T @ theta ** np.arange(3)))
            assert inside @ gamma @ weight(tree, alpha, beta) == pytest.approx(theta ** nodes(tree) / density(tree), abs=1e-13)
    wrong = [abs(embedded @ gamma @ weight(tree, alpha, beta) - 1.0 / density(tree)) for tree in trees(5)]
    assert max(wrong) > 1e-3  # else the pair would estimate nothing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": (*RODAS5P.a[:-1], RODAS5P.a[-1][:-1])}, "row s must have s"),
        ({"a": (*RODAS5P.a[:-1], (*RODAS5P.a[-1][:-1], 2.0))}, "not stiffly accurate"),
        ({"dense": RODAS5P.dense[:2]}, "dense must be 3 rows of 8"),
    ],
)
def test_coefficients_that_are_no_method_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rosenbrock(**{**vars(RODAS5P), **change})


# orders and stability


@pytest.fixture(scope="module")
def rigid_body() -> CompiledSystem:
    """Euler's equations; through (0, 1, 1) they are solved by Jacobi's sn, cn, dn of parameter 0.51."""
    return flow({"x": "y*z", "y": "-x*z", "z": "-m*x*y"}, parameters={"m": MODULUS})


def elliptic(times: np.ndarray) -> np.ndarray:
    return np.stack(ellipj(times, MODULUS)[:3], axis=-1)


def test_fixed_steps_converge_with_the_declared_order(rigid_body: CompiledSystem) -> None:
    counts = np.array([60, 90, 120])
    reached = [fixed_steps(rigid_body, elliptic(np.zeros(1)), [0.0, 6.0], 6.0 / count)[0, -1] for count in counts]
    errors = np.linalg.norm(reached - elliptic(6.0), axis=-1)
    assert slope_of(6.0 / counts, errors) == pytest.approx(METHOD.order, abs=0.2)


def test_the_continuous_extension_converges_with_the_declared_order(rigid_body: CompiledSystem) -> None:
    """One step from 12 places on the orbit: order p means a local error that falls like h^(p + 1), here at 20 places inside the step."""
    starts, steps, errors = 0.55 * np.arange(12), np.array([0.1, 0.07, 0.05]), []
    for step in steps:
        times = step * np.arange(22) / 21
        states = fixed_steps(rigid_body, elliptic(starts), times, step)
        errors.append(np.sqrt(np.mean((states - elliptic(starts[:, None] + times))[:, 1:-1] ** 2)))
    assert slope_of(steps, errors) - 1.0 == pytest.approx(RODAS5P.dense_order, abs=0.2)


@pytest.mark.parametrize("stiffness", [1.0, 10.0, 100.0])
def test_stiffness_costs_one_order_on_the_prothero_robinson_problem(stiffness: float) -> None:
    """x' = -k (x - sin t) + cos t is solved by sin t; k grows as the step shrinks, k h = stiffness."""
    system = flow({"x": "-k*(x - sin(t)) + cos(t)"}, parameters={"k": 1.0}, forcing_period="2*pi")
    steps = 2.0 / np.array([20, 40, 80])
    errors = [abs(fixed_steps(system, [[0.0, 0.0]], [0.0, 2.0], h, np.array([[stiffness / h]]))[0, -1, 0] - np.sin(2.0)) for h in steps]
    assert slope_of(steps, errors) == pytest.approx(4.0, abs=0.2)


def test_outputs_inside_a_step_keep_their_order_on_a_stiff_problem() -> None:
    system = flow({"x": "-k*(x - sin(t)) + cos(t)"}, parameters={"k": 1e6}, forcing_period="2*pi")
    steps, errors = 2.0 / np.array([20, 40, 80]), []
    for step in steps:
        times = np.linspace(0.0, 2.0, 401)
        errors.append(np.abs(fixed_steps(system, [[0.0, 0.0]], times, step)[0, :, 0] - np.sin(times)).max())
    assert slope_of(steps, errors) == pytest.approx(RODAS5P.dense_order, abs=0.2)


def test_a_linear_decay_is_the_stability_function_and_vanishes_at_infinity() -> None:
    """The stages are scalars here; R(z) = e^z + O(z^6), and R vanishes at infinity because the method is stiffly accurate."""
    system = flow({"x": "-k*x"}, parameters={"k": 1.0})
    for decay in (1e-3, 0.1, 2.0, 50.0, 1e9):
        stages = []
        for row, other in zip(RODAS5P.a, RODAS5P.c, strict=True):
            state = 1.0 + np.dot(row, stages)
            stages.append((-decay * state + np.dot(other, stages)) / (1.0 / RODAS5P.gamma + decay))
        exact = 1.0 + np.dot(RODAS5P.a[-1], stages[:-1]) + stages[-1]
        got = fixed_steps(system, [[1.0]], [0.0, 1.0], 1.0, np.array([[decay]]))[0, -1, 0]
        assert got == pytest.approx(exact, abs=1e-13)
        if decay <= 0.1:
            assert got == pytest.approx(np.exp(-decay), abs=decay**6)
    assert abs(got) < 1e-7


# stiff problems


def jacobian_of(system: CompiledSystem):
    return lambda t, s: system.jacobian(s[None])[0]


@pytest.mark.parametrize(
    ("equations", "options", "start", "times", "atol"),
    [
        (ROBERTSON, {}, [1.0, 0.0, 0.0], [0.0, 0.4, 4.0, 400.0, 4e5], 1e-14),
        (VAN_DER_POL, {"parameters": {"mu": 1e3}}, [2.0, 0.0], [0.0, 100.0, 700.0, 1500.0], 1e-11),
        (VAN_DER_POL, {"parameters": {"mu": 1e6}}, [2.0, 0.0], [0.0, 1e5, 7e5, 1.5e6], 1e-11),
        (HIRES, {}, [1.0, 0, 0, 0, 0, 0, 0, 0.0057], [0.0, 10.0, 100.0, 321.8122], 1e-12),
        (OREGONATOR, {}, [1.0, 2.0, 3.0], [0.0, 30.0, 180.0, 360.0], 1e-10),
    ],
    ids=["robertson", "van der pol 1e3", "van der pol 1e6", "hires", "oregonator"],
)
def test_radau_finds_the_same_solution(equations, options, start, times, atol) -> None:
    """Both at 1e-9 a step: some hundred to thousand steps and, in the relaxation oscillators, a phase error that the jumps make larger."""
    system = flow(equations, **options)
    oracle = solve_ivp(
        lambda t, s: system.value(s[None])[0], (0.0, times[-1]), start, "Radau", t_eval=times, rtol=1e-9, atol=atol, jac=jacobian_of(system)
    )
    solution = solve(system, [start], times, rtol=1e-9, atol=atol)
    assert solution.status.tolist() == [Status.OK]
    np.testing.assert_allclose(solution.states[0], oracle.y.T, rtol=2e-6, atol=1e3 * atol)


def test_the_mass_of_robertsons_reaction_is_kept_to_rounding() -> None:
    """A linear integral: every Rosenbrock step conserves it. 4e11 is the last time of the classical table, where x is 5.2e-9."""
    solution = solve(flow(ROBERTSON), [[1.0, 0.0, 0.0]], [0.0, 4.0, 4e3, 4e11], rtol=1e-8, atol=1e-16)
    assert np.abs(solution.states[0].sum(axis=1) - 1.0).max() < 1e-8
    assert solution.states[0, -1, 0] == pytest.approx(5.2e-9, rel=0.01)
    assert solution.evaluations[0] < 20_000


def test_a_stiff_problem_costs_a_thousandth_of_what_an_explicit_method_pays() -> None:
    system = flow(VAN_DER_POL, parameters={"mu": 1000.0})
    stiff = solve(system, [[2.0, 0.0]], [0.0, 500.0], rtol=1e-6, atol=1e-9)
    plain = solve(system, [[2.0, 0.0]], [0.0, 500.0], EXPLICIT, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(stiff.states[0, -1], plain.states[0, -1], rtol=1e-4)
    assert 1000 * stiff.evaluations[0] < plain.evaluations[0]
