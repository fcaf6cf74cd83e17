"""The parts of step control, one by one."""

import math

import numpy as np
import pytest

from chaosbench.integrators._step_size import after_accepted, after_rejected, escaped, exp2, fitted, later, log2, too_small


@pytest.mark.parametrize("x", [1e-10, 0.3, 0.5, 0.9999999, 1.0, 2.0, 3.7, 1e6, 1e300, 5e-324])
def test_own_logarithm_and_power_agree_with_the_library_to_seven_digits(x: float) -> None:
    assert log2(x) == pytest.approx(math.log2(x), abs=1e-7)
    assert exp2(math.log2(x) / 8.0) == pytest.approx(x**0.125, rel=1e-6)


def test_an_error_at_the_tolerance_repeats_the_step_with_the_safety_factor() -> None:
    factor, before = after_accepted(1.0, 0.0, 7, False)
    assert factor == pytest.approx(0.9, rel=1e-6)
    assert before == pytest.approx(0.0, abs=1e-6)


def test_the_factor_follows_the_documented_powers() -> None:
    """q = 5: 0.9 * 0.1^-0.17 * 0.5^0.04."""
    factor, _ = after_accepted(0.1, math.log2(0.5), 4, False)
    assert factor == pytest.approx(0.9 * 0.1**-0.17 * 0.5**0.04, rel=1e-5)
    assert after_rejected(32.0, 4) == pytest.approx(0.9 / 2.0, rel=1e-5)


def test_the_factor_stays_within_its_limits() -> None:
    assert after_accepted(0.0, 0.0, 7, False)[0] == 6.0
    assert after_accepted(0.0, 0.0, 7, True)[0] == 1.0
    assert after_rejected(1e30, 7) == 0.2
    assert after_rejected(math.nan, 7) == 0.1
    assert after_rejected(math.inf, 7) == 0.1


def test_the_last_steps_leave_no_sliver() -> None:
    assert fitted(1.0, 5.0) == 1.0
    assert fitted(1.0, 1.5) == 0.75  # two equal halves
    assert fitted(1.0, 1.005) == 1.005  # 1 % longer rather than one step more
    assert fitted(1.0, 0.3) == 0.3


def test_the_smallest_step_is_sixteen_units_in_the_last_place_of_the_time() -> None:
    unit = math.ulp(3.0)
    assert too_small(16.0 * unit, 3.0)
    assert not too_small(16.5 * unit, 3.0)
    assert too_small(0.0, 0.0)
    assert not too_small(1e-300, 0.0)
    assert too_small(math.nan, 1.0)


def test_a_hundred_thousand_steps_of_a_tenth_add_no_drift() -> None:
    time, carry, naive = 0.0, 0.0, 0.0
    for _ in range(100_000):
        time, carry = later(time, carry, 0.1)
        naive += 0.1
    assert abs(time + carry - 10_000.0) <= math.ulp(10_000.0)
    assert abs(naive - 10_000.0) > 1e-8  # what plain addition does


@pytest.mark.parametrize(("value", "beyond"), [(1.0, False), (1e12, False), (-1.1e12, True), (math.nan, True), (-math.inf, True)])
def test_a_state_escapes_beyond_the_limit(value: float, beyond: bool) -> None:
    assert escaped(np.array([0.0, value]), 2) == beyond
    assert not escaped(np.array([0.0, value]), 1)
