"""Fitting the readouts of reservoirs, several at a time: the units of all run as one network."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from chaosbench.forecasters._least_squares import LeastSquares
from chaosbench.forecasters._patches import Patches
from chaosbench.forecasters._reservoir import Reservoir, stacked
from chaosbench.forecasters._reservoir_map import Readout, ReservoirMap, features
from chaosbench.forecasters._validation import fit_with_ridge, held_out
from chaosbench.forecasters.base import Training
from chaosbench.randomness import generator

_ROWS = 1024  # unit states kept at a time, over all patches
_TOGETHER = 8  # reservoirs run as one; more only need more memory
_ENOUGH = 50_000  # rows of a shared readout, which has one a patch and step: beyond them only every second, third, ... step is used


@dataclass(frozen=True)
class ReservoirPlan:
    """Everything that decides a fit. shared: one readout for all patches. noise: standard deviation added to inputs, never to targets.

    penalties: ridges to choose among when ridge is None, largest first.
    """

    reservoir: Reservoir
    patches: Patches
    training: Training
    states: list[np.ndarray]
    washout: int
    ridge: float | None
    squares: bool
    increments: bool
    shared: bool
    noise: float
    seed: int
    penalties: Sequence[float]

    @property
    def minimum(self) -> int:
        """Samples that a series needs: the washout and one pair."""
        return self.washout + 2


def fitted_maps(plans: Sequence[ReservoirPlan]) -> list[ReservoirMap]:
    """Return the fitted closed loop of each plan; plans of equal size and equal lengths of data run together, with the bits each has alone."""
    alike = defaultdict(list)
    for place, plan in enumerate(plans):
        lengths = tuple(len(series) for series in plan.states)
        sizes = (plan.reservoir.units, plan.patches.count, plan.washout, lengths)
        alike[sizes, plan.shared, plan.ridge is None, plan.training.validation is None].append(place)
    maps: dict[int, ReservoirMap] = {}
    for places in alike.values():
        for first in range(0, len(places), _TOGETHER):
            together = places[first : first + _TOGETHER]
            maps |= zip(together, _fit([plans[place] for place in together]), strict=True)
    return [maps[place] for place in range(len(plans))]


def _fit(plans: list[ReservoirPlan]) -> list[ReservoirMap]:
    everything = trial = _problems(plans, [plan.states for plan in plans])
    if plans[0].ridge is None and plans[0].training.validation is None:
        trial = _problems(plans, [held_out(plan.training, plan.states, minimum=plan.minimum)[0] for plan in plans])
    return [_chosen(plan, whole, part) for plan, whole, part in zip(plans, everything, trial, strict=True)]


def _chosen(plan: ReservoirPlan, whole: list[LeastSquares], part: list[LeastSquares]) -> ReservoirMap:
    """Return the map with the plan's ridge, or with the best one; whole: the problem of all data, part: without what is held out."""

    def prepare(series: Sequence[np.ndarray]) -> Callable[[float], ReservoirMap]:
        return partial(_map, plan, whole if series is plan.states else part)

    return fit_with_ridge(plan.ridge, plan.training, plan.states, minimum=plan.minimum, prepare=prepare, penalties=plan.penalties)


def _map(plan: ReservoirPlan, problems: list[LeastSquares], ridge: float) -> ReservoirMap:
    weights = np.stack([problem.ridge(ridge) for problem in problems])  # (R, 1 + F, m)
    readout = Readout(weights[:, :1].copy(), np.ascontiguousarray(weights[:, 1:]), plan.squares, plan.increments)
    return ReservoirMap(plan.reservoir, plan.patches, readout, dt=plan.training.dt, settling=max(1, plan.washout))


def _problems(plans: list[ReservoirPlan], series: list[list[np.ndarray]]) -> list[list[LeastSquares]]:
    """Return the least squares problems of each plan's readouts, after running its reservoir over its series; lengths are equal among plans."""
    network = stacked([plan.reservoir for plan in plans])
    streams = [generator(plan.seed, "input noise") for plan in plans]
    problems = [_empty(plan) for plan in plans]
    count, washout = plans[0].patches.count, plans[0].washout
    size, block = plans[0].reservoir.units, max(1, _ROWS // count)
    rows = sum(len(states) for states in series[0]) * (count if plans[0].shared else 1)
    every = -(-rows // _ENOUGH)
    for trajectories in zip(*series, strict=True):
        steps = len(trajectories[0]) - 1
        inputs = [
            states[:-1] + plan.noise * stream.standard_normal(states[:-1].shape) if plan.noise > 0.0 else states[:-1]
            for plan, stream, states in zip(plans, streams, trajectories, strict=True)
        ]
        units = np.zeros((network.units, count))
        edges = [0, *range(washout, steps, block), steps] if washout else [*range(0, steps, block), steps]
        for begin, end in pairwise(edges):
            seen = np.concatenate(
                [plan.patches.gather(given[begin:end]).reshape(-1, end - begin, count) for plan, given in zip(plans, inputs, strict=True)]
            )
            kept = np.empty((end - begin, *units.shape))
            for t in range(end - begin):
                kept[t] = units = network.advance(np.concatenate([units, seen[:, t]]))
            if begin < washout:
                continue
            used = np.arange(-begin % every, end - begin, every)
            for n, (plan, states, given) in enumerate(zip(plans, trajectories, inputs, strict=True)):
                targets = states[begin + 1 : end + 1] - given[begin:end] if plan.increments else states[begin + 1 : end + 1]
                _add(problems[n], plan, kept[used, n * size : (n + 1) * size], targets[used])
    return problems


def _empty(plan: ReservoirPlan) -> list[LeastSquares]:
    units = plan.reservoir.units
    width = 1 + units + (units // 2 if plan.squares else 0)
    return [LeastSquares(width, plan.patches.writes.shape[1]) for _ in range(1 if plan.shared else plan.patches.count)]


def _add(problems: list[LeastSquares], plan: ReservoirPlan, units: np.ndarray, targets: np.ndarray) -> None:
    """Add the rows of unit states (T, N, G) with their targets (T, D)."""
    T, N, G = units.shape
    rows = features(units.transpose(1, 0, 2).reshape(N, T * G), plan.squares)
    rows = np.concatenate([np.ones((T * G, 1)), rows], axis=1)
    wanted = plan.patches.split(targets)
    if plan.shared:
        problems[0].add(rows, wanted.reshape(T * G, -1))
        return
    for g, problem in enumerate(problems):
        problem.add(np.ascontiguousarray(rows.reshape(T, G, -1)[:, g]), np.ascontiguousarray(wanted[:, g]))
