"""Maps of the registry against what is known of them exactly."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.integrators.base import InitialState
from chaosbench.invariants._tangents import TangentRun


@pytest.mark.parametrize(("grid", "period"), [(5, 10), (10, 30), (74, 114), (101, 25), (124, 15), (150, 300)])
def test_the_cat_comes_back_after_the_period_of_its_grid(grid: int, period: int) -> None:
    """On points k/N the map is a permutation; its order is that of the matrix modulo N (Dyson and Falk 1992)."""
    k = np.arange(grid)
    points = np.stack(np.meshgrid(k, k, indexing="ij"), axis=-1).reshape(-1, 2)
    image = np.rint(compile_system(system("arnold_cat")).value(points / grid) * grid).astype(int) % grid
    onward = image[:, 0] * grid + image[:, 1]
    still = np.arange(grid**2)
    place, orders = onward.copy(), [1]
    while not np.array_equal(place, still):
        place, orders = onward[place], [orders[0] + 1]
    assert orders == [period]


@pytest.mark.parametrize("start", [(3.0, 3.0), (-2.0, 1.0)])
def test_beside_the_chaos_of_the_ikeda_map_is_a_sink_that_contracts_by_u(start: tuple[float, float]) -> None:
    """The determinant is u^2 everywhere, so a pair of complex eigenvalues has the modulus u: both exponents are ln 0.9 = -0.1054."""
    compiled = compile_system(system("ikeda"))
    state = np.array([start])
    for _ in range(2000):
        state = compiled.value(state)
    assert compiled.value(state) == pytest.approx(state, abs=1e-13)
    eigenvalues = np.linalg.eigvals(compiled.jacobian(state)[0])
    assert np.abs(eigenvalues.imag).min() > 0.1
    assert np.log(np.abs(eigenvalues)) == pytest.approx([np.log(0.9)] * 2, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "parameters"), [("beta_transformation", {"beta": 2.0}), ("tent", {"mu": 1.0}), ("baker", {"alpha": 0.5, "r_a": 0.5, "r_b": 0.5})]
)
def test_doubling_in_binary_runs_out_of_digits(name: str, parameters: dict[str, float]) -> None:
    """Every start is a fraction over 2^54 at most, so that 54 steps shift all of it away: why these files have other defaults."""
    compiled = compile_system(system(name, parameters))
    states = np.random.default_rng(0).uniform(size=(1000, compiled.dimension))
    for _ in range(55):
        states = compiled.value(states)
    assert not states[:, 0].any()


def turns_and_exponents(omega: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """The winding numbers and exponents of the circle map over 20 000 steps."""
    compiled = compile_system(system("circle"))
    values = np.tile(compiled.parameter_values, (len(omega), 1))
    values[:, list(compiled.definition.scalars).index("omega")] = omega
    values[:, list(compiled.definition.scalars).index("K")] = strength
    theta, logs, steps = np.full((len(omega), 1), 0.2), np.zeros(len(omega)), 20_000
    for _ in range(steps):
        logs += np.log(np.abs(1 + strength * np.cos(2 * np.pi * theta[:, 0])))
        theta = compiled.value(theta, values)
    return (theta[:, 0] - 0.2) / steps, logs / steps


def test_below_its_fold_the_circle_map_has_a_winding_number_and_no_chaos() -> None:
    """It grows with omega and is 0 where |omega| < K/(2 pi), and 1/2 at 1/2; K = 0 turns by omega."""
    omega = np.linspace(0.0, 0.5, 101)
    turns, exponents = turns_and_exponents(omega, 0.9)
    assert exponents.max() < 1e-3
    assert (np.diff(turns) > -1e-4).all()
    assert np.array_equal(np.abs(turns) < 1e-4, omega < 0.9 / (2 * np.pi))
    assert turns[-1] == pytest.approx(0.5, abs=1e-4)
    assert turns_and_exponents(omega, 0.0)[0] == pytest.approx(omega, abs=1e-12)


@pytest.mark.parametrize(("cells", "coupling"), [(8, 0.4), (5, 0.3)])
def test_logistic_cells_in_step_have_the_exponents_of_fourier_modes(cells: int, coupling: float) -> None:
    """ln 2 + ln|1 - eps (1 - cos(2 pi k/N))|; equal cells stay equal, as the same sum is formed in each."""
    compiled = compile_system(system("coupled_logistic", {"N": cells, "a": 2.0, "eps": coupling}))
    run = TangentRun(compiled, InitialState(np.full((1, cells), 0.3)), columns=cells, seed=0)
    run.advance(10, interval=4)
    found = run.advance(40_000, interval=1).mean(axis=(0, 1))
    exact = np.log(2) + np.log(np.abs(1 - coupling * (1 - np.cos(2 * np.pi * np.arange(cells) / cells))))
    assert found == pytest.approx(np.sort(exact)[::-1], abs=5e-4)
