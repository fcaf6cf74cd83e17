"""Exact symmetries of fields, at random states, and the exponent that a free mean adds."""

from typing import Any

import numpy as np
import pytest

from chaosbench.dynamics.compile import FieldSystem, compile_system
from chaosbench.dynamics.data import definition_from_data, definition_to_data
from chaosbench.dynamics.reader import system
from chaosbench.invariants._kaplan_yorke import kaplan_yorke
from chaosbench.invariants.lyapunov_spectrum import LyapunovSpectrum

POINTS = 64


def ks(*, mean_held: bool) -> FieldSystem:
    data: dict[str, Any] = definition_to_data(system("kuramoto_sivashinsky"))
    if not mean_held:
        data["state"]["u"].pop("mean")
    made = compile_system(definition_from_data(data))
    assert isinstance(made, FieldSystem)
    return made


def smooth(amplitude: float) -> np.ndarray:
    """Return (1, N), the lowest waves with random amplitudes and no mean."""
    draws = np.random.default_rng(0).standard_normal((2, 6))
    x = 2 * np.pi * np.arange(POINTS) / POINTS
    waves = [a * np.cos(k * x) + b * np.sin(k * x) for k, (a, b) in enumerate(draws.T, start=1)]
    return amplitude * np.sum(waves, axis=0)[None]


def test_a_front_seen_in_a_mirror_is_a_front() -> None:
    """u(x) -> -u(-x) takes solutions to solutions: f(R u) = R f(u)."""
    made, u = ks(mean_held=True), smooth(1.0)
    mirrored = -np.roll(u[:, ::-1], 1, axis=1)
    assert made.value(mirrored) == pytest.approx(-np.roll(made.value(u)[:, ::-1], 1, axis=1), abs=1e-10 * np.abs(made.value(u)).max())


def test_a_front_seen_in_passing_is_a_front() -> None:
    """u(x, t) -> u(x - c t, t) + c: with the mean free, f(u + c) = f(u) - c u_x."""
    made, u, c = ks(mean_held=False), smooth(1.0), 0.7
    waves = np.fft.rfft(u)
    slope = np.fft.irfft(2j * np.pi / 22.0 * np.arange(POINTS // 2 + 1) * waves, POINTS)
    assert made.value(u + c) == pytest.approx(made.value(u) - c * slope, abs=1e-10 * np.abs(made.value(u)).max())


@pytest.mark.slow
def test_a_free_mean_adds_one_exponent_zero_and_one_dimension() -> None:
    """5.26 by another program where the mean is free, 4.24 where it is held.

    A change of the mean shifts the front ever further: two of the zeros belong to one direction that grows like the time, so they fall only like
    ln T / T, here 0.0026 after 3000 units.
    """
    found = LyapunovSpectrum(n_exponents=10).estimate(ks(mean_held=False), seed=1, duration=100_000.0)
    values = np.asarray(found.value)
    assert values[:5] == pytest.approx([0.0478, 0.0, 0.0, 0.0, -0.0024], abs=0.003)
    assert kaplan_yorke(values)[0] == pytest.approx(5.26, abs=0.04)


@pytest.mark.slow
def test_two_dozen_exponents_are_positive_at_length_200() -> None:
    """23 or 24 by another program."""
    found = LyapunovSpectrum(n_exponents=28).estimate(compile_system(system("kuramoto_sivashinsky").variant("very_long")), seed=1, duration=20_000.0)
    positive = int((np.asarray(found.value) > 3.0 * np.asarray(found.standard_error)).sum())
    assert positive in (23, 24)
