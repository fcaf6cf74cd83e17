"""What may stand after the "@" of a metric's name."""

import numpy as np

from chaosbench.errors import MetricError


def positive(argument: float | None, default: float, what: str) -> float:
    """Return `argument`, or `default` for None; MetricError unless it is a positive number. what: for example "lead: a number of units of time"."""
    number = default if argument is None else argument
    if not (np.isfinite(number) and number > 0):
        raise MetricError(f"{what}, positive; {number!r} is not; write for example @{default:g}")
    return float(number)


def whole(argument: float | None, default: int | None, what: str) -> int | None:
    """Return `argument` as a whole number of at least 1, or `default` for None; MetricError for anything else."""
    if argument is None:
        return default
    if not (np.isfinite(argument) and argument >= 1 and argument == int(argument)):
        raise MetricError(f"{what}, whole and at least 1; {argument!r} is not; write for example @{default or 3}")
    return int(argument)


def none(argument: float | None, name: str) -> None:
    """Raise MetricError when there is an argument: what is ignored in silence looks as if it had been used."""
    if argument is not None:
        raise MetricError(f"{name} takes no argument, {argument!r} was given; leave out the @")
