"""Every pair of forecasters: wins, ties and losses over systems, a signed-rank test corrected for the number of pairs, and the paired bootstrap."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from chaosbench.boards import board, competitors, row_of, values
from chaosbench.errors import RecordError, nearest
from chaosbench.ranking import gap
from chaosbench.records import Record
from chaosbench.suites import metric_from

LEVEL = 0.05
_EXACT = 50  # up to so many differences the signed-rank distribution is computed, beyond it is normal


@dataclass(frozen=True)
class Pair:
    """Forecaster `a` against `b` on one metric.

    wins, ties, losses: systems on which a is better, equal, worse. difference, low, high: a - b with its 95 % interval from the paired bootstrap,
    not corrected. p: Wilcoxon signed-rank, two-sided. p_holm: p corrected for all pairs of the table. better: which one, None where p_holm > 0.05.
    """

    metric: str
    a: str
    b: str
    n_systems: int
    wins: int
    ties: int
    losses: int
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    better: str | None


def pairs(records: Sequence[Record], metric: str, *, tasks: Sequence[str] | None = None, only: tuple[str, str] | None = None) -> list[Pair]:
    """Return all pairs of forecasters (references take no part), sorted by label; or `only` the pair of two labels, corrected for all pairs too.

    Method: the unit is the system, since tasks of one system are no independent witnesses: the difference of a pair on a system is the mean over its
    tasks of the difference of values (medians over windows and seeds; shares: means). Signed-rank test of these differences, see `signed_rank`, and
    Holm's step-down correction over all pairs, which holds the chance of one or more false findings in the table at 5 %. Differences, intervals,
    counts and p of a pair do not change when forecasters join or leave; p_holm does, because the number of pairs does.
    Error: with n systems p cannot be below 2^(1 - n): on fewer than six no pair can be told apart, whatever the gap.
    Source: S. Holm, Scand. J. Statist. 6, 65-70 (1979); J. Demsar, J. Mach. Learn. Res. 7, 1-30 (2006), section 3.1.3.

    Raises RecordError for labels that are not among the forecasters, or twice the same one.
    """
    shown = board(competitors(records), metric, tasks)
    _check(only, shown)
    measure = metric_from(metric)
    table, systems = values(shown, measure.aggregate)
    columns = dict(zip(shown, table.T if measure.better == "higher" else -table.T, strict=True))
    named = list(itertools.combinations(shown, 2))
    units = [by_system(columns[a] - columns[b], systems) for a, b in named]
    p = [signed_rank(differences) for differences in units]
    rows = {label: row_of(entries, measure.aggregate) for label, entries in shown.items() if only is None or label in only}
    found = []
    for (a, b), differences, p_raw, p_holm in zip(named, units, p, holm(p), strict=True):
        if only is not None and {a, b} != set(only):
            continue
        gained = gap(metric, a, b, rows[a], rows[b])
        ahead = a if _signed_ranks(differences) > 0 else b
        counts = (int((differences > 0).sum()), int((differences == 0).sum()), int((differences < 0).sum()))
        interval = (gained.difference, gained.low, gained.high)
        found.append(Pair(metric, a, b, len(differences), *counts, *interval, p_raw, p_holm, ahead if p_holm <= LEVEL else None))
    return found if only is None or found[0].a == only[0] else [reversed_pair(found[0])]


def reversed_pair(one: Pair) -> Pair:
    """Return the same pair seen from its other forecaster."""
    counts = (one.n_systems, one.losses, one.ties, one.wins)
    return Pair(one.metric, one.b, one.a, *counts, -one.difference, -one.high, -one.low, one.p, one.p_holm, one.better)


def matrix(found: Sequence[Pair]) -> pd.DataFrame:
    """Return the table of wins/ties/losses as text, row against column ("5/1/2"), ordered by wins less losses over all pairs, best first."""
    both = [*found, *(reversed_pair(one) for one in found)]
    net: dict[str, int] = {}
    for one in both:
        net[one.a] = net.get(one.a, 0) + one.wins - one.losses
    order = sorted(net, key=lambda label: (-net[label], label))
    cells: dict[str, dict[str, Any]] = {label: {label: ""} for label in order}
    for one in both:
        cells[one.b][one.a] = f"{one.wins}/{one.ties}/{one.losses}"
    return pd.DataFrame(cells, index=order, columns=order)


def by_system(values: np.ndarray, systems: Sequence[str]) -> np.ndarray:
    """Return the means over the tasks of each system of `values` (K, ...), systems in order of first appearance."""
    places: dict[str, list[int]] = {}
    for place, system in enumerate(systems):
        places.setdefault(system, []).append(place)
    return np.array([values[rows].mean(axis=0) for rows in places.values()])


def signed_rank(differences: np.ndarray) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test that `differences` (n,) are symmetric about 0; 1 where all are 0.

    Method: zeros are left out, equal sizes share the mean of their ranks. Up to 50 differences the distribution over all 2^n signs, given the ranks,
    is exact also with ties, for which libraries have approximations or trials; beyond that the normal approximation with correction for ties.
    """
    kept = differences[differences != 0]
    if not len(kept):
        return 1.0
    if len(kept) > _EXACT:
        return float(stats.wilcoxon(kept, method="asymptotic").pvalue)
    ranks = np.rint(2 * stats.rankdata(np.abs(kept))).astype(int)  # twice the ranks are whole numbers, also when shared
    chance = np.zeros(ranks.sum() + 1)  # of each sum of the ranks with a plus
    chance[0] = 1.0
    for rank in ranks:
        chance[rank:] = (chance[rank:] + chance[:-rank]) / 2
        chance[:rank] /= 2
    smaller = min(ranks[kept > 0].sum(), ranks[kept < 0].sum())
    return min(1.0, 2 * float(chance[: smaller + 1].sum()))


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's corrected p: the k-th smallest of m times m - k + 1, never below one before it, at most 1."""
    corrected = [1.0] * len(p)
    running = 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda place: p[place])):
        running = max(running, min(1.0, (len(p) - rank) * p[place]))
        corrected[place] = running
    return corrected


def _signed_ranks(differences: np.ndarray) -> float:
    kept = differences[differences != 0]
    return float((np.sign(kept) * stats.rankdata(np.abs(kept))).sum())


def _check(only: tuple[str, str] | None, shown: Iterable[str]) -> None:
    labels = list(shown)
    for label in only or ():
        if label not in labels:
            raise RecordError(f"no record of a forecaster {label!r}; forecasters are {', '.join(labels)}{nearest(label, labels)}")
    if only is not None and only[0] == only[1]:
        raise RecordError(f"{only[0]!r} was given twice; give two different forecasters")
