"""Solitons of Korteweg and de Vries and waves on rotating water: exact solutions, and errors that another program has with the same steps."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import FieldSystem, compile_system
from chaosbench.dynamics.field_check import FieldNames
from chaosbench.dynamics.field_numpy import FieldQuantity
from chaosbench.dynamics.reader import system
from chaosbench.expressions.parse import parse
from chaosbench.integrators.base import InitialState
from chaosbench.integrators.etdrk4 import Etdrk4


def made(name: str, parameters: dict[str, float] | None = None, points: dict[str, int] | None = None) -> FieldSystem:
    found = compile_system(system(name).with_points(points or {}).with_parameters(parameters or {}))
    assert isinstance(found, FieldSystem)
    return found


def grid(fields: FieldSystem) -> tuple[np.ndarray, ...]:
    """x, or x and y (as a column), of the grid."""
    space = fields.equations.space
    x, *y = (np.arange(a.points) * length / a.points for a, length in zip(space.axes, space.lengths(fields.definition.scalars, ""), strict=True))
    return (x, *(places[:, None] for places in y))


def flat(fields: FieldSystem, *values: np.ndarray) -> np.ndarray:
    """One state (1, D) of one array a field."""
    return np.stack([np.broadcast_to(value, fields.shape[1:]).ravel() for value in values]).reshape(1, -1)


def after(fields: FieldSystem, state: np.ndarray, time: float, step: float) -> np.ndarray:
    solution = Etdrk4(step=step).solve(fields, InitialState(state), np.array([0.0, time]))
    assert not solution.status.any()
    return solution.states[:, 1]


def means(fields: FieldSystem, text: str, states: np.ndarray) -> np.ndarray:
    names: FieldNames = fields.equations.names
    tree = parse(text, where="test", fields=True)
    return FieldQuantity(tree, fields.equations.space, names, "test").value(states, fields.parameter_values)


def soliton(speed: float, place: np.ndarray) -> np.ndarray:
    return speed / 2 / np.cosh(np.sqrt(speed) / 2 * place) ** 2


def test_a_soliton_of_korteweg_and_de_vries_has_the_integrals_of_theory() -> None:
    """Of u = c/2 sech(sqrt(c) x / 2)**2: 2 sqrt(c), 2/3 c**(3/2) and -c**(5/2) / 5; the tails that the domain cuts are 1e-9."""
    kdv, c = made("korteweg_de_vries"), 1.2
    [x] = grid(kdv)
    state = flat(kdv, soliton(c, x - 20))
    wanted = {"mass": 2 * np.sqrt(c), "momentum": 2 / 3 * c**1.5, "energy": -(c**2.5) / 5}
    for name, value in wanted.items():
        tree = (kdv.definition.integrals or {})[name]
        assert 40 * kdv.quantity(tree).value(state, kdv.parameter_values)[0] == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize(("step", "error"), [(0.04, 2e-5), (0.02, 8e-7), (0.01, 4e-8)])
def test_a_soliton_once_around_has_the_error_of_another_program(step: float, error: float) -> None:
    """Speed 1, length 40, 256 points: after 40 units of time it is back; to half of the one digit that is given."""
    kdv = made("korteweg_de_vries", points={"x": 256})
    start = flat(kdv, soliton(1.0, grid(kdv)[0] - 20))
    assert np.abs(after(kdv, start, 40.0, step) - start).max() == pytest.approx(error, rel=0.12)


def test_two_solitons_pass_each_other_and_are_displaced_as_calculated() -> None:
    """By 2/k ln((k + l)/(k - l)), the faster ahead and the slower back; k and l are the roots of their speeds."""
    fast, slow, time = 1.5, 0.9, 32.0
    kdv = made("korteweg_de_vries", {"L": 80.0}, {"x": 512})
    [x] = grid(kdv)
    shift = np.log((fast + slow) / (fast - slow))

    def pair(first: float, second: float) -> np.ndarray:
        return flat(kdv, sum(soliton(k**2, (x - place + 40) % 80 - 40) for k, place in ((fast, first), (slow, second))))

    begun = pair(10.0, 33.0)
    end = after(kdv, begun, time, 0.004)
    wanted = pair(10.0 + fast**2 * time + 2 / fast * shift, 33.0 + slow**2 * time - 2 / slow * shift)
    assert np.abs(end - wanted).max() < 2e-5
    assert np.abs(end - pair(10.0 + fast**2 * time, 33.0 + slow**2 * time)).max() > 0.5


def test_waves_on_rotating_water_have_the_dispersion_of_theory() -> None:
    """omega**2 = f**2 + g H k**2, and the balanced mode at rest."""
    water = made("rotating_shallow_water", {"f": 0.7, "g": 1.3, "H": 0.9, "nu": 0.0})
    linear = water.plan().linear
    for ny, nx in ((1, 0), (0, 3), (2, 5), (-4, 1)):
        square = (2 * np.pi / (4 * np.pi)) ** 2 * (nx**2 + ny**2)
        found = np.sort(np.linalg.eigvals(linear[:, :, ny, nx]).imag)
        omega = np.sqrt(0.7**2 + 1.3 * 0.9 * square)
        assert found == pytest.approx([-omega, 0.0, omega], abs=1e-13)


def test_a_small_wave_on_rotating_water_turns_at_its_frequency_and_loses_nothing() -> None:
    """h = a cos(k x - omega t), u = omega/k h, v = f/k a sin(k x - omega t), a = 1e-6, for a period: another program has omega to 1.2e-5.

    Its energy drifts by 4e-14 and its potential enstrophy by 1e-16 in a time that is not given, which is rounding.
    """
    water, a, k = made("rotating_shallow_water", {"nu": 0.0}), 1e-6, 1.0
    x, y = grid(water)
    omega = np.sqrt(1.0 + k**2)
    start = flat(water, omega / k * a * np.cos(k * x) + 0 * y, a / k * np.sin(k * x) + 0 * y, a * np.cos(k * x) + 0 * y)
    end = after(water, start, 2 * np.pi / omega, 2 * np.pi / omega / 100)
    assert np.abs(end - start).max() / (2 * np.pi * omega * a) < 1.2e-5
    wanted = {"(1 + h)*(u**2 + v**2)/2 + h**2/2": 4e-14, "(1 + dx(v) - dy(u))**2/(1 + h)": 1e-15}
    for text, allowed in wanted.items():
        before, later = (means(water, f"mean({text})", states)[0] for states in (start, end))
        assert abs(later / before - 1) <= allowed
    assert abs(means(water, "mean(h)", end)[0]) <= 1e-16 * a
