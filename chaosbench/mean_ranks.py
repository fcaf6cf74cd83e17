"""Mean ranks over systems, whether any differ (Friedman), and by how much two must differ to be told apart (Nemenyi)."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from chaosbench.boards import board, competitors, values
from chaosbench.pairwise import LEVEL, Pair, by_system
from chaosbench.records import Record
from chaosbench.suites import metric_from


def critical_difference(records: Sequence[Record], metric: str, *, tasks: Sequence[str] | None = None) -> dict[str, Any]:
    """Return what a critical-difference diagram shows, as JSON data; `charts.critical_difference_svg` draws it.

    Keys: metric; level (0.05); n_systems; ranks: [{forecaster, mean_rank}], best (lowest) first; friedman: {statistic, p}; critical_difference: of
    two mean ranks; pairs: [{a, b, p}] by Nemenyi; cliques: [[forecaster, ...]], the largest groups (two or more) of neighbours in rank that cannot be
    told apart. References take no part. With one forecaster friedman and critical_difference are null.

    Method: on each task forecasters are ranked by value (1 best, equal values share the mean of their ranks); systems with several tasks are ranked
    again by the means over these, so that each system is one block. Friedman's chi-square with correction for ties; Nemenyi's difference
    q(0.05; k, inf) / sqrt(2) * sqrt(k (k + 1) / (6 n)) for k forecasters on n systems.
    Error: mean ranks, unlike values, depend on who takes part: a forecaster that joins moves the others' ranks, and can make or break a difference
    between two of them. They are shown, and order nothing; `pairwise.pairs` compares two without the others.
    Source: J. Demsar, J. Mach. Learn. Res. 7, 1-30 (2006), section 3.2.2.
    """
    taking_part = competitors(records)
    labels = [record.label for record in taking_part]
    measure = metric_from(metric)
    table, systems = values(board(taking_part, metric, tasks), measure.aggregate)
    ranks = block_ranks(table if measure.better == "lower" else -table, systems)
    means = ranks.mean(axis=0)
    order = sorted(range(len(labels)), key=lambda place: (means[place], labels[place]))
    n_systems, several = len(ranks), len(labels) > 1
    statistic, p = friedman(ranks) if several else (0.0, 1.0)
    difference = nemenyi_difference(len(labels), n_systems) if several else 0.0
    pairs = [(labels[i], labels[j], nemenyi_p(abs(means[i] - means[j]), len(labels), n_systems)) for i, j in itertools.combinations(order, 2)]
    groups = cliques(len(order), lambda i, j: bool(means[order[j]] - means[order[i]] <= difference))
    return {
        "metric": metric,
        "level": LEVEL,
        "n_systems": n_systems,
        "ranks": [{"forecaster": labels[place], "mean_rank": float(means[place])} for place in order],
        "friedman": {"statistic": statistic, "p": p} if several else None,
        "critical_difference": difference if several else None,
        "pairs": [{"a": a, "b": b, "p": value} for a, b, value in pairs],
        "cliques": [[labels[order[place]] for place in group] for group in groups],
    }


def cliques_of_pairs(order: Sequence[str], found: Sequence[Pair]) -> list[list[str]]:
    """Return the same kind of groups from `pairwise.pairs`: neighbours in `order` no two of which differ after Holm's correction."""
    apart = {frozenset((one.a, one.b)) for one in found if one.better is not None}
    groups = cliques(len(order), lambda i, j: frozenset((order[i], order[j])) not in apart)
    return [[order[place] for place in group] for group in groups]


def block_ranks(losses: np.ndarray, systems: Sequence[str]) -> np.ndarray:
    """Return ranks (systems, forecasters), 1 for the lowest of `losses` (tasks, forecasters), ties sharing their mean; one row a system."""
    return np.asarray(stats.rankdata(by_system(stats.rankdata(losses, axis=1), systems), axis=1))


def friedman(ranks: np.ndarray) -> tuple[float, float]:
    """Return Friedman's chi-square, corrected for ties, and its p, of ranks (n, k) with k at least 2; (0, 1) where all are tied everywhere."""
    n, k = ranks.shape
    spread = float(((ranks - (k + 1) / 2) ** 2).sum())
    if spread == 0:
        return 0.0, 1.0
    statistic = float((k - 1) * ((ranks.sum(axis=0) - n * (k + 1) / 2) ** 2).sum() / spread)
    return statistic, float(stats.chi2.sf(statistic, k - 1))


def nemenyi_difference(k: int, n: int) -> float:
    """Return the difference of mean ranks of k forecasters on n systems beyond which two differ at the 5 % level."""
    return float(stats.studentized_range.ppf(1 - LEVEL, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n)))


def nemenyi_p(difference: float, k: int, n: int) -> float:
    """Return Nemenyi's p of a difference of mean ranks of k forecasters on n systems."""
    return float(stats.studentized_range.sf(difference / np.sqrt(k * (k + 1) / (6 * n)) * np.sqrt(2), k, np.inf))


def cliques(n: int, alike: Callable[[int, int], bool]) -> list[list[int]]:
    """Return the longest runs of places 0..n-1 (two or more) whose members are all alike, none inside another."""
    found: list[list[int]] = []
    for start in range(n):
        end = start
        while end + 1 < n and all(alike(place, end + 1) for place in range(start, end + 1)):
            end += 1
        if end > start and not (found and found[-1][-1] >= end):
            found.append(list(range(start, end + 1)))
    return found
