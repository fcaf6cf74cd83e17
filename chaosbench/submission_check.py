"""Does a submission keep the forecaster contract? Two toy series, a few seconds, every rule by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Budget, Problem, Training
from chaosbench.submissions import MAX_BYTES, Submission, SubmittedForecaster, submission_files

_SAMPLES = 600
_CONTEXT = 40
_HORIZON = 25
_WINDOWS = 6
_DEADLINE = 20.0


@dataclass(frozen=True)
class Finding:
    """One rule on one toy series: whether it held, and what was seen."""

    rule: str
    series: str
    held: bool
    seen: str


def toy_series() -> dict[str, tuple[np.ndarray, float]]:
    """Return {name: (standardised states (T, D), dt)}: a quasi-periodic signal of 3 components and a chaotic map of 2."""
    time = 0.1 * np.arange(_SAMPLES)
    torus = np.stack([np.sin(time), np.cos(np.sqrt(2.0) * time), np.sin(time) * np.cos(np.sqrt(2.0) * time)], axis=1)
    points = np.empty((_SAMPLES, 2))
    x, y = 0.1, 0.1
    for n in range(_SAMPLES):
        x, y = 1.0 - 1.4 * x * x + y, 0.3 * x
        points[n] = x, y
    return {"torus": ((torus - torus.mean(axis=0)) / torus.std(axis=0), 0.1), "map": ((points - points.mean(axis=0)) / points.std(axis=0), 1.0)}


def check_submission(submission: Submission, progress: Callable[[float, str], None] | None = None) -> list[Finding]:
    """Return one Finding a rule and series: size; shapes, determinism, batch invariance, causality, refit forgets.

    A crash or late call ends that series. The last finding says how far the submission was confined; it always holds.
    """
    findings: list[Finding] = [_size(submission)]
    reached: dict[str, str] = {}
    series = toy_series()
    for number, (name, (states, dt)) in enumerate(series.items()):
        if progress is not None:
            progress(number / len(series), f"toy series {name}")
        forecaster = SubmittedForecaster(submission, fit_deadline=_DEADLINE, forecast_deadline=_DEADLINE)
        try:
            findings += _check_series(forecaster, submission, name, states, dt)
        except (ForecasterError, TimeoutError) as reason:
            findings.append(Finding("runs", name, False, str(reason)))
        finally:
            forecaster.close()
            reached = forecaster.worker_report().get("isolation", reached)
    confined = ", ".join(f"{layer} {level}" for layer, level in reached.items()) or "the worker did not start"
    return [*findings, Finding("isolation", "all", True, confined)]


def _size(submission: Submission) -> Finding:
    files = submission_files(submission.folder)
    size = sum(path.stat().st_size for path in files)
    return Finding("size", "all", size <= MAX_BYTES, f"{len(files)} files, {size / 1e6:.3g} MB; at most {MAX_BYTES / 1e6:g} MB")


def _check_series(forecaster: SubmittedForecaster, submission: Submission, name: str, states: np.ndarray, dt: float) -> list[Finding]:
    dimension = states.shape[1]
    refusal = forecaster.unsupported(Problem(dimension, dt, _CONTEXT, _HORIZON, len(states)))
    if refusal is not None:
        return [Finding("runs", name, True, f"refused: {refusal}")]
    split = 2 * len(states) // 3
    training = Training([states[:split]], dt, validation=Training([states[split:]], dt))
    starts = np.linspace(split, len(states) - _CONTEXT - 1, _WINDOWS).astype(int)
    context = np.stack([states[start : start + _CONTEXT] for start in starts])
    forecaster.fit(training, seed=0, budget=Budget(seconds=_DEADLINE / 2))
    answer = forecaster.forecast(context, _HORIZON, seed=0)
    wanted = (_WINDOWS, 1, _HORIZON, dimension)
    if answer.shape != wanted:
        return [Finding("shapes", name, False, f"forecast returned {answer.shape}; (windows, samples, horizon, dimension) = {wanted} is needed")]
    findings = [Finding("shapes", name, True, str(answer.shape)), _finite(name, answer)]
    again = forecaster.forecast(context, _HORIZON, seed=0)
    findings.append(_same("forecast repeats", name, answer, again))
    alone = np.concatenate([forecaster.forecast(window[None], _HORIZON, seed=0) for window in context])
    findings.append(_same("batch invariance", name, answer, alone))
    changed = context.copy()
    changed[1:] = changed[1:, ::-1]
    findings.append(_same("windows do not see each other", name, answer[:1], forecaster.forecast(changed, _HORIZON, seed=0)[:1]))
    findings += [_order(forecaster, name, context, answer), _causality(forecaster, name, states, int(starts[0]))]
    forecaster.fit(Training([states[::-1].copy()[:split]], dt), seed=1, budget=Budget(seconds=_DEADLINE / 2))
    forecaster.fit(training, seed=0, budget=Budget(seconds=_DEADLINE / 2))
    refitted = forecaster.forecast(context, _HORIZON, seed=0)
    findings.append(_same("refit forgets", name, answer, refitted, only_if=submission.deterministic))
    return findings


def _order(forecaster: SubmittedForecaster, name: str, context: np.ndarray, answer: np.ndarray) -> Finding:
    order = np.roll(np.arange(len(context))[::-1], 1)
    return _same("order of windows", name, answer[order], forecaster.forecast(context[order], _HORIZON, seed=0))


def _causality(forecaster: SubmittedForecaster, name: str, states: np.ndarray, start: int) -> Finding:
    """Show the submission what follows a window, beside it and in an earlier call: the forecast of that window must not change by a bit."""
    windows = np.stack([states[first : first + _CONTEXT] for first in range(start, start + _CONTEXT + 1, _CONTEXT // 4)])
    before = forecaster.forecast(windows[:1], _HORIZON, seed=0)
    beside = forecaster.forecast(windows, _HORIZON, seed=0)[:1]
    after = forecaster.forecast(windows[:1], _HORIZON, seed=0)
    beside_finding, after_finding = _same("causality", name, before, beside), _same("causality", name, before, after)
    return beside_finding if not beside_finding.held else after_finding


def _finite(name: str, answer: np.ndarray) -> Finding:
    bad = int((~np.isfinite(answer)).any(axis=(1, 2, 3)).sum())
    return Finding("finite", name, bad == 0, "all finite" if bad == 0 else f"{bad} of {len(answer)} windows hold NaN or infinity")


def _same(rule: str, name: str, one: np.ndarray, other: np.ndarray, *, only_if: bool = True) -> Finding:
    if not only_if:
        return Finding(rule, name, True, "not claimed")
    gap = float(np.nanmax(np.abs(one - other))) if one.shape == other.shape else np.inf
    same = one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=True))
    return Finding(rule, name, same, "equal bit for bit" if same else f"differs by {gap:.3g}")
