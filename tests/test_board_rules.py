"""What must hold of every table: who joins changes nobody else, seeds and systems are resampled whole, intervals hold the truth as often as said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chaosbench.boards import draws
from chaosbench.catalogue import load
from chaosbench.mean_ranks import critical_difference
from chaosbench.pairwise import pairs
from chaosbench.randomness import generator
from chaosbench.ranking import compare, rank
from chaosbench.resampling import interval, over_systems, resampled
from chaosbench.skill import skills

Make = Callable[..., Any]
VPT = "valid_prediction_time"
SCALE = {"baseline": "floor", "ceiling": "top"}


def entrants(make: Make) -> list[Any]:
    stream = np.random.default_rng(5)
    level = {"floor": 0.0, "top": 9.0, "one": 3.0, "two": 4.0, "three": 4.5}
    tasks = "dbcaef"
    made = {name: {task: value + stream.normal(size=(1 if name != "two" else 3, 12)) for task in tasks} for name, value in level.items()}
    return [make(name, scores, reference=name == "top") for name, scores in made.items()]


def test_a_forecaster_that_joins_changes_no_other_row_but_its_rank(hand_made: Make) -> None:
    before = entrants(hand_made)
    newcomer = hand_made("newcomer", {task: np.full(12, 9.0) for task in "feadbc"})  # its tasks in another order
    after = [newcomer, *before]
    tables = [rank(records, VPT).set_index("forecaster").drop(columns="rank") for records in (before, after)]
    assert tables[1].drop("newcomer").sort_index().equals(tables[0].sort_index())
    measured = [skills(records, VPT, **SCALE) for records in (before, after)]
    overall = [found.overall.set_index("forecaster").sort_index() for found in measured]
    assert overall[1].drop("newcomer").equals(overall[0])
    single = [found.per_task.set_index(["forecaster", "task"]).sort_index() for found in measured]
    assert single[1].drop("newcomer").equals(single[0])
    assert measured[0].left_out == measured[1].left_out
    compared = [{(one.a, one.b): one for one in pairs(records, VPT)} for records in (before, after)]
    for names, one in compared[0].items():
        other = compared[1][names]
        assert (one.difference, one.low, one.high, one.p, one.wins, one.ties) == (
            other.difference,
            other.low,
            other.high,
            other.p,
            other.wins,
            other.ties,
        )
        assert other.p_holm >= one.p_holm  # more pairs, stricter
    assert compare(before, VPT, "one", "two") == compare(after, VPT, "one", "two")


def test_a_mean_rank_does_change_when_somebody_joins(hand_made: Make) -> None:
    # a beats b on x and y, b beats a on z. Somebody between a and b on z makes a's defeat there count twice: the ranks of a and b meet.
    a, b = hand_made("a", {"x": [2.0], "y": [2.0], "z": [1.0]}), hand_made("b", {"x": [1.0], "y": [1.0], "z": [3.0]})
    between = hand_made("c", {"x": [0.0], "y": [0.0], "z": [2.0]})
    means = [{row["forecaster"]: row["mean_rank"] for row in critical_difference(records, VPT)["ranks"]} for records in ([a, b], [a, b, between])]
    assert means[0] == {"a": 4 / 3, "b": 5 / 3}
    assert means[1] == {"a": 5 / 3, "b": 5 / 3, "c": 8 / 3}


def test_a_forecaster_that_draws_and_has_one_seed_is_marked(hand_made: Make) -> None:
    told = {"drawing": {"deterministic": False}, "sure": {"deterministic": True}, "unknown": {}}
    records = [hand_made(name, {"x": [1.0]}, told=more) for name, more in told.items()]
    records += [hand_made("five", {"x": [[1.0]] * 5}, told={"deterministic": False}), hand_made("truth", {"x": [2.0]}, reference=True)]
    frame = rank(records, VPT).set_index("forecaster")
    assert frame["single_seed"].to_dict() == {"drawing": True, "sure": False, "unknown": True, "five": False, "truth": False}
    assert frame["n_seeds"].to_dict() == {"drawing": 1, "sure": 1, "unknown": 1, "five": 5, "truth": 1}


@pytest.mark.parametrize("name", ["persistence", "echo_state"])
def test_an_older_record_is_asked_after_in_the_catalogue(hand_made: Make, name: str) -> None:
    assert draws(hand_made(name, {"x": [1.0]})) is not load("forecasters", name).deterministic


def test_the_fewest_seeds_on_any_task_count(hand_made: Make) -> None:
    frame = rank([hand_made("mixed", {"x": [[1.0], [2.0]], "y": [1.0]}, told={"deterministic": False})], VPT)
    assert frame[["n_seeds", "single_seed"]].to_numpy().tolist() == [[1, True]]


def test_windows_stay_paired_when_the_numbers_of_seeds_differ(hand_made: Make) -> None:
    hardness = np.random.default_rng(0).uniform(1.0, 9.0, 60)
    one = hand_made("one", {"x": hardness})
    three = hand_made("three", {"x": np.stack([hardness + 0.5] * 3)})
    found = compare([one, three], VPT, "three", "one")
    assert found.difference == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (1, 100), (2, 9), (5, 20), (3, 7)])
@pytest.mark.parametrize("kind", ["median", "mean"])
def test_resamples_are_those_of_the_plain_way(shape: tuple[int, int], kind: Any) -> None:
    for scores in (np.random.default_rng(4).normal(size=shape), np.random.default_rng(4).integers(0, 3, size=shape).astype(float)):
        windows = generator(0, "bootstrap-windows", f"1x{shape[1]}").integers(shape[1], size=(500, shape[1]))
        seeds = generator(0, "bootstrap-seeds", f"{shape[0]}").integers(shape[0], size=(500, shape[0]))
        taken = [scores[np.ix_(chosen, drawn)] for chosen, drawn in zip(seeds, windows, strict=True)]
        assert resampled(scores, kind, 500) == pytest.approx([(np.median if kind == "median" else np.mean)(one) for one in taken], rel=1e-13, abs=0)
        if kind == "median":
            assert resampled(scores, kind, 500).tolist() == [np.median(one) for one in taken]


def test_seeds_are_resampled_whole() -> None:
    # Two seeds, one always 0 and one always 1: a resample is all 0, half and half, or all 1, with chances 1/4, 1/2, 1/4.
    drawn = resampled(np.array([np.zeros(40), np.ones(40)]), "mean")
    assert set(drawn) == {0.0, 0.5, 1.0}
    assert np.mean(drawn == 0.5) == pytest.approx(0.5, abs=0.05)  # standard error 0.011


def test_a_system_is_drawn_with_all_its_tasks() -> None:
    # System u has three tasks worth 0, v one worth 1: a resample is u u, u v or v v, means 0, 1/4 and 1.
    pools = np.array([0.0, 0.0, 0.0, 1.0])[:, None] * np.ones(5)
    drawn = over_systems(pools, "mean", systems=["u", "u", "u", "v"])
    assert set(drawn) == {0.0, 0.25, 1.0}
    assert np.mean(drawn == 0.25) == pytest.approx(0.5, abs=0.05)
    alone = over_systems(pools, "mean")
    assert over_systems(pools, "mean", systems=list("abcd")).tolist() == alone.tolist()


def covered(shape: tuple[int, int, int], spreads: tuple[float, float, float], kind: Any, tables: int, seed: int) -> int:
    """Return in how many of `tables` normal tables (systems, seeds, windows) around 0 the interval holds 0. spreads: of systems, seeds, windows."""
    stream = np.random.default_rng(seed)
    systems, seeds, _ = shape
    found = 0
    for _ in range(tables):
        scores = spreads[0] * stream.normal(size=(systems, 1, 1)) + spreads[1] * stream.normal(size=(systems, seeds, 1))
        scores = scores + spreads[2] * stream.normal(size=shape)
        pools = np.stack([resampled(row, kind, 200) for row in scores])
        low, high = interval(over_systems(pools, kind, 400))
        found += low <= 0 <= high
    return found


SPREADS = [(1.0, 0.3, 0.3), (0.3, 1.0, 0.3), (0.3, 0.3, 1.0)]
KINDS = ["systems", "seeds", "windows"]


# Nominal 95 % of 200: 190. Percentile intervals over 25 systems are narrow by sqrt(24/25) and have normal for t quantiles: about 93.5 %, 187,
# binomial standard deviation 3.5. The spread of windows and seeds is counted twice, between systems and inside them, which makes intervals wider.
@pytest.mark.parametrize("spreads", SPREADS, ids=KINDS)
def test_the_interval_over_systems_seeds_and_windows_covers_the_truth(spreads: tuple[float, float, float]) -> None:
    assert covered((25, 3, 10), spreads, "mean", 200, seed=11) >= 173


@pytest.mark.slow
@pytest.mark.parametrize("spreads", SPREADS, ids=KINDS)
def test_the_interval_of_medians_covers_the_truth(spreads: tuple[float, float, float]) -> None:
    assert covered((25, 3, 10), spreads, "median", 600, seed=11) >= 540  # of medians wider still: 93.5 % of 600 less four standard deviations


def test_the_interval_is_not_merely_wide() -> None:
    assert 173 <= covered((25, 1, 20), (1.0, 0.0, 0.3), "mean", 200, seed=12) <= 198


def test_equal_forecasters_have_a_real_gap_about_one_time_in_twenty(hand_made: Make) -> None:
    # 200 pairs of equal forecasters on 12 systems of 8 shared windows: the uncorrected interval of the difference excludes 0 in about 10, sd 3.1;
    # with 12 systems narrow by sqrt(11/12), about 7 %: 14.
    stream = np.random.default_rng(13)
    real = 0
    for _ in range(200):
        shared = stream.normal(size=(12, 8))
        gain = 0.5 * stream.normal(size=12)
        pools = np.stack(
            [resampled((row + shift)[None], "mean", 200) - resampled(row[None], "mean", 200) for row, shift in zip(shared, gain, strict=True)]
        )
        low, high = interval(over_systems(pools, "mean", 400))
        real += low > 0 or high < 0
    assert real <= 26
