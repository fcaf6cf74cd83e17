"""Checked conversion of caller arrays: shape, dtype and finiteness are settled once, at the border."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def finite_array(value: Any, name: str, shape: Sequence[int | None], error: type[Exception] = ValueError) -> np.ndarray:
    """Return `value` as a C-contiguous float64 array of `shape` (None leaves an axis free) with only finite entries.

    Raises `error` with the value's shape or the first offending index when a rule is broken.
    """
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise error(f"{name}: cannot become a float64 array ({reason}); pass numbers of shape {_text(shape)}") from reason
    fits = array.ndim == len(shape) and all(want is None or want == have for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        raise error(f"{name}: shape {array.shape} given, {_text(shape)} needed")
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise error(f"{name}: entry {index} is {array[index]}; every entry must be finite")
    return array


def _text(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
