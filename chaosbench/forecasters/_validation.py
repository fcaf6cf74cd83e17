"""Choosing an option without looking at the test: hold data out, run free over them, keep the option with the smaller error."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import trajectories, within
from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters.base import Training

PENALTIES = (1e2, 1.0, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)  # ridges tried, largest first: at equal error the more cautious one wins
WITHOUT_VALIDATION = 1e-6  # the ridge where the training data are too short to hold any out
_BOUND, _OVER_CHECKS = 10.0, 1.25  # a free run has diverged beyond 10 deviations, or 1.25 times the largest held-out value if that is more
_FLOOR, _SATURATED = 1e-12, 1.0
_HELD_OUT = 0.2
_STARTS, _LEADS = 32, 200
_STABLE_STARTS, _STABLE_STEPS = 8, (500, 5000)  # the short run throws out most that diverge

_Option = TypeVar("_Option", bound=Hashable)
_Model = TypeVar("_Model", bound=FeedbackMap)


def held_out(training: Training, states: list[np.ndarray], *, minimum: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return (series to train on, series to check on): the validation data when there are any, otherwise the last fifth of each trajectory.

    minimum: samples that a series needs to be of use on either side of a split; a trajectory too short to give both sides is trained on whole.
    With validation data the first of the pair is `states` itself.
    """
    if training.validation is not None:
        checks = trajectories(training.validation, minimum=1, need="validation needs at least 1")
        if checks[0].shape[1] != states[0].shape[1]:
            dimensions = f"{checks[0].shape[1]} components, the training data {states[0].shape[1]}"
            raise ForecasterError(f"training.validation: {dimensions}; both must have the same; observe them in the same way")
        return states, checks
    train, check = [], []
    for series in states:
        tail = max(minimum, round(_HELD_OUT * len(series)))
        if len(series) - tail < minimum:
            train.append(series)
        else:
            train.append(series[:-tail])
            check.append(series[-tail:])
    return train, check


def check_ridge(ridge: float | None) -> None:
    """Raise ForecasterError unless `ridge` is None (to be chosen) or a finite number of at least 0."""
    if ridge is not None:
        within("ridge", ridge, 0.0, float(np.finfo(np.float64).max))


def fit_with_ridge(
    ridge: float | None,
    training: Training,
    states: list[np.ndarray],
    *,
    minimum: int,
    prepare: Callable[[Sequence[np.ndarray]], Callable[[float], _Model]],
    penalties: Sequence[float] = PENALTIES,
) -> _Model:
    """Return the model fitted to `states` with `ridge`, or with the best of `penalties` when it is None (see `fit_with_best`)."""
    options = penalties if ridge is None else (ridge,)
    return fit_with_best(options, training, states, minimum=minimum, prepare=prepare, otherwise=WITHOUT_VALIDATION)


def fit_with_best(
    options: Sequence[_Option],
    training: Training,
    states: list[np.ndarray],
    *,
    minimum: int,
    prepare: Callable[[Sequence[np.ndarray]], Callable[[_Option], _Model]],
    otherwise: _Option,
) -> _Model:
    """Return the model fitted to `states` with the best of `options`, or with `otherwise` when there is nothing to choose by.

    prepare: takes series and returns the function from an option to the model fitted to them. Choosing fits every option to the part that is
    not held out (see `held_out` for it and for `minimum`) and then the best to everything (see `best`). A single option is taken as it is.
    """
    everything = prepare(states)
    if len(options) == 1:
        return everything(options[0])
    train, checks = held_out(training, states, minimum=minimum)
    if not checks:
        return everything(otherwise)
    trial = everything if train is states else prepare(train)
    return best(options, trial, everything, checks) or everything(otherwise)


def best(
    options: Iterable[_Option], trial: Callable[[_Option], FeedbackMap], final: Callable[[_Option], _Model], checks: Sequence[np.ndarray]
) -> _Model | None:
    """Return `final(option)` for the option whose `trial(option)` has the smallest `free_run_error` over `checks`, the first of equals.

    If that final model diverges within 5000 free steps from any of 8 held-out contexts, the next option in order takes its place, and the
    first one after all when every one diverges: no held-out series is long enough to show it, and a model that is right for a while and
    then diverges is worth less than one that stays. None when no series of `checks` is long enough to judge by.
    """
    errors: dict[_Option, float] = {}
    for option in options:
        error = free_run_error(trial(option), checks)
        if error is not None:
            errors[option] = error
    ranked = sorted(errors, key=errors.__getitem__)
    for option in ranked:
        model = final(option)
        if stays(model, checks):
            return model
    return final(ranked[0]) if ranked else None


def free_run_error(model: FeedbackMap, checks: Sequence[np.ndarray]) -> float | None:
    """Return the mean of log10 of the largest error so far of `model` over `checks` (each (T, D)), None if all are too short to judge by.

    The mean runs over up to 32 evenly spaced starts in each series and up to 200 leads; an error is the root mean square over components, in
    standard deviations, between 1e-12 and 1. The logarithm lets every lead count while the forecast is good; taking the largest so far
    means that once it is lost nothing more can be won. With the plain error, where 200 leads are many Lyapunov times, the model that falls
    fastest to the mean wins over one that follows the truth for a while (seen on a map).
    """
    errors = []
    for series in checks:
        reads = _reads(model, series)
        if reads is None:
            continue
        leads = min(_LEADS, len(series) - reads)
        starts = _starts(len(series) - reads - leads, _STARTS)
        context = np.stack([series[start : start + reads] for start in starts])
        truth = np.stack([series[start + reads : start + reads + leads] for start in starts])
        with np.errstate(all="ignore"):
            error = np.sqrt(np.mean((model.roll(context, leads) - truth) ** 2, axis=2))
        bounded = np.clip(np.where(np.isfinite(error), error, _SATURATED), _FLOOR, _SATURATED)
        errors.append(np.log10(np.maximum.accumulate(bounded, axis=1)).ravel())
    return float(np.mean(np.concatenate(errors))) if errors else None


def stays(model: FeedbackMap, checks: Sequence[np.ndarray]) -> bool:
    """Return whether free runs from up to 8 evenly spaced contexts of the longest series stay finite and bounded for 5000 steps.

    The bound is 10 standard deviations, or 1.25 times the largest value in `checks` for systems that burst further than 8.
    """
    bound = max(_BOUND, _OVER_CHECKS * max(float(np.abs(series).max()) for series in checks))
    series = max(checks, key=len)
    reads = max(model.span, min(model.settling, len(series) // 2))
    context = np.stack([series[start : start + reads] for start in _starts(len(series) - reads, _STABLE_STARTS)])
    with np.errstate(all="ignore"):
        return all(bool(np.all(np.abs(model.roll(context, steps)) <= bound)) for steps in _STABLE_STEPS)


def _reads(model: FeedbackMap, series: np.ndarray) -> int | None:
    reads = min(model.settling, len(series) // 2)
    return reads if reads >= model.span else None


def _starts(last: int, count: int) -> np.ndarray:
    return np.unique(np.linspace(0, last, min(count, last + 1)).astype(int))
