"""Exponents of fields: exact growth rates, the derivative of a step, and published spectra."""

from collections.abc import Callable

import numpy as np
import pytest

from chaosbench.atlas import measure
from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import FieldSystem, compile_system
from chaosbench.dynamics.reader import read_definition
from chaosbench.errors import InvariantError
from chaosbench.facts import Measured
from chaosbench.initial import draw_initial
from chaosbench.integrators._field_drivers import field_step
from chaosbench.integrators._field_engine import FieldEngine
from chaosbench.integrators.base import InitialState
from chaosbench.integrators.etdrk4 import Etdrk4
from chaosbench.invariants._block_error import BlockMean, block_mean
from chaosbench.invariants._field_run import FieldRun, degrees_of_freedom
from chaosbench.invariants._field_survey import survey_fields
from chaosbench.invariants._kaplan_yorke import kaplan_yorke
from chaosbench.invariants._plans import Options
from chaosbench.invariants._summaries import dimension_of, entropy_bound
from chaosbench.invariants.kaplan_yorke_dimension import KaplanYorkeDimension
from chaosbench.invariants.largest_exponent import LargestExponent
from chaosbench.invariants.lyapunov_spectrum import LyapunovSpectrum

LINEAR = """
[domain]
x = { length = "2*pi", points = 16 }
y = { length = "2*pi", points = 12 }
[state]
u = { meaning = "height", mean = 0 }
[equations]
u = "0.5*u + 0.1*dx(u, 2) + 0.15*dy(u, 2) - dx(u)"
"""
WAVE = """
[domain]
x = { length = "2*pi", points = 32 }
[state]
A = { meaning = "amplitude", complex = true }
[equations]
A = "A + (1 + I/2)*dx(A, 2) - (1 + I/4)*abs2(A)*A"
"""

Make = Callable[[str], FieldSystem]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    def system(text: str) -> FieldSystem:
        path = tmp_path_factory.mktemp("definitions") / "fields" / "example.toml"
        path.parent.mkdir()
        field = "A" if "complex" in text else "u"
        end = f'[initial]\nprofile = {{ {field} = "cos(x)" }}\n'
        path.write_text('title = "Example"\nsummary = "Made for a test."\ntags = ["test"]\n' + text + end)
        found = compile_system(read_definition(path))
        assert isinstance(found, FieldSystem)
        return found

    return system


def shipped(name: str) -> FieldSystem:
    found = compile_system(read_definition(system_files()[name]))
    assert isinstance(found, FieldSystem)
    return found


def measured(run: FieldRun, interval: int, intervals: int) -> np.ndarray:
    """Mean rates (K,) over the orbits after as many intervals again."""
    run.advance(1, interval=interval, per_record=intervals)
    logs = run.advance(1, interval=interval, per_record=intervals)
    assert not run.status.any()
    rates: np.ndarray = logs[:, 0].mean(axis=0) / (intervals * run.time_of(interval))
    return rates


def test_exponents_of_a_linear_equation_are_its_growth_rates(make: Make) -> None:
    """1/2 - k^2/10 - 3 l^2/20, twice for every pair of wave vectors; the mean is held. 0.4, 0.4, 0.35, 0.35, 0.25 (four), 0.1, 0.1, -0.05 (4)."""
    system = make(LINEAR)
    assert degrees_of_freedom(system) == 16 * 12 - 1  # nothing is left out of a linear equation
    run = FieldRun(system, InitialState(np.zeros((1, 192))), columns=10, seed=0, step=0.5)
    np.testing.assert_allclose(measured(run, 4, 400), [0.4] * 2 + [0.35] * 2 + [0.25] * 4 + [0.1] * 2, atol=1e-12)


def test_exponents_of_a_plane_wave_are_its_exact_growth_rates(make: Make) -> None:
    """A = exp(-i t/4): the perturbations a_k and conj(a_-k) obey a matrix for each k (Aranson and Kramer 2002, section II.B)."""
    system = make(WAVE)
    run = FieldRun(system, InitialState(np.repeat([1.0, 0.0], 32)[None]), columns=6, seed=0, step=0.02)
    wanted = []
    for k in range(4):
        square = -(1 + 0.5j) * k**2 - (1 + 0.25j)
        matrix = np.array([[square, -(1 + 0.25j)], [np.conj(-(1 + 0.25j)), np.conj(square)]])
        wanted += np.linalg.eigvals(matrix).real.tolist() * (1 if k == 0 else 2)
    wanted = sorted(wanted, reverse=True)[:6]
    np.testing.assert_allclose(measured(run, 10, 300), wanted, atol=2e-6)


@pytest.mark.parametrize("name", ["kuramoto_sivashinsky", "complex_ginzburg_landau", "gray_scott", "two_layer_quasi_geostrophic"])
def test_tangents_are_the_derivative_of_the_step(name: str) -> None:
    """Central differences of four steps, of displacements that are a millionth: their error is 1e-12, rounding 1e-10."""
    system = shipped(name)
    state = draw_initial(system, seed=3, n=1).states
    tangent = system.projected(state + np.random.default_rng(0).standard_normal(state.shape)) - system.projected(state)
    engine = FieldEngine(system.plan(), 1, columns=1)
    engine.begin(state)
    engine.begin_tangent(0, tangent)
    h, size = 1 / 64, 1e-6 * float(np.abs(state).max())
    for _ in range(4):
        field_step(engine.address, engine.block, engine.mirror, engine.arrays(h))
    found = engine.spectra(1, 0)
    ends = Etdrk4(h).solve(system, InitialState(np.concatenate([state + size * tangent, state - size * tangent])), np.array([0.0, 4 * h])).final
    wanted = (ends.spectra[0] - ends.spectra[1]) / (2.0 * size)  # type: ignore[attr-defined]
    assert np.abs(found - wanted).max() <= 1e-8 * np.abs(wanted).max()


def test_exponents_do_not_depend_on_the_other_orbits() -> None:
    system = shipped("kuramoto_sivashinsky")
    initial = Etdrk4(0.125).solve(system, draw_initial(system, seed=0, n=5), np.array([0.0, 50.0])).final
    together = FieldRun(system, initial, columns=3, seed=0, step=0.125).advance(2, interval=4, per_record=5)
    fewer = FieldRun(system, InitialState(initial.states[:2]), columns=3, seed=0, step=0.125, threads=2).advance(2, interval=4, per_record=5)
    np.testing.assert_allclose(together[:2], fewer, rtol=1e-9)


def test_more_columns_than_a_state_has_numbers_are_refused() -> None:
    system = shipped("kuramoto_sivashinsky")
    with pytest.raises(InvariantError, match=r"columns = 43; 42 numbers make a state of it, so that 1 to 42 exponents exist"):
        FieldRun(system, InitialState(np.zeros((1, 64))), columns=43, seed=0, step=0.1)


def test_the_largest_exponent_and_the_spectrum_of_a_short_run() -> None:
    """2000 units of time; the standard error says how far from 0.048 that may be."""
    system = shipped("kuramoto_sivashinsky")
    options = Options(transient=200.0, starts=8, step=0.125)
    largest = LargestExponent(options=options).estimate(system, seed=0, duration=8000.0)
    spectrum = LyapunovSpectrum(options=options).estimate(system, seed=0, duration=8000.0)
    for value, error in ((largest.value, largest.standard_error), (spectrum.value[0], spectrum.standard_error[0])):
        assert 0.0 < error < 0.01
        assert abs(value - 0.0478) <= 4.0 * error
    assert spectrum.settings["method"] == "ETDRK4, step 0.125"
    assert len(spectrum.value) == np.ceil(kaplan_yorke(spectrum.value)[0]) + 3


def test_the_survey_has_one_entry_a_field_and_the_exact_divergence_of_a_linear_equation(make: Make) -> None:
    system = make(LINEAR.replace("0.5*u", "-0.5*u"))
    wave = 0.1 * np.arange(-8, 8)[:, None] ** 2 + 0.15 * np.arange(-6, 6)[None] ** 2 + 0.5
    found = survey_fields(system, seed=0, period=1.0, transient=50.0)
    assert found.mean.shape == found.low.shape == found.periods.shape == (1,)
    assert found.divergence[0] == pytest.approx(-(wave.sum() - 0.5), rel=1e-12)
    assert abs(found.mean[0]) < 1e-12


def test_fields_that_come_to_rest_have_the_facts_of_the_way_there(make: Make) -> None:
    """u = u0 cos(x) exp(-0.3 t) and its like: no period, the exponents of rest, and nothing left out, for at rest there is nothing to see."""
    decay = make('[domain]\nx = { length = "2*pi", points = 16 }\n[state]\nu = { mean = 0, meaning = "height" }\n[equations]\nu = "0.3*dx(u, 2)"\n')
    facts = measure(decay.definition)
    assert facts.regime == "fixed point"
    assert facts.lyapunov_spectrum.value[:3] == pytest.approx([-0.3, -0.3, -1.2], rel=1e-6)
    assert facts.transient == 0.0
    assert facts.period == pytest.approx(10.0 / 0.3, rel=0.05)  # two digits
    assert facts.bounds[0] == pytest.approx((-1.0, 1.0))
    assert facts.kaplan_yorke_dimension == Measured(0.0, 0.0)


def test_too_few_exponents_make_no_dimension_and_no_bound_of_the_entropy() -> None:
    def statistics(*exponents: float) -> BlockMean:
        return block_mean(np.tile(exponents, (16, 8, 1)))

    assert dimension_of(statistics(0.2, 0.1), 1000) is None
    assert entropy_bound(statistics(0.2, 0.1), 1000) is None
    assert entropy_bound(statistics(0.2, -0.1), 1000) == Measured(pytest.approx(0.2), pytest.approx(0.0, abs=1e-12))
    assert dimension_of(statistics(0.2, -0.1), 1000) is None
    assert dimension_of(statistics(0.2, -0.1), 2) == Measured(2.0, 0.0)
    assert dimension_of(statistics(0.1, -0.2), 1000) == Measured(pytest.approx(1.5), pytest.approx(0.0, abs=1e-12))


def test_a_dimension_from_too_few_exponents_of_a_field_is_short(make: Make) -> None:
    """About 0 the waves 0, 1 and -1 grow, at 1, 0 and 0, and the next two decay: three exponents have the sum 1, five -5."""
    rest = make('[domain]\nx = { length = "2*pi", points = 16 }\n[state]\nu = { meaning = "height" }\n[equations]\nu = "u + dx(u, 2)"\n')
    few, enough = (
        KaplanYorkeDimension(options=Options(n_exponents=n, starts=4, transient=0.0)).estimate(rest, seed=0, duration=400.0) for n in (3, 5)
    )
    assert (few.status, few.value) == ("short", 3.0)
    assert "n_exponents" in few.reason
    assert (enough.status, enough.value) == ("converged", pytest.approx(3.0 + 1.0 / 3.0, rel=1e-6))


@pytest.mark.slow
def test_the_spectrum_of_the_kuramoto_sivashinsky_equation() -> None:
    """Mean-free, L = 22: X. Ding, H. Chate, P. Cvitanovic, E. Siminos, K. A. Takeuchi, Phys. Rev. Lett. 117, 024101 (2016), table I."""
    system = shipped("kuramoto_sivashinsky")
    options = Options(n_exponents=8, transient=500.0, starts=4, step=0.125)
    found = LyapunovSpectrum(options=options).estimate(system, seed=0, duration=100_000.0)
    wanted = [0.048, 0.0, 0.0, -0.003, -0.189, -0.256, -0.290, -0.310]
    assert np.all(found.standard_error < 0.002)
    assert np.all(np.abs(found.value - wanted) <= np.maximum(0.001, 4.0 * found.standard_error))
    assert kaplan_yorke(found.value)[0] == pytest.approx(4.24, abs=0.03)
