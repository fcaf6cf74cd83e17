"""Conservative systems of the registry against what is known of them exactly, or to the digits of the literature."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import InitialState

PERIOD_OF_EIGHT = 6.32591398


def solved(name: str, compiled: CompiledSystem, start: np.ndarray, times: np.ndarray, **options: float) -> np.ndarray:
    """The states (T, D) along one orbit."""
    solution = load("integrators", name)(**options).solve(compiled, InitialState(start[None]), times, rtol=1e-13, atol=1e-15)
    assert not solution.status.any()
    return solution.states[0]


def quantity(compiled: CompiledSystem, name: str, states: np.ndarray) -> np.ndarray:
    return compiled.quantity(compiled.definition.integrals[name]).value(states, compiled.parameter_values)


def frequencies(compiled: CompiledSystem, point: np.ndarray) -> np.ndarray:
    """The angular frequencies, each once, of small motion about a fixed point that is a centre."""
    eigenvalues = np.linalg.eigvals(compiled.jacobian(point[None])[0])
    assert np.abs(eigenvalues.real).max() < 1e-9
    return np.sort(eigenvalues.imag[eigenvalues.imag > 0])


def monodromy_of(compiled: CompiledSystem, start: np.ndarray, period: float) -> np.ndarray:
    """The derivative of the flow over a period, by the variational equations and another program's method."""
    count = len(start)

    def rate(_: float, both: np.ndarray) -> np.ndarray:
        state, tangents = both[None, :count], both[count:].reshape(count, count)
        return np.concatenate([compiled.value(state)[0], (compiled.jacobian(state)[0] @ tangents).ravel()])

    begin = np.concatenate([start, np.eye(count).ravel()])
    return solve_ivp(rate, (0.0, period), begin, method="DOP853", rtol=1e-12, atol=1e-13).y[count:, -1].reshape(count, count)


def laguerre(degree: int) -> np.ndarray:
    return np.sort(np.polynomial.laguerre.Laguerre.basis(degree).roots())


def test_the_eight_comes_back_with_its_energy_and_floquet_phases() -> None:
    """Phases as published by Simo (2002) to six digits; the start is known to eight digits, so the return is."""
    compiled = compile_system(system("figure_eight"))
    start = np.array(compiled.definition.initial.points[0])
    end = solved("taylor", compiled, start, np.array([0.0, PERIOD_OF_EIGHT]))[-1]
    assert np.abs(end - start).max() == pytest.approx(4e-8, abs=5e-9)
    assert quantity(compiled, "H", start[None])[0] == pytest.approx(-1.2871419918, abs=2e-9)
    assert abs(quantity(compiled, "L", end[None])[0]) < 1e-8

    monodromy, count = monodromy_of(compiled, start, PERIOD_OF_EIGHT), len(start)
    form = np.kron([[0, 1], [-1, 0]], np.eye(count // 2))
    assert np.abs(monodromy.T @ form @ monodromy - form).max() < 5e-11

    phases = np.abs(np.angle(np.linalg.eigvals(monodromy))) / (2 * np.pi)
    assert np.abs(phases - 0.298093).min() < 1e-6
    assert np.abs(phases - 0.008423).min() < 1e-6
    assert np.abs(np.abs(np.linalg.eigvals(monodromy)) - 1).max() < 1e-3  # eight of the twelve are 1, in pairs, which split like a root of the error


def test_the_pythagorean_problem_ends_as_it_is_known_to() -> None:
    """Masses 3, 4 and 5 at rest opposite to the sides of their length: the closest passage, then an escape of the lightest (Szebehely 1967)."""
    kinetic = " + ".join(f"(px_{k}**2 + py_{k}**2)/(2*{mass})" for k, mass in ((1, 3), (2, 4), (3, 5)))
    pairs = ((1, 2, 12), (1, 3, 15), (2, 3, 20))
    potential = " - ".join(f"{product}/sqrt((x_{a} - x_{b})**2 + (y_{a} - y_{b})**2)" for a, b, product in pairs)
    names = [f"{letter}_{k}" for letter in ("x", "y", "px", "py") for k in (1, 2, 3)]
    compiled = compile_system(system_from(hamiltonian=f"{kinetic} - {potential}", state=names, name="pythagoras"))
    start = np.array([1.0, -2.0, 1.0, 3.0, -1.0, -1.0, *np.zeros(6)])
    times = np.concatenate([[0.0], np.linspace(15.82, 15.84, 20001), np.linspace(75.0, 80.0, 51)])
    states = solved("taylor", compiled, start, times)
    distance = {(a, b): np.hypot(states[:, a - 1] - states[:, b - 1], states[:, a + 2] - states[:, b + 2]) for a, b, _ in pairs}
    passage = distance[2, 3][1:20002]
    assert passage.min() == pytest.approx(4e-4, abs=5e-5)
    assert times[1 + passage.argmin()] == pytest.approx(15.8299, abs=1e-4)
    late = times > 74.0
    assert distance[2, 3][late].max() < 2.0, "the heavier two stay a double star"
    assert (np.diff(distance[1, 2][late]) > 0).mean() > 0.6
    assert distance[1, 2][-1] > 12.0, "and the lightest leaves"
    energy = quantity(compiled, "H", states)
    assert energy[0] == pytest.approx(-12 / 5 - 15 / 4 - 20 / 3)
    assert np.abs(energy[late] / energy[0] - 1).max() < 1e-9


def test_a_particle_in_the_magnetic_bottle_moves_by_the_lorentz_force_in_space() -> None:
    """B = (-x z, -y z, 1 + z^2 - (x^2 + y^2)/2), without sources and currents; P = r v_phi + r A, A = r (1 + z^2)/2 - r^3/8."""
    field = {"bx": "-x*z", "by": "-y*z", "bz": "1 + z**2 - (x**2 + y**2)/2"}
    force = {
        "u": f"v*({field['bz']}) - w*({field['by']})",
        "v": f"w*({field['bx']}) - u*({field['bz']})",
        "w": f"u*({field['by']}) - v*({field['bx']})",
    }
    space = compile_system(system_from({"x": "u", "y": "v", "z": "w", **force}, name="space"))
    bottle = compile_system(system("magnetic_bottle"))
    start = draw_initial(bottle, seed=0, n=1).states[0]
    r, z, p_r, p_z = start
    turning = -0.02 / r - r * (1 + z**2) / 2 + r**3 / 8
    times = np.linspace(0.0, 60.0, 61)
    x, y, height, u, v, w = solved("taylor", space, np.array([r, 0.0, z, p_r, turning, p_z]), times).T
    found = solved("taylor", bottle, start, times)
    assert np.stack([np.hypot(x, y), height, (x * u + y * v) / np.hypot(x, y), w], axis=1) == pytest.approx(found, abs=1e-9)


def test_the_magnetic_bottle_keeps_what_its_energy_does_not_let_out() -> None:
    """The pass in the plane z = 0 is the largest of (P/r - A)^2/2 at some distance; orbits of less energy stay inside for 20 000 units."""
    distance = np.linspace(0.9, 1.5, 600_001)
    wall = (0.02 / distance + distance / 2 - distance**3 / 8) ** 2 / 2
    assert wall.max() == pytest.approx(0.0809, abs=5e-5)
    bottle = compile_system(system("magnetic_bottle"))
    start = draw_initial(bottle, seed=1, n=1).states[0]
    states = solved("taylor", bottle, start, np.linspace(0.0, 20_000.0, 40_001))
    assert states[:, 0].max() < distance[wall.argmax()]
    assert np.abs(states[:, 1]).max() < np.sqrt(0.075 / 0.02)
    assert np.abs(quantity(bottle, "H", states) / 0.075 - 1).max() < 1e-10


@pytest.mark.parametrize(("name", "links"), [("double_pendulum", 2), ("triple_pendulum", 3)])
def test_small_swings_of_a_pendulum_chain_have_the_roots_of_laguerre(name: str, links: int) -> None:
    compiled = compile_system(system(name))
    assert frequencies(compiled, np.zeros(compiled.dimension)) ** 2 == pytest.approx(laguerre(links), rel=1e-9)
    if links == 3:
        assert laguerre(links) == pytest.approx([0.415775, 2.294280, 6.289945], abs=5e-7)


@pytest.mark.parametrize(("masses", "returned", "share", "least"), [(32, 10130, 0.981, 0.086), (31, 9370, 0.981, 0.088)])
def test_the_energy_of_fermi_pasta_ulam_and_tsingou_comes_back(masses: int, returned: float, share: float, least: float) -> None:
    """alpha = 1/4, lowest mode of amplitude 1. With 32 moving masses another program has 0.981 at 10130(20), 153 periods of that mode, after 0.086;
    with 31 it has 9370, and the shares are this one's.
    """
    compiled = compile_system(system("fput", {"N": masses, "alpha": 0.25, "beta": 0.0}))
    modes, places = np.arange(1, masses + 1), np.arange(1, masses + 1) / (masses + 1)
    shapes = np.sqrt(2 / (masses + 1)) * np.sin(np.pi * np.outer(modes, places))
    rates = 2 * np.sin(np.pi * modes / (2 * masses + 2))
    start = np.concatenate([np.sin(np.pi * places), np.zeros(masses)])
    times = np.arange(0.0, 11000.0, 2.0)
    states = solved("taylor", compiled, start, times)
    energy = 0.5 * ((states[:, masses:] @ shapes.T) ** 2 + (rates * (states[:, :masses] @ shapes.T)) ** 2)
    found = energy[:, 0] / energy[0, 0]
    late = times > 5000
    assert times[late][np.argmax(found[late])] == pytest.approx(returned, abs=20)
    assert found[late].max() == pytest.approx(share, abs=0.0006)
    assert found.min() == pytest.approx(least, abs=0.0006)
    if masses == 32:
        assert round(10130 * rates[0] / (2 * np.pi)) == 153
    assert np.abs(quantity(compiled, "H", states) / quantity(compiled, "H", states[:1]) - 1).max() < 1e-11


def test_the_toda_lattice_keeps_the_eigenvalues_of_its_lax_matrix() -> None:
    compiled = compile_system(system("toda_lattice"))
    start = np.concatenate([np.linspace(0.3, 0.7, 8), 0.5 * np.sin(np.arange(8.0))])

    def eigenvalues(state: np.ndarray) -> np.ndarray:
        matrix = np.diag(state[8:])
        for k in range(8):
            matrix[k, (k + 1) % 8] = matrix[(k + 1) % 8, k] = state[k]
        return np.linalg.eigvalsh(matrix)

    states = solved("taylor", compiled, start, np.linspace(0.0, 200.0, 21))
    assert max(np.abs(eigenvalues(state) - eigenvalues(start)).max() for state in states) < 2e-12


def test_a_method_of_order_four_keeps_toda_eigenvalues_to_the_fourth_power_of_its_step() -> None:
    """The ring of eight written with positions and momenta, which splits."""
    pairs = " + ".join(f"exp(q_{k} - q_{(k + 1) % 8})" for k in range(8))
    kinetic = " + ".join(f"p_{k}**2" for k in range(8))
    names = [f"{letter}_{k}" for letter in "qp" for k in range(8)]
    compiled = compile_system(system_from(hamiltonian=f"({kinetic})/2 + {pairs}", state=names))
    random = np.random.default_rng(3)
    start = np.concatenate([0.5 * random.normal(size=8), random.normal(size=8)])

    def eigenvalues(state: np.ndarray) -> np.ndarray:
        matrix = np.diag(-state[8:] / 2)
        for k in range(8):
            matrix[k, (k + 1) % 8] = matrix[(k + 1) % 8, k] = 0.5 * np.exp((state[k] - state[(k + 1) % 8]) / 2)
        return np.linalg.eigvalsh(matrix)

    drifts = []
    for step in (0.1, 0.05, 0.025):
        states = solved("yoshida4", compiled, start, np.linspace(0.0, 50.0, 501), step=step)
        drifts.append(max(np.abs(eigenvalues(state) - eigenvalues(start)).max() for state in states))
    orders = np.log2(np.divide(drifts[:-1], drifts[1:]))
    assert orders == pytest.approx([4.0, 4.0], abs=0.3)


def test_vortices_keep_their_quadratic_integral_where_runge_and_kutta_do_not() -> None:
    compiled = compile_system(system("point_vortices"))
    rng = np.random.default_rng(0)
    start = rng.normal(size=compiled.dimension)
    times = np.linspace(0.0, 200.0, 101)
    kept = quantity(compiled, "I", solved("gauss4", compiled, start, times, step=0.02))
    lost = quantity(compiled, "I", solved("rk4", compiled, start, times, step=0.02))
    assert np.abs(kept / kept[0] - 1).max() < 1e-13
    assert np.abs(lost / lost[0] - 1).max() > 1e-10


def test_a_kepler_orbit_closes_and_a_perturbed_one_turns_as_calculated() -> None:
    compiled = compile_system(system("kepler"))
    start = np.array([0.5, 0.0, 0.0, np.sqrt(3.0)])
    end = solved("kahan_li8", compiled, start, np.array([0.0, 200 * np.pi]), step=0.02)[-1]
    assert np.abs(end - start).max() < 1e-8  # a hundred periods
    turned = compile_system(
        system_from(
            hamiltonian="(p_x**2 + p_y**2)/2 - 1/sqrt(x**2 + y**2) + d/(2*(x**2 + y**2))", state=["x", "y", "p_x", "p_y"], parameters={"d": 0.1}
        )
    )
    momentum = start[0] * start[3]
    states = solved("taylor", turned, start, np.linspace(0.0, 60.0, 600001))
    radius = np.hypot(states[:, 0], states[:, 1])
    nearest = 1 + np.flatnonzero((radius[1:-1] < radius[:-2]) & (radius[1:-1] < radius[2:]))
    angles = np.unwrap(np.arctan2(states[:, 1], states[:, 0]))[nearest]
    assert np.diff(angles) == pytest.approx(2 * np.pi / np.sqrt(1 + 0.1 / momentum**2), abs=4e-4)  # a sample is 1e-4 of time


def test_particles_between_walls_ring_as_fourier_modes_of_the_lattice() -> None:
    """w^2 = V + 2 C (1 - cos(k pi/(N + 1)))."""
    compiled = compile_system(system("frenkel_kontorova"))
    modes = 1.0 + 0.5 * (1 - np.cos(np.pi * np.arange(1, 17) / 17))
    assert frequencies(compiled, np.zeros(32)) ** 2 == pytest.approx(modes, rel=1e-9)


def test_a_breather_of_the_sine_gordon_equation_lives_on_a_chain_that_is_fine_enough() -> None:
    """u = 4 atan(k/w sin(w t)/cosh(k x)), k^2 = 1 - w^2, w = 0.6, over three periods; springs 1/a^2 leave an error of order a^2."""
    w, k, errors = 0.6, 0.8, []
    times = np.linspace(0.0, 6 * np.pi / w, 25)
    for spacing in (0.2, 0.1, 0.05):
        count = round(32 / spacing) - 1
        x = (np.arange(count) - (count - 1) / 2) * spacing
        chain = compile_system(system("frenkel_kontorova", {"N": count, "C": spacing**-2}))
        states = solved("yoshida4", chain, np.concatenate([np.zeros(count), 4 * k / np.cosh(k * x)]), times, step=0.01)
        errors.append(np.abs(states[:, :count] - 4 * np.arctan(k / w * np.sin(w * times)[:, None] / np.cosh(k * x))).max())
    assert errors[-1] < 0.015
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx([2.0, 2.0], abs=0.1)
