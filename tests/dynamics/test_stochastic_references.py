"""Stochastic systems of the registry against what is known of them exactly."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ive

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.initial import draw_initial
from chaosbench.integrators._philox import streams_of
from chaosbench.integrators.base import InitialState
from chaosbench.invariants._plans import Options
from chaosbench.invariants._tangents import TangentRun
from chaosbench.invariants.lyapunov_spectrum import LyapunovSpectrum


def test_the_mean_phase_of_noisy_oscillators_is_a_brownian_motion_whatever_the_coupling() -> None:
    """The pulls cancel in the sum: on one path the mean phase is the same with and without coupling, and its variance is s^2 t/N = t/32."""
    compiled, paths = compile_system(system("noisy_kuramoto")), 1500
    place = list(compiled.definition.scalars).index("K")
    start = InitialState(np.tile(np.linspace(0.0, 5.0, 8), (paths, 1)), noise=streams_of("initial", 0, paths))
    ends = []
    for coupling in (1.0, 0.0):
        values = compiled.parameter_values.copy()
        values[place] = coupling
        parameters = np.tile(values, (paths, 1))
        ends.append(load("integrators", "sra1")(step=0.0625).solve(compiled, start, np.array([0.0, 4.0]), parameters=parameters, seed=3).states[:, 1])
    moved = ends[0].mean(axis=1) - 2.5
    assert moved == pytest.approx(ends[1].mean(axis=1) - 2.5, abs=1e-12)
    assert np.abs(ends[0] - ends[1]).max() > 0.5
    assert abs(moved.mean()) < 4 * np.sqrt(0.125 / paths)
    assert moved.var() == pytest.approx(0.125, rel=4 * np.sqrt(2 / paths))


def contraction(count: int, coupling: float, noise: float) -> float:
    """K - K <|S|^2>/N for equal oscillators with the density exp(a |S|^2), S = sum exp(i theta), a = K/(N s^2).

    exp(a |S|^2) is the mean of exp(z . S) over a normal vector z of the plane with variance 2 a a component, which leaves one integral over |z|.
    """
    a = coupling / (count * noise**2)

    def weight(z: float) -> float:
        return float(z * np.exp(-((z - 2 * a * count) ** 2) / (4 * a)) * ive(0, z) ** count)

    top = 2 * a * count + 40 * np.sqrt(2 * a)
    square = quad(lambda z: z**2 * weight(z), 0, top, limit=400)[0] / quad(weight, 0, top, limit=400)[0]
    return coupling - coupling / count * (square / (4 * a**2) - 1 / a)


def test_equal_noisy_oscillators_contract_as_their_stationary_density_says() -> None:
    """One exponent is 0, and the sum of all is the mean divergence; two oscillators have the single difference, -K <cos> = -I1/I0(K/s^2)."""
    bessel = ive(1, 4.0) / ive(0, 4.0)
    assert contraction(2, 1.0, 0.5) == pytest.approx(-bessel, rel=1e-9)
    compiled = compile_system(system("noisy_kuramoto", {"N": 3, "spread": 0.0}))
    run = TangentRun(compiled, draw_initial(compiled, seed=0, n=16), columns=3, seed=1)
    run.advance(1, interval=64.0, per_record=40)
    grown = run.advance(1, interval=64.0, per_record=300)[:, 0] / (300 * run.time_of(64.0))
    assert np.abs(grown[:, 0]).max() < 0.02
    total = grown.sum(axis=1)
    error = total.std(ddof=1) / 4
    assert total.mean() == pytest.approx(contraction(3, 1.0, 0.5), abs=4 * error)
    assert error < 0.02


@pytest.mark.parametrize(("noise", "positive"), [(0.001, True), (0.02, False)])
def test_weak_noise_leaves_the_chaos_of_the_ikeda_map_and_stronger_noise_ends_it(noise: float, positive: bool) -> None:
    """Areas change by (u + s n)^2, of which 2 ln is 2 ln 0.9 - (s/0.9)^2 on average; between orthonormalisations lie whole iterations."""
    compiled = compile_system(system("noisy_ikeda", {"s": noise}))
    found = LyapunovSpectrum(options=Options(transient=20_000.0)).estimate(compiled, seed=2, duration=200_000.0)
    assert (found.value[0] > 0.45) if positive else (found.value[0] < -0.09)
    assert found.value.sum() == pytest.approx(2 * np.log(0.9) - (noise / 0.9) ** 2, abs=5e-4)
    assert found.settings["interval"] == int(found.settings["interval"])
