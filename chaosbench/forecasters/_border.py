"""What every forecaster checks at its border, so that shapes, lengths and unread inputs are settled once and by the same rules."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from chaosbench.arrays import finite_array
from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Problem, Training

_Model = TypeVar("_Model")


def trajectories(training: Training, *, minimum: int, need: str) -> list[np.ndarray]:
    """Return the training trajectories (T_n, D) that are at least `minimum` samples long, float64 and of one dimension.

    need: what `minimum` is for, as it stands in the error message. Shorter trajectories carry no sample the method could use and are left out.
    Raises ForecasterError if none is long enough, if masks hide values, times are irregular, or parameters differ between trajectories:
    a method without an input for them must refuse rather than ignore.
    """
    states = [finite_array(item, f"training.states[{n}]", (None, None), ForecasterError) for n, item in enumerate(training.states)]
    dimensions = sorted({item.shape[1] for item in states})
    if len(dimensions) > 1:
        raise ForecasterError(f"training.states: dimensions {dimensions}; all trajectories must have one dimension; train one forecaster for each")
    if training.observed is not None and not all(np.all(mask) for mask in training.observed):
        raise ForecasterError("training.observed hides values; this forecaster needs complete trajectories; drop or fill the hidden samples first")
    for times in training.times or ():
        check_times(np.asarray(times), training.dt, "training.times")
    if training.parameters is not None and len(np.unique(np.atleast_2d(training.parameters), axis=0)) > 1:
        raise ForecasterError("training.parameters differ between trajectories; this forecaster has no parameter input; train on one parameter set")
    long_enough = [item for item in states if len(item) >= minimum]
    if not long_enough:
        longest = max((len(item) for item in states), default=0)
        raise ForecasterError(f"training.states: the longest of {len(states)} trajectories has {longest} samples; {need}; pass longer trajectories")
    return long_enough


def check_times(times: np.ndarray, dt: float, name: str) -> None:
    """Raise ForecasterError unless `times` (..., T) advance by `dt` to one part in a million."""
    steps = np.diff(times, axis=-1)
    if not np.allclose(steps, dt, rtol=1e-6, atol=0.0):
        worst = float(steps.flat[np.argmax(np.abs(steps - dt))])
        raise ForecasterError(f"{name}: a step of {worst:g}; this forecaster steps by its training dt = {dt:g}; resample the series to that step")


def contexts(context: np.ndarray, *, horizon: int, n_samples: int, dimension: int | None, minimum: int, need: str) -> np.ndarray:
    """Return `context` as a finite float64 array (W, C, D) with C >= `minimum`, after checking `horizon` and `n_samples` as well.

    need: what `minimum` is for, as it stands in the error message. dimension None takes any D.
    """
    for name, value in (("horizon", horizon), ("n_samples", n_samples)):
        if isinstance(value, bool) or int(value) != value or value < 1:
            raise ForecasterError(f"{name} = {value!r}: must be a positive integer; pass for example {name}=1")
    array = finite_array(context, "context", (None, None, dimension), ForecasterError)
    if array.shape[1] < minimum:
        raise ForecasterError(f"context: {array.shape[1]} samples; {need}; pass at least the last {minimum} samples")
    return array


def as_samples(values: np.ndarray, n_samples: int) -> np.ndarray:
    """Return forecasts (W, H, D) of a deterministic method as (W, S, H, D): S equal samples."""
    return np.repeat(values[:, None], n_samples, axis=1)


def fitted(model: _Model | None, name: str) -> _Model:
    """Return `model`, or raise ForecasterError when `fit` has not been called."""
    if model is None:
        raise ForecasterError(f"{name}: not fitted; forecasts need a trained model; call fit(training, seed=0) first")
    return model


def too_short(problem: Problem, *, training: int, context: int, need: str) -> str | None:
    """Return the reason why `problem` has too few training or context samples for a method, or None."""
    if problem.training_samples < training:
        return f"{problem.training_samples} training samples; {need}: at least {training}"
    if problem.context < context:
        return f"a context of {problem.context} samples; {need}: at least {context}"
    return None


def positive(options: Mapping[str, int]) -> None:
    """Raise ForecasterError for the first of {name: value} that is not a positive integer."""
    for name, value in options.items():
        if isinstance(value, bool) or int(value) != value or value < 1:
            raise ForecasterError(f"{name} = {value!r}: must be a positive integer; leave it out for the default")


def within(name: str, value: float, low: float, high: float, *, open_below: bool = False) -> None:
    """Raise ForecasterError unless low <= value <= high (low < value when `open_below`)."""
    inside = (low < value if open_below else low <= value) and value <= high
    if not (np.isfinite(value) and inside):
        sign = "(" if open_below else "["
        raise ForecasterError(f"{name} = {value!r}: must lie in {sign}{low:g}, {high:g}]; leave it out for the default")


def one_of(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise ForecasterError unless `value` is one of `choices`."""
    if value not in choices:
        raise ForecasterError(f"{name} = {value!r}: must be one of {', '.join(choices)}; leave it out for the default")
