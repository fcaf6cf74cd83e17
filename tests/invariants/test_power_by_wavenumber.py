"""The power of fields by wavenumber against Parseval's theorem, and on waves whose power is known."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import FieldSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import InvariantError
from chaosbench.invariants.power_by_wavenumber import PowerByWavenumber
from chaosbench.trajectories import simulate


def test_all_shells_together_are_the_mean_square() -> None:
    """Of Kuramoto and Sivashinsky on 22 units, whose mean is held at 0 and whose dropped modes are 0; a simulation of its own agrees."""
    front = system("kuramoto_sivashinsky")
    found = PowerByWavenumber().estimate(compile_system(front), seed=0, duration=40_000.0)
    assert found.value[0] < 1e-25
    assert found.value[22:].max() < 1e-25  # what transforming rounds
    data = simulate(front, n_trajectories=8, n_samples=1000, seed=5, dt=5.0)
    means = (data["state"].values ** 2).mean(axis=(1, 2, 3))
    error = np.hypot(means.std(ddof=1) / np.sqrt(8), found.series["orbits"].sum(axis=1).std(ddof=1) / np.sqrt(8))
    assert found.value.sum() == pytest.approx(means.mean(), abs=5 * error)


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_a_wave_that_travels_has_its_power_in_its_shell(kind: str) -> None:
    """u_t = -u_x keeps waves: |n| = 5 for (3, 4) on a square; a real wave has the mean square 1/2 of its amplitude, a complex one all of it."""
    wave = "cos(3*x + 4*y)" if kind == "real" else "cos(3*x + 4*y) + I*sin(3*x + 4*y)"
    square = {axis: {"length": "2*pi", "points": 20} for axis in ("x", "y")}
    state = {"u": {"complex": kind == "complex"}}
    plane = system_from({"u": "-dx(u)"}, kind="fields", state=state, domain=square, initial={"profile": {"u": f"2*({wave})"}}, conservative=True)
    compiled = compile_system(plane)
    assert isinstance(compiled, FieldSystem)
    found = PowerByWavenumber().estimate(compiled, seed=0, duration=50.0)
    wanted = np.zeros(len(found.value))
    wanted[5] = 2.0 if kind == "real" else 4.0
    assert np.abs(found.value - wanted).max() < 1e-12


def test_other_kinds_are_refused() -> None:
    with pytest.raises(InvariantError, match="the power by wavenumber takes fields; lorenz63 is of kind flows"):
        PowerByWavenumber().estimate(compile_system(system("lorenz63")), seed=0, duration=10.0)
