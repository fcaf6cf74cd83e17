"""The border to foreign code: run one call of a forecaster, and check what it returned."""

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chaosbench.errors import NotInstalledError, OutputError

Outcome = Literal["ok", "nonfinite", "timeout", "oom", "crash", "invalid_output", "refused", "not_installed"]
_TRACEBACK = 4_000
_MESSAGE = 300


@dataclass(frozen=True)
class Failure:
    """Why a forecaster gave no usable answer. `reason` is the same on every run; `traceback` is for the reader and stays out of hashes."""

    status: Outcome
    reason: str
    traceback: str = ""


@dataclass(frozen=True)
class Checked:
    """A checked answer: values (N, S, H, D) with NaN from each failure on, failed_at (N,), and how many rows held non-finite numbers."""

    values: np.ndarray
    failed_at: np.ndarray
    n_nonfinite: int


def attempt(what: str, call: Callable[[], Any]) -> Any:
    """Return the result of `call()`, or a Failure when it raises. `what` names the call in the reason."""
    try:
        # Overflow in a diverging model is an expected answer, judged by `check`.
        with np.errstate(all="ignore"):
            return call()
    # The one broad catch of the package: a forecaster is foreign code that may raise anything, and one broken cell must not cost the others.
    # SystemExit is one of the things it may raise; KeyboardInterrupt is the user's and passes through.
    except (Exception, SystemExit) as error:
        status: Outcome = "crash"
        if isinstance(error, NotInstalledError):
            status = "not_installed"
        elif isinstance(error, TimeoutError):
            status = "timeout"
        elif isinstance(error, MemoryError):
            status = "oom"
        elif isinstance(error, OutputError):
            status = "invalid_output"
        lines = str(error).strip().splitlines()
        message = re.sub(r"0x[0-9a-fA-F]+", "0x...", lines[0])[:_MESSAGE] if lines else "no message"
        return Failure(status, f"{what}: {type(error).__name__}: {message}", "".join(traceback.format_exception(error))[-_TRACEBACK:])


def check(raw: Any, shape: tuple[int, int, int, int], limit: np.ndarray, what: str) -> Checked | Failure:
    """Return `raw` as a checked answer of `shape` (N, S, H, D), or a Failure that says which rule it breaks.

    A row fails at its first sample in time at which any of its S members has a component that is not finite or beyond `limit` (D,) in absolute
    value; all its members are NaN from there on.
    """
    if not isinstance(raw, np.ndarray):
        return Failure("invalid_output", f"{what}: returned {type(raw).__name__}; return a NumPy array of shape {shape}")
    if raw.dtype.kind not in "fiu":
        return Failure("invalid_output", f"{what}: returned an array of dtype {raw.dtype}; return real numbers")
    if raw.shape != shape:
        return Failure("invalid_output", f"{what}: returned shape {raw.shape}; (windows, samples, horizon, components) = {shape} is needed")
    values: np.ndarray = np.array(raw, dtype=np.float64)
    finite = np.isfinite(values).all(axis=(1, 3))  # (N, H)
    with np.errstate(invalid="ignore"):
        inside = (np.abs(values) <= limit).all(axis=(1, 3))
    failed_at = np.where(inside.all(axis=1), shape[2], np.argmin(inside, axis=1))
    values[np.broadcast_to((np.arange(shape[2]) >= failed_at[:, None])[:, None, :, None], shape)] = np.nan
    return Checked(values, failed_at, int((~finite.all(axis=1)).sum()))
