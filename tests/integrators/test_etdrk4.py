"""ETDRK4 of fields: against the readable stepper, exact solutions, its order, and the contract of an integrator."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.linalg import expm

from chaosbench.catalogue import load, system_files
from chaosbench.dynamics.compile import FieldSystem, compile_system
from chaosbench.dynamics.reader import read_definition
from chaosbench.errors import IntegrationError
from chaosbench.initial import draw_initial
from chaosbench.integrators._exponential_drivers import exponential_weights
from chaosbench.integrators._field_integrals import of_sizes
from chaosbench.integrators._field_steps import longest_field_steps
from chaosbench.integrators._request import checked
from chaosbench.integrators._sampling import equal_intervals
from chaosbench.integrators.base import FieldState, InitialState, Solution, Status

METHOD = load("integrators", "etdrk4")
FIELDS = sorted(name for name, path in system_files().items() if path.parent.name == "fields")
ADVECTION = """
[domain]
x = { length = "2*pi", points = 16 }
[state]
u = { meaning = "height" }
[parameters]
c = { value = 1.0, meaning = "speed" }
[equations]
u = "-c*dx(u) + 0.1*dx(u, 2)"
"""
BLOW_UP = """
[domain]
x = { length = "2*pi", points = 12 }
[state]
u = { meaning = "temperature" }
[equations]
u = "u*u + 0.1*dx(u, 2)"
"""
HELD = """
[domain]
x = { length = "2*pi", points = 24 }
y = { length = "2*pi", points = 10 }
[state]
u = { meaning = "height", mean = 0.75 }
v = { meaning = "depth" }
[equations]
u = "u*v + laplacian(u)/4 - laplacian(v)/10"
v = "0.5 - v*v*v + laplacian(v)/4 + laplacian(u)/10 + cos(y)"
"""

Make = Callable[[str], FieldSystem]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    def system(text: str) -> FieldSystem:
        path = tmp_path_factory.mktemp("definitions") / "fields" / "example.toml"
        path.parent.mkdir()
        path.write_text('title = "Example"\nsummary = "Made for a test."\ntags = ["test"]\n' + text + '[initial]\nprofile = { u = "cos(x)" }\n')
        found = compile_system(read_definition(path))
        assert isinstance(found, FieldSystem)
        return found

    return system


@pytest.fixture(scope="module")
def plain() -> ModuleType:
    """The readable stepper."""
    path = Path(__file__).parents[1] / "oracles" / "etdrk4.py"
    specification = importlib.util.spec_from_file_location("plain_etdrk4", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def shipped(name: str) -> FieldSystem:
    found = compile_system(read_definition(system_files()[name]))
    assert isinstance(found, FieldSystem)
    return found


def solve(system: FieldSystem, initial: InitialState, times, step: float | None, **options) -> Solution:
    return METHOD(step).solve(system, initial, np.array(times, dtype=float), **options)


@pytest.fixture(scope="module")
def waves() -> tuple[FieldSystem, InitialState]:
    """Six states of the Kuramoto-Sivashinsky equation near its attractor."""
    system = shipped("kuramoto_sivashinsky")
    return system, solve(system, draw_initial(system, seed=0, n=6), [0.0, 100.0], 0.125).final


@pytest.mark.parametrize("name", FIELDS)
def test_steps_are_those_of_the_readable_stepper(name: str, plain: ModuleType) -> None:
    """Four steps; roundings of either are amplified by what the equations do to a difference, here hardly anything."""
    system = shipped(name)
    initial = draw_initial(system, seed=2, n=2)
    step = default_step(system, initial)
    found = solve(system, initial, [0.0, 4 * step], step)
    wanted = plain.solve(system.plan(), initial.states, step, 4)[:, -1]
    assert not found.status.any()
    assert np.abs(found.states[:, 1] - wanted).max() <= 1e-12 * np.abs(wanted).max()


def default_step(system: FieldSystem, initial: InitialState) -> float:
    request = checked(METHOD(), system, initial, np.array([0.0, 1.0]), None, (1e-9, 1e-12), 10, 1, None)
    return float(longest_field_steps(request, None).min())


def test_a_linear_equation_is_solved_exactly_in_one_step(make: Make) -> None:
    """u = cos(2 x) travels with speed c and decays as exp(-0.4 t)."""
    system = make(ADVECTION)
    x, t = 2.0 * np.pi * np.arange(16) / 16, 3.0
    found = solve(system, InitialState(np.cos(2.0 * x)[None]), [0.0, t], 10.0)
    assert found.evaluations.tolist() == [4]
    np.testing.assert_allclose(found.states[0, 1], np.exp(-0.4 * t) * np.cos(2.0 * (x - t)), atol=1e-15)


def test_errors_of_a_soliton_fall_with_the_declared_order() -> None:
    """c/2 sech(sqrt(c)/2 (x - c t))^2; with c = 1 a period of 40 leaves 4e-9 at its ends and 2e-9 beyond the last mode."""
    system = shipped("korteweg_de_vries")
    x, c, end = 40.0 * np.arange(128) / 128, 1.0, 2.0

    def soliton(t: float) -> np.ndarray:
        return 0.5 * c / np.cosh(0.5 * np.sqrt(c) * (x - 20.0 - c * t)) ** 2

    steps = np.array([1 / 16, 1 / 32, 1 / 64])
    errors = [np.abs(solve(system, InitialState(soliton(0.0)[None]), [0.0, end], h).states[0, 1] - soliton(end)).max() for h in steps]
    assert errors[-1] < 1e-6
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(METHOD.order, abs=0.2)


@pytest.mark.parametrize("h", [0.01, 1.0, 30.0])
def test_weights_of_matrices_are_the_functions_of_the_matrix_exponential(h: float) -> None:
    """phi_0 .. phi_3 from one exponential of a block matrix; the last numbers are damped by exp(-1500 h)."""
    rng = np.random.default_rng(1)
    linear = (
        rng.standard_normal((5, 2, 2)) + 1j * rng.standard_normal((5, 2, 2)) - np.array([0.0, 1.0, 30.0, 300.0, 1500.0])[:, None, None] * np.eye(2)
    )
    found = np.zeros((6, 5, 2, 2, 2))
    exponential_weights(np.stack([linear.real, linear.imag], axis=-1), h, found)
    weights = found[..., 0] + 1j * found[..., 1]
    for mode in range(5):
        phi = [functions(linear[mode] * size) for size in (h, 0.5 * h)]
        (zero, one, two, three), (half, one_half, _, _) = phi
        wanted = [zero, half, 0.5 * h * one_half, h * (one - 3 * two + 4 * three), 2 * h * (two - 2 * three), h * (4 * three - two)]
        room = 1e-13 * (np.abs(zero).max() + h * np.abs(one).max())  # of the parts: their sums may cancel
        np.testing.assert_allclose(weights[:, mode], wanted, rtol=0, atol=room)


def functions(z: np.ndarray) -> list[np.ndarray]:
    block = np.zeros((8, 8), dtype=complex)
    block[:2, :2] = z
    for k in range(3):
        block[2 * k : 2 * k + 2, 2 * k + 2 : 2 * k + 4] = np.eye(2)
    rows = expm(block)[:2]
    return [rows[:, 2 * k : 2 * k + 2] for k in range(4)]


def test_coupled_fields_with_a_held_mean_a_source_and_a_cubic_term(make: Make, plain: ModuleType) -> None:
    system = make(HELD)
    states = system.projected(np.random.default_rng(0).standard_normal((1, system.dimension)))
    found = solve(system, InitialState(states), [0.0, 0.1, 0.4], 0.05)
    wanted = plain.solve(system.plan(), states, 0.05, 8)[:, -1]
    assert np.abs(found.states[:, 2] - wanted).max() <= 1e-13 * np.abs(wanted).max()
    assert isinstance(found.final, FieldState)
    assert found.final.spectra is not None
    assert found.final.spectra[0, 0, 0, 0] == 0.75 * 240
    assert not found.final.spectra[:, :, ~system.plan().mask].any()


def test_a_trajectory_has_the_same_bits_in_any_company(waves: tuple[FieldSystem, InitialState]) -> None:
    system, initial = waves
    times = [0.0, 0.5, 1.0]
    together = solve(system, initial, times, None).states
    assert np.array_equal(solve(system, initial, times, None, threads=2).states, together)
    assert np.array_equal(solve(system, FieldState(initial.states[::-1], spectra=spectra(initial)[::-1]), times, None).states[::-1], together)
    alone = [solve(system, FieldState(initial.states[b : b + 1], spectra=spectra(initial)[b : b + 1]), times, None).states for b in range(6)]
    assert np.array_equal(np.concatenate(alone), together)


def spectra(initial: InitialState) -> np.ndarray:
    assert isinstance(initial, FieldState)
    assert initial.spectra is not None
    return initial.spectra


def test_a_run_in_pieces_repeats_the_whole_run(waves: tuple[FieldSystem, InitialState]) -> None:
    system, initial = waves
    times = 0.1 * np.arange(61)
    whole = solve(system, initial, times, 0.05).states
    first = solve(system, initial, times[:24], 0.05)
    assert np.array_equal(solve(system, first.final, times[23:], 0.05).states, whole[:, 23:])
    from_grid = solve(system, InitialState(first.final.states), times[23:], 0.05).states
    assert 0.0 < np.abs(from_grid - whole[:, 23:]).max() < 1e-12


@pytest.mark.parametrize("name", ["kuramoto_sivashinsky", "complex_ginzburg_landau", "navier_stokes_2d"])
def test_every_processor_gives_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system = shipped(name)
    initial = draw_initial(system, seed=0, n=1)
    here = solve(system, initial, [0.0, 0.02], 0.01).states
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert np.array_equal(solve(system, initial, [0.0, 0.02], 0.01).states, here)


def test_one_trajectory_blows_up_and_the_others_do_not_notice(make: Make) -> None:
    """u' = u^2 from u = 10 is infinite at t = 0.1; from -1 it is -1 / (1 + t)."""
    system = make(BLOW_UP)
    found = solve(system, InitialState(np.array([[-1.0], [10.0], [-1.0]]) * np.ones((1, 12))), [0.0, 0.05, 0.5, 1.0], 0.01)
    assert found.status.tolist() == [Status.OK, Status.BLOW_UP, Status.OK]
    assert np.isfinite(found.states[1, :2]).all()
    assert np.isnan(found.states[1, 2:]).all()
    np.testing.assert_allclose(found.states[[0, 2]], -1.0 / (1.0 + found.times)[None, :, None] * np.ones((2, 1, 12)), rtol=1e-9)
    assert "the step is too coarse" in Status.BLOW_UP.sentence
    assert np.isfinite(spectra(found.final)).all()
    np.testing.assert_allclose(found.final.states[1], found.states[1, 1])


def test_steps_run_out(make: Make) -> None:
    found = solve(make(ADVECTION), InitialState(np.ones((2, 16))), [0.0, 1.0, 2.0], 0.1, max_steps=15)
    assert found.status.tolist() == [Status.TOO_MANY_STEPS] * 2
    assert found.evaluations.tolist() == [60, 60]
    assert np.isfinite(found.states[:, 1]).all()
    assert np.isnan(found.states[:, 2]).all()


def test_each_trajectory_may_have_its_own_parameters_and_times(make: Make) -> None:
    system = make(ADVECTION)
    x, speeds = 2.0 * np.pi * np.arange(16) / 16, np.array([[0.5], [0.5], [2.0]])
    times = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 2.0]])
    found = solve(system, InitialState(np.tile(np.sin(x), (3, 1))), times, 0.5, parameters=speeds)
    np.testing.assert_allclose(found.states[:, 1], np.exp(-0.1 * times[:, 1:]) * np.sin(x - speeds * times[:, 1:]), atol=1e-15)


def test_the_default_step_follows_growth_and_accuracy(make: Make) -> None:
    """Growth 1/4 of the fastest wave of 22 units allows 1/16. A uniform u in u' = u^2 takes the classical Runge-Kutta steps: a power of two, the
    first at which one step and two of half the length agree to a millionth of the way."""
    quiet = shipped("kuramoto_sivashinsky")
    assert default_step(quiet, InitialState(1e-6 * np.cos(2.0 * np.pi * np.arange(64) / 64)[None])) == 1 / 16

    def step(u: float, h: float) -> float:
        a = u * u
        b = (u + 0.5 * h * a) ** 2
        c = (u + 0.5 * h * b) ** 2
        return u + h / 6.0 * (a + 2.0 * b + 2.0 * c + (u + h * c) ** 2)

    h = 1.0
    while not abs(step(8.0, h) - step(step(8.0, h / 2), h / 2)) <= 1e-6 * abs(step(step(8.0, h / 2), h / 2) - 8.0):
        h /= 2.0
    assert h < 1 / 16
    assert default_step(make(BLOW_UP), InitialState(np.full((1, 12), 8.0))) == h


@pytest.mark.parametrize("name", ["korteweg_de_vries", "nonlinear_schroedinger"])
def test_the_default_step_holds_declared_integrals(name: str) -> None:
    """A millionth in 1024 of the steps that the start alone asks for, 32 units of time."""
    system = shipped(name)
    found = METHOD().solve(system, draw_initial(system, seed=0, n=4), np.array([0.0, 16.0, 32.0]))
    for tree in (system.definition.integrals or {}).values():
        values = system.quantity(tree).value(found.states.reshape(-1, system.dimension), system.parameter_values).reshape(4, 3)
        sizes = np.abs(system.quantity(of_sizes(tree)).value(found.states[:, 0], system.parameter_values))
        assert (np.abs(values - values[:, :1]).max(axis=1) <= 1e-6 * sizes).all()


def test_a_loose_tolerance_makes_the_default_step_longer_and_a_tight_one_does_not(waves: tuple[FieldSystem, InitialState]) -> None:
    system, initial = waves
    counts = [METHOD().solve(system, initial, np.array([0.0, 4.0]), rtol=rtol).evaluations.max() for rtol in (1e-6, 1e-9, 1e-12)]
    assert counts[0] < counts[1] == counts[2]


def test_sampling_times_are_runs_of_equal_intervals() -> None:
    assert equal_intervals(0.1 * np.arange(1000)) == [(1, 1000, 0.1)]
    assert equal_intervals(0.1 * np.arange(700, 1000)) == [(1, 300, 0.1)]
    assert equal_intervals(np.array([0.0, 1.0, 2.0, 2.5, 3.0, 7.0])) == [(1, 3, 1.0), (3, 5, 0.5), (5, 6, 4.0)]
    [(_, _, third)] = equal_intervals(np.arange(10) / 3.0)
    assert third == pytest.approx(1.0 / 3.0, rel=1e-15)


def test_misuse_is_told(make: Make) -> None:
    system = make(ADVECTION)
    with pytest.raises(IntegrationError, match="step is -1"):
        METHOD(-1.0)
    flow = compile_system(read_definition(system_files()["lorenz63"]))
    with pytest.raises(IntegrationError, match="solves fields"):
        METHOD().solve(flow, InitialState(np.ones((1, 3))), np.array([0.0, 1.0]))
    with pytest.raises(IntegrationError, match=r"initial.states"):
        solve(system, InitialState(np.ones((1, 15))), [0.0, 1.0], 0.1)
    with pytest.raises(IntegrationError, match="spectra"):
        solve(system, FieldState(np.ones((1, 16)), spectra=np.ones((1, 1, 4), dtype=complex)), [0.0, 1.0], 0.1)


def test_halvings_divide_every_step(waves: tuple[FieldSystem, InitialState]) -> None:
    system, initial = waves
    halved = METHOD(0.25, halvings=1).solve(system, initial, np.array([0.0, 0.1, 1.0]))
    assert halved.evaluations.tolist() == [4 * (2 + 8)] * 6
    assert np.array_equal(halved.states[:, 1], solve(system, initial, [0.0, 0.1], 0.05).states[:, 1])
    assert METHOD(0.25).finer(system, initial.states, system.parameter_values[None]).options == {"step": 0.25, "halvings": 1.0}
    with pytest.raises(IntegrationError, match="halvings is -1"):
        METHOD(halvings=-1)
