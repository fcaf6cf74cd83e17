"""Sparse identification: the equations that made the data come back, term by term, from clean and from noisy series."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.errors import ForecasterError
from chaosbench.forecasters._polynomial_flow import FittedFlow
from chaosbench.forecasters._polynomials import Monomials
from chaosbench.forecasters._sparse_regression import SparseProblem, rows
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.sindy import SparseIdentification

# order of terms: 1, x, y, z, xx, xy, xz, yy, yz, zz
LORENZ = np.zeros((10, 3))
LORENZ[[1, 2], 0] = [-10.0, 10.0]
LORENZ[[1, 2, 6], 1] = [28.0, -1.0, -1.0]
LORENZ[[3, 5], 2] = [-8.0 / 3.0, 1.0]


def henon(samples: int) -> np.ndarray:
    states = [np.array([0.1, 0.1])]
    for _ in range(samples - 1):
        x, y = states[-1]
        states.append(np.array([1.0 - 1.4 * x * x + y, 0.3 * x]))
    return np.array(states)


def found(states: np.ndarray, dt: float, **options: object) -> SparseIdentification:
    forecaster = SparseIdentification(**options)  # type: ignore[arg-type]
    forecaster.fit(Training([states], dt), seed=0)
    return forecaster


def test_exponents_say_what_the_monomials_are() -> None:
    library, points = Monomials(3, 4), np.random.default_rng(0).normal(size=(5, 3))
    by_powers = np.prod(points[:, None, :] ** library.exponents(), axis=2)
    np.testing.assert_allclose(library.value(points), by_powers, rtol=1e-12)
    parents, factors = library.products()
    np.testing.assert_array_equal(library.exponents()[4:], library.exponents()[parents] + np.eye(3, dtype=int)[factors])


@pytest.mark.parametrize(("form", "error"), [("weak", 1e-7), ("differences", 1e-3)])
def test_lorenz_63_comes_back_from_clean_data(lorenz_series: np.ndarray, form: str, error: float) -> None:
    forecaster = found(lorenz_series, 0.02, form=form, degree=2, threshold=0.05)
    np.testing.assert_array_equal(forecaster.coefficients != 0.0, LORENZ != 0.0)
    nonzero = LORENZ != 0.0
    np.testing.assert_allclose(forecaster.coefficients[nonzero], LORENZ[nonzero], rtol=error)
    assert forecaster.equations()[1] == "dx1/dt = 28 x0 + -1 x1 + -1 x0 x2" or form == "differences"


@pytest.mark.parametrize("ensemble", [0, 10])
def test_lorenz_63_comes_back_from_noisy_data_by_the_weak_form(lorenz_series: np.ndarray, ensemble: int) -> None:
    noisy = lorenz_series + 0.005 * lorenz_series.std(axis=0) * np.random.default_rng(0).normal(size=lorenz_series.shape)
    nonzero = LORENZ != 0.0
    forecaster = found(noisy, 0.02, form="weak", degree=2, threshold=0.05, ensemble=ensemble)
    np.testing.assert_array_equal(forecaster.coefficients != 0.0, nonzero)
    np.testing.assert_allclose(forecaster.coefficients[nonzero], LORENZ[nonzero], rtol=0.01)


def test_a_map_comes_back_and_is_chosen_over_a_flow() -> None:
    forecaster = found(henon(400), 1.0, degree=2)
    expected = np.zeros((6, 2))  # 1, x, y, xx, xy, yy
    expected[[0, 2, 3], 0] = [1.0, 1.0, -1.4]
    expected[1, 1] = 0.3
    np.testing.assert_allclose(forecaster.coefficients, expected, atol=1e-12)
    assert forecaster.equations() == ("x0(t + dt) = 1 1 + 1 x1 + -1.4 x0^2", "x1(t + dt) = 0.3 x0")


def test_a_linear_flow_has_exact_rows_in_the_weak_form() -> None:
    t = 0.1 * np.arange(60)
    states = np.stack([np.exp(-0.3 * t) * np.cos(t), np.exp(-0.3 * t) * np.sin(t)], axis=1)
    library, targets = rows("weak", Monomials(2, 1), [states], 0.1)
    generator = np.array([[0.0, 0.0], [-0.3, 1.0], [-1.0, -0.3]])  # dx/dt = -0.3 x - y, dy/dt = x - 0.3 y
    np.testing.assert_allclose(library @ generator, targets, atol=1e-9)


def test_thresholding_drops_small_terms_and_solves_the_rest_again() -> None:
    random = np.random.default_rng(1)
    library = random.normal(size=(200, 3))
    targets = library @ np.array([[2.0], [0.0], [-1.0]]) + 0.01 * random.normal(size=(200, 1))
    problem = SparseProblem.of(library, targets)
    coefficients = problem.thresholded(0.1)
    expected = np.linalg.lstsq(library[:, [0, 2]], targets, rcond=None)[0]
    np.testing.assert_allclose(coefficients[[0, 2]], expected, rtol=1e-10)
    assert coefficients[1, 0] == 0.0
    np.testing.assert_array_equal(problem.thresholded(10.0), 0.0)


def test_columns_that_repeat_others_do_no_harm() -> None:
    # a forced oscillator seen as (x, v, cos, sin): cos^2 + sin^2 = 1 makes five of the 35 cubic monomials depend on others
    t = 0.1 * np.arange(800)
    states = np.stack([np.sin(t) + np.cos(1.7 * t), np.cos(t) - 1.7 * np.sin(1.7 * t), np.cos(1.7 * t), np.sin(1.7 * t)], axis=1)
    model = found(states, 0.1, form="weak", degree=3, threshold=0.0)
    assert np.abs(model.coefficients).max() < 10.0
    assert np.abs(model.forecast(states[None, :300], 200)[0, 0] - states[300:500]).max() < 1e-4


def test_the_fitted_flow_steps_with_order_four() -> None:
    errors = []
    exact = np.array([np.exp(-0.5)])
    for substeps in (2, 4, 8):
        flow = FittedFlow(dt=0.5, library=Monomials(1, 1), weights=np.array([[0.0], [-1.0]]), substeps=substeps, bound=10.0)
        errors.append(float(np.abs(flow.roll(np.ones((1, 1, 1)), 1)[0, 0] - exact)[0]))
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(slopes - 4.0) < 0.2)


def test_a_blow_up_is_infinite_and_stays_so() -> None:
    # dx/dt = x^2 from 1 reaches infinity at t = 1
    flow = FittedFlow(dt=0.1, library=Monomials(1, 2), weights=np.array([[0.0], [0.0], [1.0]]), substeps=4, bound=50.0)
    run = flow.roll(np.ones((1, 1, 1)), 20)[0, :, 0]
    np.testing.assert_allclose(run[4], 2.0, rtol=1e-4)  # 1 / (1 - 0.5)
    assert np.all(np.isfinite(run[:9]))
    assert np.all(np.isinf(run[10:]))


def test_options_and_problems_out_of_range_are_refused() -> None:
    with pytest.raises(ForecasterError, match="form = 'strong': must be one of weak, differences, map"):
        SparseIdentification(form="strong")  # type: ignore[arg-type]
    with pytest.raises(ForecasterError, match="threshold = -1"):
        SparseIdentification(threshold=-1.0)
    assert SparseIdentification(degree=3).unsupported(Problem(40, 0.1, context=10, horizon=5, training_samples=5000)) is not None
    assert SparseIdentification().unsupported(Problem(40, 0.1, context=10, horizon=5, training_samples=5000)) is None
    assert SparseIdentification().unsupported(Problem(3, 0.1, context=10, horizon=5, training_samples=20)) is not None


def test_the_library_pysindy_finds_the_same_equation(lorenz_series: np.ndarray) -> None:
    pytest.importorskip("pysindy")
    forecaster = load("forecasters", "sindy_pysindy")(threshold=0.3)
    forecaster.fit(Training([lorenz_series], 0.02), seed=0)
    nonzero = LORENZ != 0.0
    np.testing.assert_array_equal(forecaster.coefficients != 0.0, nonzero)
    np.testing.assert_allclose(forecaster.coefficients[nonzero], LORENZ[nonzero], rtol=0.02)  # differences of order 4 at dt = 0.02
