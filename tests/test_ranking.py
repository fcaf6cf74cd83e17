"""Ranking on records made by hand, so that every expected number can be worked out."""

from typing import Any

import numpy as np
import pytest

from chaosbench.errors import RecordError
from chaosbench.ranking import compare, rank, table
from chaosbench.records import Record, windows_sha256
from chaosbench.resampling import interval, over_systems, resampled

VPT = "valid_prediction_time"


def _record(name: str, scores: dict[str, Any], *, metric: str = VPT, suite: str = "ef", failed: tuple[str, ...] = (), n: int | None = None) -> Record:
    """Return a record with `scores` {task: (W,) or (S, W)}; tasks in `failed` have the status crash and every window failed."""
    cells, kept = [], {}
    for task, given in scores.items():
        for seed, values in enumerate(np.atleast_2d(np.asarray(given, dtype=float))):
            windows = {metric: values, f"{metric} censored": np.zeros(len(values), dtype=bool)}
            sha = windows_sha256(windows)
            kept[sha] = windows
            entry = {
                "value": 0.0, "interval": [0.0, 0.0], "n": len(values), "n_failed": len(values) if task in failed else 0, "n_censored": 0,
                "floor": [0.5, 0.4, 0.6],
            }  # fmt: skip
            cells.append(
                {
                    "task": task,
                    "system": task,
                    "system_identity": f"id of {task}",
                    "time_unit": "Lyapunov time",
                    "seed": seed,
                    "status": "crash" if task in failed else "ok",
                    "reason": "",
                    "metrics": {metric: entry},
                    "windows_sha256": sha,
                }
            )
    identity = {"forecaster": name, "version": "1", "source_sha256": "", "options": {}, "suite": "toy", "suite_sha256": suite, "scoring": "1"}
    return Record(identity, tuple(cells), {}, {}, kept)


def test_the_value_is_the_median_over_systems_of_medians_over_windows_and_higher_is_better() -> None:
    good = _record("good", {"a": [1, 2, 9], "b": [5, 5, 5], "c": [7, 8, 9]})  # medians 2, 5, 8
    poor = _record("poor", {"a": [0, 1, 2], "b": [0, 3, 9], "c": [4, 4, 4]})  # medians 1, 3, 4
    frame = rank([poor, good], VPT)
    assert frame["forecaster"].tolist() == ["good", "poor"]
    assert frame["rank"].tolist() == [1, 2]
    assert frame["value"].tolist() == [5.0, 3.0]
    assert frame["n_systems"].tolist() == [3, 3]
    assert frame["n"].tolist() == [9, 9]
    assert (frame["low"] <= frame["value"]).all()
    assert (frame["value"] <= frame["high"]).all()


def test_lower_is_better_where_the_metric_says_so_and_shares_are_means() -> None:
    first = _record("first", {"a": [0.1], "b": [0.3]}, metric="nrmse@1")
    second = _record("second", {"a": [0.2], "b": [0.4]}, metric="nrmse@1")
    assert rank([second, first], "nrmse@1")["forecaster"].tolist() == ["first", "second"]
    shares = _record("first", {"a": [1, 0, 0, 0], "b": [1, 1, 1, 1]}, metric="blow_up")
    assert rank([shares], "blow_up")["value"].tolist() == [(0.25 + 1.0) / 2]


def test_equal_values_share_a_rank() -> None:
    records = [_record(name, {"a": [value]}) for name, value in (("x", 2.0), ("y", 3.0), ("z", 2.0))]
    frame = rank(records, VPT)
    assert frame[["rank", "forecaster"]].to_numpy().tolist() == [[1, "y"], [2, "x"], [2, "z"]]


def test_a_missing_task_counts_as_failed_and_is_never_dropped() -> None:
    whole = _record("whole", {"a": [2.0, 2.0], "b": [3.0, 3.0], "c": [4.0, 4.0]})
    partial = _record("partial", {"a": [9.0, 9.0]})
    frame = rank([whole, partial], VPT).set_index("forecaster")
    assert frame.loc["partial", "value"] == 0.0  # medians 9, failed 0, failed 0
    assert frame.loc["partial", ["n_systems", "n", "n_failed", "n_failed_cells"]].tolist() == [3, 6, 4, 2]
    rows = table([whole, partial], VPT).set_index(["forecaster", "task"])
    assert rows.loc[("partial", "b"), ["value", "n_failed", "status"]].tolist() == [0.0, 2, "missing"]


def test_failed_cells_are_counted() -> None:
    frame = rank([_record("x", {"a": [0.0, 0.0], "b": [1.0, 1.0]}, failed=("a",))], VPT)
    assert frame.loc[0, ["n_failed", "n_failed_cells"]].tolist() == [2, 1]


def test_the_table_has_one_row_a_task_and_forecaster_with_the_floor() -> None:
    rows = table([_record("x", {"a": [1.0, 2.0, 6.0], "b": [4.0]})], VPT)
    assert rows[["task", "forecaster", "value", "n", "status", "floor"]].to_numpy().tolist() == [
        ["a", "x", 2.0, 3, "ok", 0.5],
        ["b", "x", 4.0, 1, "ok", 0.5],
    ]


def test_seeds_are_pooled_inside_a_system() -> None:
    frame = rank([_record("x", {"a": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})], VPT)
    assert frame["value"].tolist() == [3.5]
    assert frame["n_systems"].tolist() == [1]


def test_a_small_steady_gain_on_hard_and_easy_windows_is_real_because_windows_are_paired() -> None:
    hardness = np.random.default_rng(0).uniform(1.0, 9.0, 100)
    a, b = _record("a", {"one": hardness + 0.2}), _record("b", {"one": hardness})
    found = compare([a, b], VPT, "a", "b", tasks=["one"])
    assert found.difference == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2)
    assert found.real
    assert found.better == "a"
    separate = rank([a, b], VPT)
    assert separate["low"][0] < separate["value"][1]  # the unpaired intervals overlap widely
    shuffled = _record("b", {"one": np.random.default_rng(1).permutation(hardness)})
    unpaired = compare([a, shuffled], VPT, "a", "b")
    assert not unpaired.real
    assert unpaired.better is None


def test_better_follows_the_direction_of_the_metric() -> None:
    values = np.linspace(0.1, 0.2, 50)
    a, b = (_record(name, {"s": values + shift}, metric="nrmse@1") for name, shift in (("a", 0.5), ("b", 0.0)))
    assert compare([a, b], "nrmse@1", "a", "b").better == "b"
    assert compare([a, b], "nrmse@1", "b", "a").better == "b"
    assert compare([a, b], "nrmse@1", "a", "a").better is None


def test_over_systems_the_difference_is_the_median_of_the_systems_differences() -> None:
    a = _record("a", {"x": [3.0], "y": [5.0], "z": [9.0]})
    b = _record("b", {"x": [1.0], "y": [4.0], "z": [1.0]})
    found = compare([a, b], VPT, "a", "b")
    assert found.difference == 2.0  # of 2, 1, 8
    assert found.n_systems == 3
    assert compare([a, b], VPT, "a", "b", tasks=["z"]).difference == 8.0


def test_the_same_records_give_the_same_intervals() -> None:
    records = [_record(name, {task: np.random.default_rng(seed).normal(size=40) for seed, task in enumerate("abcd")}) for name in ("p", "q")]
    assert rank(records, VPT).equals(rank(records[::-1], VPT))
    assert compare(records, VPT, "p", "q") == compare(records, VPT, "p", "q")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no records; evaluate at least one forecaster"),
        ([_record("a", {"x": [1.0]}), _record("b", {"x": [1.0]}, suite="gh")], "records of different suites: a on 'toy' and b on 'toy'"),
        ([_record("a", {"x": [1.0]}), _record("a", {"x": [1.0]})], "two records of one forecaster with the same options"),
        ([_record("a", {"x": [1.0]}), _record("b", {"x": [1.0, 2.0]})], "b: task 'x' was run on another definition of its system"),
        ([_record("a", {"x": [1.0]}, metric="nrmse@1")], "a: no metric 'valid_prediction_time'; it has nrmse@1"),
    ],
)
def test_records_that_do_not_belong_together_are_refused(records: list[Record], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        rank(records, VPT)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    records = [_record("alpha", {"x": [1.0]})]
    with pytest.raises(RecordError, match=r"no record of 'alpa'; records are of alpha; did you mean 'alpha'"):
        compare(records, VPT, "alpa", "alpha")
    with pytest.raises(RecordError, match=r"no record has task 'y'; tasks are x"):
        rank(records, VPT, tasks=["y"])


def test_the_interval_over_windows_covers_the_true_median_as_often_as_it_says() -> None:
    # 400 samples of 100 windows from an exponential distribution, median ln 2. Nominal 95 %: 380 of 400, binomial standard deviation 4.4.
    samples = np.random.default_rng(0).exponential(size=(400, 1, 100))
    covered = sum(low <= np.log(2.0) <= high for low, high in (interval(resampled(sample, "median", 500)) for sample in samples))
    assert 364 <= covered <= 393


def test_the_interval_over_systems_covers_the_true_value_of_the_population() -> None:
    # Systems differ (standard deviation 1) far more than windows inside them (0.3, 50 of them): resampling windows alone would cover the population's
    # mean in about 1 case in 10. The bootstrap over 20 systems is slightly narrow, sqrt(19/20) with a normal for a t quantile: about 93 %.
    stream = np.random.default_rng(1)
    covered, without = 0, 0
    for _ in range(200):
        scores = stream.normal(size=(20, 1)) + 0.3 * stream.normal(size=(20, 50))
        pools = np.stack([resampled(row[None], "mean", 400) for row in scores])
        low, high = interval(over_systems(pools, "mean", 400))
        covered += low <= 0.0 <= high
        low, high = interval(pools.mean(axis=0))
        without += low <= 0.0 <= high
    assert 174 <= covered <= 197
    assert without < 60
