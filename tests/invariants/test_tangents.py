"""Growth of tangent vectors where it is known exactly: linear systems, volume rates, and what must not matter."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import InvariantError
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._tangents import TangentRun, directions, log_growth

LORENZ = {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3"}
STARTS = InitialState(np.array([[1.0, 1.0, 20.0], [2.0, 1.0, 21.0], [-3.0, -4.0, 25.0]]))


def compiled(equations: dict[str, str], **settings: object) -> CompiledSystem:
    return compile_system(system_from(equations, **settings))  # type: ignore[arg-type]


def test_exponents_of_a_linear_flow_are_the_real_parts_of_its_eigenvalues() -> None:
    # eigenvalues of [[0.1, 2, 0], [-2, 0.1, 0], [1, 0, -3]]: 0.1 +- 2i, -3
    flow = compiled({"x": "0.1*x + 2*y", "y": "-2*x + 0.1*y", "z": "x - 3*z"})
    growth = log_growth(flow, InitialState(np.ones((1, 3))), columns=3, interval=np.pi / 2, n_intervals=40, transient_intervals=40)
    assert growth.logs.mean(axis=(0, 1)) / growth.time == pytest.approx([0.1, 0.1, -3.0], abs=2e-5)


def test_exponents_of_a_linear_map_are_the_logarithms_of_its_eigenvalues() -> None:
    # the cat map's matrix [[1, 1], [1, 2]]: eigenvalues (3 +- sqrt 5)/2
    cat = compiled({"x": "x + y", "y": "x + 2*y"}, kind="maps", state={"x": {"period": "1"}, "y": {"period": "1"}}, conservative=True)
    growth = log_growth(cat, InitialState(np.array([[0.1, 0.2]])), columns=2, interval=1, n_intervals=1000, transient_intervals=50)
    exact = np.log((3 + np.sqrt(5)) / 2)
    assert growth.logs.mean(axis=(0, 1)) == pytest.approx([exact, -exact], abs=1e-13)


def test_angles_are_wrapped_so_that_a_long_run_keeps_its_digits() -> None:
    # theta turns by 1e9 an iteration: unwrapped it would pass the limit of 1e12 after 1000
    turn = compiled({"theta": "theta + 1000000000.25"}, kind="maps", state={"theta": {"period": "1"}})
    run = TangentRun(turn, InitialState(np.array([[0.5]])), columns=1, seed=0)
    assert np.array_equal(run.advance(5000, interval=1), np.zeros((1, 5000, 1)))
    assert run.status[0] == Status.OK


@pytest.mark.parametrize(("rtol", "bias"), [(1e-5, 1e-4), (1e-6, 1e-5), (1e-7, 1e-6)])
def test_the_sum_over_all_exponents_is_the_divergence_at_every_tolerance(rtol: float, bias: float) -> None:
    # div = -(10 + 1 + 8/3) everywhere on the Lorenz flow: whatever is missing is the bias of the method
    growth = log_growth(compiled(LORENZ), STARTS, columns=3, interval=0.26, n_intervals=400, transient_intervals=20, rtol=rtol)
    assert growth.logs.sum(axis=2).mean() / growth.time == pytest.approx(-41 / 3, abs=bias)


def test_contraction_is_right_where_a_fast_variable_follows_a_slow_one() -> None:
    # y is slaved to x at rate 200: errors of y die out, so only the tangents' own error keeps steps short enough. Sum = 0 - 200.
    slaved = compiled({"x": "v", "v": "-x", "y": "200*(x**2 - y)"})
    growth = log_growth(slaved, InitialState(np.array([[1.0, 0.0, 0.9]])), columns=3, interval=0.01, n_intervals=2000, transient_intervals=10)
    assert growth.logs.sum(axis=2).mean() / growth.time == pytest.approx(-200.0, rel=1e-4)


def test_results_do_not_depend_on_threads_or_on_which_orbits_run_together() -> None:
    flow = compiled(LORENZ)
    one, two = (log_growth(flow, STARTS, columns=2, interval=0.3, n_intervals=50, transient_intervals=5, threads=n).logs for n in (1, 3))
    alone = log_growth(flow, InitialState(STARTS.states[:1]), columns=2, interval=0.3, n_intervals=5, transient_intervals=0)
    assert np.array_equal(one, two)
    assert alone.logs.shape == (1, 5, 2)


def test_carrying_on_in_pieces_is_the_same_run() -> None:
    whole = TangentRun(compiled(LORENZ), STARTS, columns=3, seed=4).advance(60, interval=0.25)
    run = TangentRun(compiled(LORENZ), STARTS, columns=3, seed=4)
    pieces = np.concatenate([run.advance(10, interval=0.25), run.advance(50, interval=0.25)], axis=1)
    assert np.array_equal(pieces, whole)


def test_a_record_of_several_intervals_is_their_sum() -> None:
    henon = compiled({"x": "1 - 1.4*x**2 + y", "y": "0.3*x"}, kind="maps")
    start = InitialState(np.array([[0.1, 0.1]]))
    fine = TangentRun(henon, start, columns=2, seed=0).advance(120, interval=1)
    coarse = TangentRun(henon, start, columns=2, seed=0).advance(30, interval=1, per_record=4)
    assert np.allclose(coarse, fine.reshape(1, 30, 4, 2).sum(axis=2), rtol=0, atol=1e-12)


def test_the_interval_between_orthonormalisations_does_not_change_the_volume() -> None:
    henon = compiled({"x": "1 - 1.4*x**2 + y", "y": "0.3*x"}, kind="maps")
    start = InitialState(np.array([[0.1, 0.1]]))
    for interval in (1, 4, 8):
        logs = TangentRun(henon, start, columns=2, seed=0).advance(96 // interval, interval=interval)
        assert logs.sum() / 96 == pytest.approx(np.log(0.3), abs=1e-9)


def test_a_singular_map_has_an_exponent_of_minus_infinity_and_keeps_the_others() -> None:
    flat = compiled({"x": "1.5*x - floor(1.5*x)", "y": "x"}, kind="maps")
    logs = TangentRun(flat, InitialState(np.array([[0.3, 0.1]])), columns=2, seed=0).advance(200, interval=1)
    assert logs[0, 5:, 0].mean() == pytest.approx(np.log(1.5), abs=1e-12)
    assert np.isneginf(logs[0, 1:, 1]).all()


def test_an_orbit_that_escapes_says_so_and_leaves_the_others_alone() -> None:
    square = compiled({"x": "x**2 - 1.8"}, kind="maps")  # bounded from 0.5, infinite from 3
    growth = log_growth(square, InitialState(np.array([[0.5], [3.0]])), columns=1, interval=1, n_intervals=20, transient_intervals=0)
    assert list(growth.status) == [Status.OK, Status.BLOW_UP]
    assert np.isfinite(growth.logs[0]).all()
    assert np.isnan(growth.logs[1, -1, 0])
    flow = compiled({"x": "x**2"})
    run = TangentRun(flow, InitialState(np.array([[1.0]])), columns=1, seed=0)
    run.advance(20, interval=0.1)  # x = 1/(1 - t) is infinite at t = 1
    assert run.status[0] in (Status.BLOW_UP, Status.STEP_UNDERFLOW)


def test_parameters_differ_between_orbits() -> None:
    scaled = compiled({"x": "a*x"}, parameters={"a": 0.5}, kind="maps")
    starts = InitialState(np.ones((2, 1)))
    growth = log_growth(scaled, starts, columns=1, interval=1, n_intervals=10, transient_intervals=0, parameters=np.array([[0.5], [0.25]]))
    assert growth.logs.mean(axis=1).ravel() == pytest.approx([np.log(0.5), np.log(0.25)])


@pytest.mark.parametrize("columns", [0, 4])
def test_columns_that_cannot_be_are_refused(columns: int) -> None:
    with pytest.raises(InvariantError, match="1 to 3"):
        TangentRun(compiled(LORENZ), STARTS, columns=columns, seed=0)


def test_tangents_of_a_splitting_method_are_symplectic_and_agree_with_the_usual_ones() -> None:
    compiled = compile_system(system("henon_heiles"))
    initial = draw_initial(compiled, seed=0, n=2)
    usual = TangentRun(compiled, initial, columns=4, seed=0, rtol=1e-12)
    split = TangentRun(compiled, initial, columns=4, seed=0, splitting=0.02)
    logs = [run.advance(4, interval=2.5) for run in (usual, split)]
    assert logs[0] == pytest.approx(logs[1], abs=1e-6)
    long = split.advance(1, interval=2.5, per_record=2000)[:, 0]
    assert long[:, :2].min() > -20.0
    assert long[:, :2] == pytest.approx(-long[:, :1:-1], abs=1e-9)  # conjugate columns, at every time
    assert "splitting of order 8, step 0.02" in split.method


def test_all_columns_of_a_hamiltonian_system_start_and_stay_conjugate() -> None:
    compiled = compile_system(system("henon_heiles"))
    start = directions(compiled.definition, 0, 3, 4, 4)
    form = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
    assert start @ start.T == pytest.approx(np.eye(4), abs=1e-14)
    assert np.abs(start @ form @ start.T) == pytest.approx(np.eye(4)[::-1], abs=1e-14)
    logs = TangentRun(compiled, draw_initial(compiled, seed=0, n=2), columns=4, seed=0).advance(5, interval=3.0, per_record=20)
    assert logs == pytest.approx(-logs[..., ::-1], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "step", "said"), [("lorenz63", 0.1, "no flow whose equations split"), ("henon", 0.1, "no flow"), ("henon_heiles", -1.0, "longest step")]
)
def test_a_splitting_that_cannot_be_is_refused(name: str, step: float, said: str) -> None:
    compiled = compile_system(system(name))
    with pytest.raises(InvariantError, match=said):
        TangentRun(compiled, draw_initial(compiled, seed=0, n=1), columns=2, seed=0, splitting=step)
