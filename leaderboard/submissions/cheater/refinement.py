"""From a rough guess to digits: the linear map, the offset and the unit of time (and, if asked, the parameters) by least squares on predictions."""

from dataclasses import dataclass, replace

import numpy as np
from candidates import Candidate

from chaosbench.blinding import mixed
from chaosbench.errors import ChaosbenchError

_FAILED = 10.0  # standard deviations: a prediction that is not a number
_SHIFT = 1e-6


@dataclass(frozen=True)
class Match:
    """s = matrix y + offset turns what is seen into a candidate's (seen) states; `step` is a sample in its unit of time. parameters: (P,)."""

    candidate: Candidate
    matrix: np.ndarray
    offset: np.ndarray
    step: float
    parameters: np.ndarray
    error: float = np.inf

    def predict(self, states: np.ndarray, times: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """Return (B, len(times), D), what is seen `times` samples after states (B, D)."""
        hidden = self.candidate.hide(mixed(states, self.matrix.T) + self.offset)  # sums in one order, so that windows do not see each other
        rows = np.broadcast_to(self.parameters, (len(states), len(self.parameters)))
        moments = times.astype(float) if self.candidate.definition.discrete else self.step * times
        later = self.candidate.show(self.candidate.flow(hidden, moments, rows, rtol))
        return mixed(later - self.offset, np.linalg.inv(self.matrix).T)


def one_step_error(match: Match, before: np.ndarray, after: np.ndarray, lag: int = 1) -> float:
    """Return the root mean square error of the prediction of `after` from `before`, both (N, D), in the units of the data."""
    return float(np.sqrt(np.mean(_residual(match, before, after, lag) ** 2)))


def refined(match: Match, before: np.ndarray, after: np.ndarray, *, lag: int = 1, rounds: int = 12, parameters: bool = False) -> Match:
    """Return `match` after damped Gauss-Newton steps (Levenberg-Marquardt), its error that of the prediction `lag` samples ahead.

    Derivatives by finite differences, all in one integration. parameters: those that are not 0 are fitted too.
    """
    free = np.flatnonzero(match.parameters != 0) if parameters else np.zeros(0, dtype=int)
    residual = _residual(match, before, after, lag)
    cost, damping = float((residual**2).mean()), 1e-3
    for _ in range(rounds):
        slopes = _slopes(match, before, after, lag, free, residual)
        gram, gradient = slopes.T @ slopes, slopes.T @ residual.ravel()
        scale = np.diag(gram) + 1e-12 * np.diag(gram).max() + 1e-300
        improved = False
        for _ in range(6):
            try:
                change = -np.linalg.solve(gram + damping * np.diag(scale), gradient)
                tried = _moved(match, change, free)
                new = _residual(tried, before, after, lag)
            except (np.linalg.LinAlgError, ChaosbenchError, ValueError):
                damping *= 10
                continue
            if (new**2).mean() < cost:
                improved = True
                break
            damping *= 10
        if not improved:
            break
        gain = cost / max(float((new**2).mean()), 1e-300)
        match, residual, cost, damping = tried, new, float((new**2).mean()), damping * 0.1
        if gain < 1.0005 or cost < 1e-22:
            break
    return replace(match, error=float(np.sqrt(cost)))


def _residual(match: Match, before: np.ndarray, after: np.ndarray, lag: int) -> np.ndarray:
    error = match.predict(before, np.array([0, lag]))[:, 1] - after
    return np.clip(np.nan_to_num(error, nan=_FAILED, posinf=_FAILED, neginf=-_FAILED), -_FAILED, _FAILED)


def _moved(match: Match, change: np.ndarray, free: np.ndarray) -> Match:
    """Return the match with matrix, offset, logarithm of the step and logarithms of the free parameters changed.

    The change of matrix and offset is relative to the matrix: B (1 + change), B change + offset, so that all are in units of the data.
    """
    d = len(match.offset)
    relative, shift = change[: d * d].reshape(d, d), change[d * d : d * d + d]
    parameters = match.parameters.copy()
    parameters[free] *= np.exp(np.clip(change[d * d + d + 1 :], -0.5, 0.5))
    step = match.step * float(np.exp(np.clip(change[d * d + d], -0.5, 0.5)))
    return replace(match, matrix=match.matrix @ (np.eye(d) + relative), offset=match.offset + match.matrix @ shift, step=step, parameters=parameters)


def _slopes(match: Match, before: np.ndarray, after: np.ndarray, lag: int, free: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return d residual / d change, (N D, number of changes); maps have no unit of time."""
    d = len(match.offset)
    count = d * d + d + 1 + len(free)
    slopes = np.zeros((residual.size, count))
    for column in range(count):
        if column == d * d + d and match.candidate.definition.discrete:
            continue
        change = np.zeros(count)
        change[column] = _SHIFT
        slopes[:, column] = ((_residual(_moved(match, change, free), before, after, lag) - residual) / _SHIFT).ravel()
    return slopes
