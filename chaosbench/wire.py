"""Messages over a pipe: a length, a JSON header, raw array bytes. Reading one can at worst raise WireError."""

import json
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any, Protocol

import numpy as np

from chaosbench.errors import ChaosbenchError

MAX_HEADER = 1_000_000
MAX_ARRAYS = 4_000_000_000
_DTYPES = {"<f8": 8, "<f4": 4, "<i8": 8}
_LENGTH = struct.Struct("<Q")
_PAUSE = 0.05


class WireError(ChaosbenchError, ConnectionError):
    """The other side closed the pipe or sent something that is not a message."""


class ClosedError(WireError):
    """The other side closed the pipe."""


class Watch(Protocol):
    """Someone to ask while waiting. log: a file to wake up for when it can be read, or None."""

    @property
    def log(self) -> int | None:
        """The file."""

    def check(self) -> None:
        """Raise to stop waiting."""


def send(pipe: IO[bytes] | None, header: Mapping[str, Any], arrays: Sequence[np.ndarray], deadline: float, *, watch: Watch | None = None) -> None:
    """Write one message within `deadline` seconds; TimeoutError when the reader does not take it, ClosedError when it is gone."""
    if pipe is None:
        raise ClosedError("the pipe is closed")
    plain = [np.ascontiguousarray(array) if array.dtype.str in _DTYPES else np.ascontiguousarray(array, dtype="<f8") for array in arrays]
    text = json.dumps({**header, "arrays": [[array.dtype.str, list(array.shape)] for array in plain]}).encode()
    until = time.monotonic() + deadline
    os.set_blocking(pipe.fileno(), False)
    parts: list[Any] = [_LENGTH.pack(len(text)) + text, *(array.data.cast("B") for array in plain if array.size)]
    for part in parts:
        view = memoryview(part)
        while view:
            _wait(pipe, until, watch, writing=True)
            try:
                view = view[os.write(pipe.fileno(), view[:1_048_576]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as reason:
                raise ClosedError("the other side closed the pipe") from reason


def receive(
    pipe: IO[bytes] | None, deadline: float | None, *, most: int = MAX_ARRAYS, watch: Watch | None = None
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Read one message within `deadline` seconds (None waits for ever), with arrays of at most `most` bytes.

    Every size is checked before memory is taken. watch: asked at least every 50 ms.
    """
    if pipe is None:
        raise ClosedError("the pipe is closed")
    until = None if deadline is None else time.monotonic() + deadline
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size, until, watch))
    if length > MAX_HEADER:
        raise WireError(f"a header of {length} bytes; at most {MAX_HEADER} are read")
    try:
        header = json.loads(_exactly(pipe, length, until, watch))
        described = [(str(dtype), tuple(int(size) for size in shape)) for dtype, shape in header.pop("arrays")]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as reason:
        raise WireError(f"not a message ({reason})") from reason
    arrays = []
    total = 0
    for dtype, shape in described:
        if dtype not in _DTYPES or any(size < 0 for size in shape) or len(shape) > 8:
            raise WireError(f"an array of dtype {dtype} and shape {shape}; dtypes are {', '.join(_DTYPES)}")
        count = _DTYPES[dtype]
        for size in shape:
            count *= size
        total += count
        if total > most:
            raise WireError(f"arrays of {total} bytes; at most {most} are read")
        data = _exactly(pipe, count, until, watch)
        try:
            arrays.append(np.frombuffer(data, dtype=dtype).reshape(shape))
        except ValueError as reason:  # no elements, and sizes beyond what NumPy counts
            raise WireError(f"an array of shape {shape} ({reason})") from reason
    return header, arrays


def _exactly(pipe: IO[bytes], count: int, until: float | None, watch: Watch | None) -> bytearray:
    data = bytearray(count)
    view = memoryview(data)
    while view:
        _wait(pipe, until, watch, writing=False)
        got = os.readv(pipe.fileno(), [view[:1_048_576]])
        if got == 0:
            raise ClosedError("the other side closed the pipe")
        view = view[got:]
    return data


def _wait(pipe: IO[bytes], until: float | None, watch: Watch | None, *, writing: bool) -> None:
    while True:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("deadline")
        pause = left if watch is None else min(_PAUSE, _PAUSE if left is None else left)
        own, log = [pipe.fileno()], [] if watch is None or watch.log is None else [watch.log]
        can_read, can_write, _ = select.select(log if writing else own + log, own if writing else [], [], pause)
        if watch is not None:
            watch.check()
        if can_write or own[0] in can_read:
            return
