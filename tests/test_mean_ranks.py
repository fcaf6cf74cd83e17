"""Mean ranks, Friedman, Nemenyi: numbers worked out by hand, tables of the literature, and another program."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from chaosbench.mean_ranks import block_ranks, cliques, cliques_of_pairs, critical_difference, friedman, nemenyi_difference, nemenyi_p
from chaosbench.pairwise import pairs

Make = Callable[..., Any]
VPT = "valid_prediction_time"


def test_ranks_chi_square_and_difference_by_hand(hand_made: Make) -> None:
    # Higher is better. Ranks on x: c 1, b 2, a 3; y: c 1, b 2, a 3; z: b 1, c 2, a 3; u: c 1, a and b 2.5. Sums: a 11.5, b 7.5, c 5.
    scores = {"a": (1, 1, 1, 2), "b": (2, 2, 3, 2), "c": (3, 3, 2, 5)}
    records = [hand_made(name, {task: [value] for task, value in zip("xyzu", row, strict=True)}) for name, row in scores.items()]
    found = critical_difference(records, VPT)
    assert [(row["forecaster"], row["mean_rank"]) for row in found["ranks"]] == [("c", 5 / 4), ("b", 7.5 / 4), ("a", 11.5 / 4)]
    # Squared deviations of rank sums from 8: 12.25 + 0.25 + 9 = 21.5. Squared deviations of all ranks from 2: 2 + 2 + 2 + 1.5 = 7.5.
    assert found["friedman"]["statistic"] == pytest.approx(2 * 21.5 / 7.5)
    assert found["friedman"]["p"] == pytest.approx(np.exp(-2 * 21.5 / 7.5 / 2))  # chi-square with 2 degrees of freedom
    # q = 2.343 for three (Demsar's table 5): 2.343 sqrt(3 * 4 / (6 * 4)) = 1.657; a - c = 1.625 is less, all are one clique.
    assert found["critical_difference"] == pytest.approx(2.343 * np.sqrt(0.5), abs=5e-4)
    assert found["cliques"] == [["c", "b", "a"]]
    assert found["n_systems"] == 4


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)])
def test_the_quantiles_of_nemenyi_are_those_of_the_published_table(k: int, q: float) -> None:
    n = k * (k + 1) // 2 * 3  # so that sqrt(k (k + 1) / (6 n)) = 1 / 3
    assert nemenyi_difference(k, n) == pytest.approx(q / 3, abs=4e-4)  # printed to three digits; 0.001 for the last of some
    assert nemenyi_p(nemenyi_difference(k, n), k, n) == pytest.approx(0.05)


def test_the_difference_of_a_published_example() -> None:
    assert nemenyi_difference(4, 14) == pytest.approx(1.25, abs=5e-3)  # four classifiers on 14 data sets: Demsar (2006), section 3.2.4


def test_friedman_is_that_of_another_program_with_and_without_ties() -> None:
    stream = np.random.default_rng(0)
    for scores in (stream.normal(size=(12, 5)), stream.integers(0, 3, size=(12, 5)).astype(float)):
        ranks = block_ranks(scores, [str(row) for row in range(12)])
        expected = stats.friedmanchisquare(*scores.T)
        assert friedman(ranks) == pytest.approx((expected.statistic, expected.pvalue))
    assert friedman(np.full((5, 3), 2.0)) == (0.0, 1.0)


def test_ranks_and_nemenyi_are_those_of_scikit_posthocs(hand_made: Make) -> None:
    posthocs = pytest.importorskip("scikit_posthocs")
    stream = np.random.default_rng(1)
    for scores in (stream.normal(size=(15, 4)) + np.arange(4) / 2, stream.integers(0, 3, size=(15, 4)).astype(float)):
        records = [hand_made(name, {f"t{row}": [scores[row, column]] for row in range(15)}) for column, name in enumerate("abcd")]
        found = critical_difference(records, VPT)
        expected = posthocs.posthoc_nemenyi_friedman(scores)
        for pair in found["pairs"]:
            assert pair["p"] == pytest.approx(expected.iloc["abcd".index(pair["a"]), "abcd".index(pair["b"])], rel=1e-6)
        means = {row["forecaster"]: row["mean_rank"] for row in found["ranks"]}
        assert [means[name] for name in "abcd"] == pytest.approx(stats.rankdata(-scores, axis=1).mean(axis=0))


def test_systems_with_several_tasks_are_one_block_each(hand_made: Make) -> None:
    systems = {"u/one": "u", "u/two": "u", "v": "v"}
    a = hand_made("a", {"u/one": [9.0], "u/two": [9.0], "v": [0.0]}, systems=systems)
    b = hand_made("b", {"u/one": [1.0], "u/two": [1.0], "v": [1.0]}, systems=systems)
    found = critical_difference([a, b], VPT)
    assert found["n_systems"] == 2
    assert [row["mean_rank"] for row in found["ranks"]] == [1.5, 1.5]


def test_cliques_are_the_longest_runs_and_none_is_inside_another() -> None:
    ranks = [1.0, 1.8, 2.5, 4.0, 4.9]
    assert cliques(5, lambda i, j: ranks[j] - ranks[i] <= 1.6) == [[0, 1, 2], [2, 3], [3, 4]]
    assert cliques(5, lambda i, j: True) == [[0, 1, 2, 3, 4]]
    assert cliques(5, lambda i, j: False) == []
    apart = {(0, 2)}
    assert cliques(4, lambda i, j: (i, j) not in apart) == [[0, 1], [1, 2, 3]]


def test_groups_by_pairs_keep_those_together_that_holm_does_not_part(hand_made: Make) -> None:
    tasks = [f"t{index}" for index in range(10)]
    rows = {"low": 0.0, "mid": 1.0, "near": 1.0}
    records = [hand_made(name, {task: [value + 0.1 * at * (name != "near")] for at, task in enumerate(tasks)}) for name, value in rows.items()]
    groups = cliques_of_pairs(["mid", "near", "low"], pairs(records[:2] + records[2:], VPT))
    assert groups == []  # mid is above near on 9 of 10, p = 2 / 2^9, and both above low
    same = [hand_made(name, {task: [value] for task in tasks}) for name, value in rows.items()]
    assert cliques_of_pairs(["mid", "near", "low"], pairs(same, VPT)) == [["mid", "near"]]


def test_one_forecaster_has_a_rank_and_nothing_to_differ_from(hand_made: Make) -> None:
    found = critical_difference([hand_made("a", {"x": [1.0]}), hand_made("truth", {"x": [9.0]}, reference=True)], VPT)
    assert found["ranks"] == [{"forecaster": "a", "mean_rank": 1.0}]
    assert (found["friedman"], found["critical_difference"], found["pairs"], found["cliques"]) == (None, None, [], [])


def test_equal_forecasters_are_ranked_apart_at_most_as_often_as_said() -> None:
    # 400 tables of 4 equal forecasters on 20 systems: Friedman below 5 %, and any pair beyond Nemenyi's difference, each in about 20, sd 4.4.
    stream = np.random.default_rng(2)
    difference, by_chance, by_difference = nemenyi_difference(4, 20), 0, 0
    for _ in range(400):
        ranks = block_ranks(stream.normal(size=(20, 4)), [str(row) for row in range(20)])
        means = ranks.mean(axis=0)
        by_chance += friedman(ranks)[1] <= 0.05
        by_difference += means.max() - means.min() > difference
    assert 3 <= by_chance <= 37
    assert 3 <= by_difference <= 37
