"""The Kaplan-Yorke dimension of given exponents: values, conventions, gradient."""

import numpy as np
import pytest

from chaosbench.invariants._block_error import block_mean
from chaosbench.invariants._kaplan_yorke import dimension_with_error, kaplan_yorke


@pytest.mark.parametrize(
    ("exponents", "dimension"),
    [
        ([0.9056, 0.0, -14.5723], 2 + 0.9056 / 14.5723),
        ([0.41922, -1.62319], 1 + 0.41922 / 1.62319),
        ([0.11, 0.02, 0.0, -25.0], 3 + 0.13 / 25.0),
        ([-14.5723, 0.9056, 0.0], 2 + 0.9056 / 14.5723),  # order does not matter
        ([0.5, -0.2, -0.2, -0.2], 3 + 0.5),  # 0.5 - 0.4 = 0.1 left over 0.2
        ([-0.1, -0.2], 0.0),  # a fixed point
        ([0.0, -0.2], 1.0),  # a limit cycle
        ([0.0, 0.0, -1.0], 2.0),  # a torus
        ([0.3, 0.1], 2.0),  # expanding everywhere: the dimension of the space
        ([0.3, -0.1], 2.0),  # the same: never above it
        ([0.1, 0.0, 0.0, -0.1], 4.0),  # conservative
        ([0.7, -np.inf], 1.0),  # a singular map
    ],
)
def test_value(exponents: list[float], dimension: float) -> None:
    assert kaplan_yorke(np.array(exponents))[0] == pytest.approx(dimension, rel=1e-14)


def test_a_cycle_whose_zero_was_measured_as_slightly_negative_is_still_a_cycle() -> None:
    assert kaplan_yorke(np.array([-1e-5, -0.2]))[0] == 0.0
    assert kaplan_yorke(np.array([-1e-5, -0.2]), zero=1e-4)[0] == 1.0
    assert kaplan_yorke(np.array([2e-5, -1e-5, -0.2]), zero=1e-4)[0] == 2.0


def test_small_exponents_of_a_chaotic_system_are_taken_as_measured() -> None:
    exponents = np.array([0.9, 5e-5, -14.5])
    assert kaplan_yorke(exponents, zero=1e-4)[0] == pytest.approx(2 + 0.90005 / 14.5)


def test_nan_in_nan_out() -> None:
    assert np.isnan(kaplan_yorke(np.array([np.nan, -1.0]))[0])


@pytest.mark.parametrize("exponents", [[0.9, 0.01, -14.5], [0.3, 0.2, -0.1, -0.6, -2.0], [0.1, -0.5]])
def test_the_gradient_is_the_derivative(exponents: list[float]) -> None:
    point = np.array(exponents)
    _, gradient = kaplan_yorke(point)
    for k in range(len(point)):
        shift = np.eye(len(point))[k] * 1e-6
        slope = (kaplan_yorke(point + shift)[0] - kaplan_yorke(point - shift)[0]) / 2e-6
        assert gradient[k] == pytest.approx(slope, abs=1e-7)


def test_a_run_too_short_to_tell_small_from_zero_says_so_in_its_error() -> None:
    # exponents 0.01 and -0.1, orbits of 100 units of time: 3 units of ln over one orbit are 0.03, so 0.01 counts as 0 and the dimension as 1
    noise = 1e-4 * np.random.default_rng(0).normal(size=(32, 64, 2))
    statistics = block_mean(np.array([0.01, -0.1]) + noise, slack=0.06)
    value, error = dimension_with_error(statistics)
    assert value == 1.0
    assert error == pytest.approx(0.1, rel=0.01)  # the dimension would be 1 + 0.01/0.1
    assert dimension_with_error(block_mean(np.array([0.01, -0.1]) + noise, slack=0.006))[0] == pytest.approx(1.1, abs=0.001)


def test_errors_that_cancel_in_the_sum_cancel_in_the_dimension() -> None:
    # exponents (1 + e, -4 - e): the sum is -3 always; D = 1 + (1 + e)/(4 + e), dD/de = 3/16
    noise = 0.01 * np.random.default_rng(0).normal(size=(32, 64, 1))
    statistics = block_mean(np.concatenate([1 + noise, -4 - noise], axis=2))
    value, error = dimension_with_error(statistics)
    assert value == pytest.approx(1.25, abs=1e-3)
    assert error == pytest.approx(3 / 16 * statistics.standard_error[0], rel=0.01)
