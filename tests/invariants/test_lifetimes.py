"""Lifetimes of chaos that ends: recovered from records and systems made with a known one."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.invariants._lifetimes import ends_of_chaos, lifetime_of_chaos

RECORD, RUNS = 2.0, 256


def times(lifetime: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).exponential(lifetime, RUNS)


def noise(records: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.3, (RUNS, records))


STAYS = np.zeros(RUNS, dtype=bool)


@pytest.mark.parametrize("lifetime", [40.0, 150.0, 1000.0])
def test_the_time_until_chaos_settles_is_found_within_its_error(lifetime: float) -> None:
    alive = RECORD * np.arange(200) < times(lifetime, 2)[:, None]
    ends, lived, starting = ends_of_chaos(np.where(alive, 0.9, -0.5) + noise(200), STAYS, RECORD)
    assert starting == pytest.approx(RUNS, abs=0.05 * RUNS)
    assert lived / ends == pytest.approx(lifetime, rel=3 / np.sqrt(ends))
    assert ends == pytest.approx(RUNS * (1 - np.exp(-200 * RECORD / lifetime)), abs=4 * np.sqrt(RUNS) / 2)


def test_orbits_that_had_settled_before_are_left_out() -> None:
    alive = (RECORD * np.arange(200) < times(100.0, 2)[:, None]) & (np.arange(RUNS) < 100)[:, None]
    ends, lived, starting = ends_of_chaos(np.where(alive, 0.9, -0.5) + noise(200), STAYS, RECORD)
    assert starting == pytest.approx(100, abs=5)
    assert lived / ends == pytest.approx(100.0, rel=0.3)


def test_the_time_to_escape_is_found_within_its_error() -> None:
    last = times(80.0, 4)
    rates = np.where(RECORD * np.arange(1, 101) < last[:, None], 0.5 + noise(100), np.nan)
    ends, lived, _ = ends_of_chaos(rates, last <= 200.0, RECORD)
    assert ends == np.count_nonzero((last <= 200.0) & (last > RECORD))  # without those that left in the first record
    assert lived / ends == pytest.approx(80.0, rel=3 / np.sqrt(ends))


def test_an_orbit_that_becomes_superstable_has_settled() -> None:
    alive = RECORD * np.arange(200) < times(100.0, 2)[:, None]
    ends, lived, _ = ends_of_chaos(np.where(alive, 0.9 + noise(200), -np.inf), STAYS, RECORD)
    assert lived / ends == pytest.approx(100.0, rel=3 / np.sqrt(ends))


def test_the_error_bar_covers_the_lifetime_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(200):
        last = np.random.default_rng(seed).exponential(60.0, 64)
        alive = RECORD * np.arange(128) < last[:, None]
        ends, lived, _ = ends_of_chaos(
            np.where(alive, 0.9, -0.5) + 0.3 * np.random.default_rng(1000 + seed).normal(size=(64, 128)), STAYS[:64], RECORD
        )
        inside += abs(lived / ends - 60.0) <= 2 * lived / ends**1.5
    assert 180 <= inside <= 198  # 95.4 % of 200 are 191, with a standard deviation of 3


def test_chaos_that_stays_or_never_was_does_not_end() -> None:
    assert ends_of_chaos(0.9 + noise(100), STAYS, RECORD)[0] == 0
    assert ends_of_chaos(-2.0 + noise(100), STAYS, RECORD)[0] == 0


def test_a_hole_of_one_thousandth_gives_a_thousand_iterations() -> None:
    # flat density on [0, 1]; what falls through the hole comes to rest at 1.5
    equation = "where(x > 1, 1.5 + 0.5*(x - 1.5), where(abs(x - 0.3005) < 0.0005, 2 + x, where(x < p, x/p, (1 - x)/(1 - p))))"
    hole = compile_system(system_from({"x": equation}, parameters={"p": 0.3}, kind="maps", initial={"box": [[0.1, 0.9]]}, name="hole"))
    found = lifetime_of_chaos(hole, seed=0, period=1.0, transient=100.0)
    assert found is not None
    assert found[0] == pytest.approx(1000.0, abs=3 * found[1])
    assert found[1] <= found[0] / np.sqrt(32)
