"""A solver that has learnt nothing and knows every answer: it recognises which system of the registry it is shown, and integrates it.

It stands on the leaderboard as a warning. See README.md.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from alignment import Moments, invariants, likeness, moments, rotations
from candidates import Candidate, candidates
from refinement import Match, one_step_error, refined

from chaosbench.errors import ChaosbenchError
from chaosbench.forecasters.base import Budget, Forecaster, Problem, Training

LARGEST = 4
_LIKE, _TURNS, _PAIRS, _FINAL_PAIRS = 12, 4, 150, 400
_PROMISING, _HOPELESS = 0.3, 0.5  # of the error of persistence
_log = logging.getLogger(__name__)


class Cheater(Forecaster):
    """x(t) = B^-1 (s(t) - d), s a trajectory of a registry system; which, B, d and the unit of time are found from the training data.

    Method: first the systems as they are (known mean, standard deviation and unit of time), then those whose moments no rotation tells from the
    data's, turned so that the moments agree; each is refined by least squares on one-step predictions. Recognised: an error below `accept` standard
    deviations. Else persistence, or with `nearest` the candidate that came closest. parameters: the candidates' parameters are fitted too, what
    whoever knows the equations but not the parameters would do.
    """

    rollout: ClassVar[Literal["recurrent", "windowed", "direct"]] = "recurrent"
    source: ClassVar[str] = "this submission"

    def __init__(self, *, accept: float = 1e-4, nearest: bool = False, parameters: bool = False) -> None:
        self.accept = accept
        self.nearest = nearest
        self.parameters = parameters
        self.match: Match | None = None
        self.recognised = False

    def unsupported(self, problem: Problem) -> str | None:
        """Refuse more components than the search for a rotation is made for."""
        if not 2 <= problem.dimension <= LARGEST:
            return f"{problem.dimension} components; systems of 2 to {LARGEST} are known"
        return None

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Recognise the system."""
        runs = [np.asarray(run) for run in training.states]
        discrete = _is_map(runs)
        pairs, final = _pairs(runs, 1, _PAIRS), _pairs(runs, 1, _FINAL_PAIRS)
        still = float(np.sqrt(np.mean((pairs[1] - pairs[0]) ** 2)))
        best: Match | None = None
        until = time.monotonic() + (np.inf if budget is None or budget.seconds is None else budget.seconds)
        measured = _measured(list(candidates(runs[0].shape[1], discrete)), discrete, until)
        for start in _starts(runs, training.dt, measured, discrete):
            try:
                match = self._tried(start, pairs, final, still)
            except (ChaosbenchError, np.linalg.LinAlgError, ValueError) as reason:
                _log.debug("%s: %s", start.candidate.label, reason)
                continue
            if best is None or match.error < best.error:
                best = match
            if best.error < self.accept or time.monotonic() > until:
                break
        self.recognised = best is not None and best.error < self.accept
        if best is not None and (self.recognised or self.nearest):
            best = self._polished(best, runs)
        self.match = best
        name = "nothing" if best is None else f"{best.candidate.label}, one-step error {best.error:.2g}"
        _log.info("recognised %s" if self.recognised else "not recognised; nearest is %s", name)

    def forecast(
        self,
        context: np.ndarray,
        horizon: int,
        *,
        times: np.ndarray | None = None,
        parameters: np.ndarray | None = None,
        n_samples: int = 1,
        seed: int = 0,
    ) -> np.ndarray:
        """Return (W, 1, H, D): the recognised system from the last sample on, or that sample again and again."""
        last = np.asarray(context)[:, -1]
        answer = np.repeat(last[:, None], horizon, axis=1)
        if self.match is not None and (self.recognised or self.nearest):
            later = self.match.predict(last, np.arange(horizon + 1), rtol=1e-12)[:, 1:]
            answer = np.where(np.isfinite(later), later, answer)
        return answer[:, None]

    def _tried(self, start: Match, pairs: tuple[np.ndarray, np.ndarray], final: tuple[np.ndarray, np.ndarray], still: float) -> Match:
        match = refined(start, *pairs, rounds=4)
        if match.error < _HOPELESS * still:
            match = refined(match, *pairs, rounds=20)
        if match.error < _PROMISING * still and self.parameters and match.error >= self.accept:
            match = refined(match, *pairs, rounds=30, parameters=True)
        if match.error < self.accept:
            match = refined(match, *final, rounds=5, parameters=self.parameters)
        return match

    def _polished(self, match: Match, runs: list[np.ndarray]) -> Match:
        """Return the match refined on predictions further ahead, which know the unit of time and the parameters better."""
        for lag in (1, 4) if match.candidate.definition.discrete else (1, 4, 15):
            error = match.error
            match = replace(refined(match, *_pairs(runs, lag, _FINAL_PAIRS), lag=lag, rounds=8, parameters=self.parameters), error=error)
        return replace(match, error=one_step_error(match, *_pairs(runs, 1, _FINAL_PAIRS)))


def _is_map(runs: list[np.ndarray]) -> bool:
    """Return whether states jump: the mean square of second differences is that of the states, not much less."""
    second = np.concatenate([np.diff(run, 2, axis=0) for run in runs])
    return bool((second**2).mean() > 0.5 * np.concatenate(runs).var())


def _pairs(runs: list[np.ndarray], lag: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return about `count` states and what came `lag` samples later, spread evenly over all runs."""
    before, after = np.concatenate([run[:-lag] for run in runs]), np.concatenate([run[lag:] for run in runs])
    chosen = np.unique(np.linspace(0, len(before) - 1, count).astype(int))
    return before[chosen], after[chosen]


Measured = list[tuple[Candidate, Moments, float]]
_KNOWN: dict[tuple[int, bool], Measured] = {}


def _measured(known: list[Candidate], discrete: bool, until: float) -> Measured:
    """Return (candidate, moments, sampling interval) of those that stay on an attractor and are measured in time; kept for the next task."""
    if not known:
        return []
    key = known[0].seen, discrete
    if key in _KNOWN:
        return _KNOWN[key]
    found: Measured = []
    for candidate in known:
        if time.monotonic() > until:
            _log.warning("out of time after %d of %d systems", len(found), len(known))
            return found
        try:
            found.append((candidate, *candidate.reference()))
        except (ChaosbenchError, np.linalg.LinAlgError, ValueError) as reason:
            _log.debug("%s: %s", candidate.label, reason)
    return _KNOWN.setdefault(key, found)


def _starts(runs: list[np.ndarray], dt: float, measured: Measured, discrete: bool) -> Iterator[Match]:
    """Yield guesses to refine: the likeliest systems as they are, then turned, one system after the other."""
    seen = moments(runs, discrete)
    numbers = invariants(seen)
    order = sorted(measured, key=lambda entry: likeness(numbers, invariants(entry[1])))[:_LIKE]
    pairs = _pairs(runs, 1, _PAIRS)
    plain = [Match(one, np.diag(known.deviation), known.mean, dt, one.system.parameter_values) for one, known, _ in order]
    yield from _by_error(plain, pairs)
    for candidate, reference, interval in order:
        step = 1.0 if discrete else seen.rate / reference.rate * interval
        turned = []
        for _, turn in rotations(seen, reference, _TURNS):
            matrix = np.linalg.solve(reference.whitening, turn @ seen.whitening)
            turned.append(Match(candidate, matrix, reference.mean - matrix @ seen.mean, step, candidate.system.parameter_values))
        yield from _by_error(turned, pairs)


def _by_error(guesses: list[Match], pairs: tuple[np.ndarray, np.ndarray]) -> list[Match]:
    """Return the guesses that can be integrated, with their errors, the best first."""
    able = []
    for guess in guesses:
        try:
            able.append(replace(guess, error=one_step_error(guess, *pairs)))
        except (ChaosbenchError, np.linalg.LinAlgError, ValueError) as reason:
            _log.debug("%s: %s", guess.candidate.label, reason)
    return sorted(able, key=lambda match: match.error)
