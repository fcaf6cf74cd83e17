"""Pairs of forecasters: the expected counts, ranks and probabilities stand in the tests; false findings are counted."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from chaosbench.errors import RecordError
from chaosbench.pairwise import by_system, holm, matrix, pairs, signed_rank

Make = Callable[..., Any]
VPT = "valid_prediction_time"


def test_the_signed_rank_test_by_hand() -> None:
    # Six positive differences: of 2^6 signs one is all plus and one all minus, so two-sided p = 2 / 64.
    assert signed_rank(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == pytest.approx(2 / 64)
    # -1 among them: ranks of minus sum to 1; sums 0 and 1 have one choice of signs each: 2 * 2 / 64.
    assert signed_rank(np.array([-1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == pytest.approx(4 / 64)
    # Ties, all of one size: the count of minus signs is binomial. One of five: 2 (1 + 5) / 32.
    assert signed_rank(np.array([-2.0, 2.0, 2.0, 2.0, 2.0])) == pytest.approx(2 * (1 + 5) / 32)
    # Zeros are left out: as without them.
    assert signed_rank(np.array([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == pytest.approx(2 / 64)
    assert signed_rank(np.zeros(9)) == 1.0
    assert signed_rank(np.array([3.0])) == 1.0


def test_the_signed_rank_test_against_another_program() -> None:
    stream = np.random.default_rng(7)
    for n in (2, 5, 12, 30, 50, 51, 120):
        differences = stream.normal(0.3, 1.0, size=n)
        method = "exact" if n <= 50 else "asymptotic"
        assert signed_rank(differences) == pytest.approx(stats.wilcoxon(differences, method=method).pvalue, rel=1e-9)
    for _ in range(5):  # ties: all 2^9 signs tried one by one
        tied = stream.integers(1, 4, size=9) * stream.choice([-1.0, 1.0], size=9)
        assert signed_rank(tied) == pytest.approx(stats.wilcoxon(tied, method=stats.PermutationMethod(n_resamples=2**9)).pvalue, rel=1e-9)


def test_many_ties_use_the_normal_approximation_with_its_correction() -> None:
    # 60 differences of one size, 38 of them positive: ranks all 30.5; mean 915, variance 60 * 30.5^2 / 4.
    z = (38 * 30.5 - 915) / math.sqrt(60 * 30.5**2 / 4)
    assert signed_rank(np.array([1.0] * 38 + [-1.0] * 22)) == pytest.approx(2 * stats.norm.sf(z))


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.9 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.9; never below the one before.
    assert holm([0.03, 0.9, 0.01, 0.02]) == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_wins_ties_losses_and_who_is_better(hand_made: Make) -> None:
    tasks = [f"t{index}" for index in range(8)]
    a = hand_made("a", dict(zip(tasks, [[1.0 + index] for index in range(8)], strict=True)))
    b = hand_made("b", {task: [1.0] for task in tasks})  # a - b: 0, 1, ..., 7
    (found,) = pairs([b, a], VPT)
    assert (found.a, found.b, found.n_systems, found.wins, found.ties, found.losses) == ("a", "b", 8, 7, 1, 0)
    assert found.difference == 3.5
    assert found.p == found.p_holm == pytest.approx(2 / 2**7)
    assert found.better == "a"
    assert found.low <= 3.5 <= found.high
    (reverse,) = pairs([a, b], VPT, only=("b", "a"))
    assert (reverse.a, reverse.wins, reverse.losses, reverse.difference, reverse.better) == ("b", 0, 7, -3.5, "a")
    assert (reverse.low, reverse.high) == (-found.high, -found.low)


def test_lower_is_better_turns_the_counts_and_not_the_difference(hand_made: Make) -> None:
    tasks = [f"t{index}" for index in range(6)]
    a, b = (
        hand_made(name, {task: [value + 0.01 * at] for at, task in enumerate(tasks)}, metric="nrmse@1") for name, value in (("a", 0.2), ("b", 0.1))
    )
    b = hand_made("b", {task: [0.1] for task in tasks}, metric="nrmse@1")
    (found,) = pairs([a, b], "nrmse@1")
    assert (found.wins, found.losses, found.better) == (0, 6, "b")
    assert found.difference == pytest.approx(0.125)  # median of 0.10, 0.11, ..., 0.15


def test_tasks_of_one_system_are_one_witness(hand_made: Make) -> None:
    systems = {f"{name}/{track}": name for name in "uvw" for track in ("clean", "noisy")}
    a = hand_made("a", {task: [2.0] for task in systems}, systems=systems)
    b = hand_made("b", {task: [1.0] for task in systems}, systems=systems)
    (found,) = pairs([a, b], VPT)
    assert (found.n_systems, found.wins) == (3, 3)
    assert found.p == pytest.approx(2 / 2**3)
    assert by_system(np.array([1.0, 3.0, 7.0]), ["u", "u", "v"]).tolist() == [2.0, 7.0]


def test_the_matrix_is_ordered_by_net_wins_and_mirrors(hand_made: Make) -> None:
    records = [hand_made(name, {"x": [x], "y": [y]}) for name, x, y in (("low", 0.0, 1.0), ("mid", 1.0, 1.0), ("top", 2.0, 3.0))]
    table = matrix(pairs(records, VPT))
    assert list(table.index) == list(table.columns) == ["top", "mid", "low"]
    assert table.loc["top", "low"] == "2/0/0"
    assert table.loc["low", "mid"] == "0/1/1"
    assert table.loc["mid", "low"] == "1/1/0"
    assert table.loc["mid", "mid"] == ""


def test_references_take_no_part_and_unknown_names_are_named(hand_made: Make) -> None:
    records = [hand_made(name, {"x": [1.0]}, reference=name == "truth") for name in ("alpha", "beta", "truth")]
    assert [(one.a, one.b) for one in pairs(records, VPT)] == [("alpha", "beta")]
    with pytest.raises(RecordError, match=r"no record of a forecaster 'alpa'; forecasters are alpha, beta; did you mean 'alpha'"):
        pairs(records, VPT, only=("alpa", "beta"))
    with pytest.raises(RecordError, match="'beta' was given twice"):
        pairs(records, VPT, only=("beta", "beta"))
    with pytest.raises(RecordError, match="only references here"):
        pairs(records[2:], VPT)


def test_equal_forecasters_are_called_different_at_most_as_often_as_said() -> None:
    # 400 tables of 4 equal forecasters on 20 systems, 6 pairs each. One or more false findings after Holm in at most 5 %: 20, binomial standard
    # deviation 4.4; four of them above is 37. Without correction it is far more. Half of the tables have ties and zeros (scores in steps of 1/2).
    stream = np.random.default_rng(0)
    false, uncorrected = 0, 0
    for index in range(400):
        scores = stream.normal(size=(20, 1)) + stream.normal(size=(20, 4))
        scores = np.round(2 * scores) / 2 if index % 2 else scores
        p = [signed_rank(scores[:, i] - scores[:, j]) for i in range(4) for j in range(i)]
        false += min(holm(p)) <= 0.05
        uncorrected += min(p) <= 0.05
    assert false <= 37
    assert uncorrected > 50


def test_on_few_tied_systems_the_test_is_exact() -> None:
    # 8 differences of -1, 0 or 1: the normal approximation would not hold its level; 400 tables, at most 5 % + 4 standard deviations.
    stream = np.random.default_rng(1)
    false = sum(signed_rank(stream.integers(-1, 2, size=8).astype(float)) <= 0.05 for _ in range(400))
    assert false <= 37


def test_the_test_finds_a_difference_that_is_there() -> None:
    stream = np.random.default_rng(2)
    found = sum(signed_rank(stream.normal(1.0, 1.0, size=20)) <= 0.05 for _ in range(100))
    assert found >= 90  # power 0.98 for a gap of one standard deviation on 20 systems
