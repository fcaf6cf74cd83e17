"""The process in which a submission runs, once it is confined: reads calls from stdin, answers on stdout."""

import contextlib
import importlib
import os
import sys
import traceback
from typing import Any

import numpy as np

from chaosbench.errors import OutputError
from chaosbench.forecasters.base import Budget, Problem, Training
from chaosbench.geometry import Geometry
from chaosbench.wire import WireError, receive, send

_FOREVER = 86_400.0
_MESSAGE = 2000
_OUT_OF_MEMORY = ("out of memory", "allocate memory")  # how libraries say it that raise other classes


def serve(folder: str, entry: str, first_words: dict[str, Any]) -> None:
    """Say `first_words`, before anything of the submission is imported; then answer calls until the pipe closes.

    A call that raises is answered with the error's text and its kind: "oom", "invalid_output" or "crash".
    """
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what the submission prints goes to the log, not into the answers
    calls = os.fdopen(os.dup(0), "rb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    send(answers, first_words, [], _FOREVER)
    forecaster: Any = None
    while True:
        try:
            header, arrays = receive(calls, None)
        except WireError:
            return
        arrays_out: list[np.ndarray] = []
        try:
            if forecaster is None:
                sys.path.insert(0, folder)
                module, _, attribute = entry.partition(":")
                forecaster = getattr(importlib.import_module(module), attribute)()
            answer, arrays_out = _answer(forecaster, header, arrays)
        except BaseException as error:  # the untrusted boundary: whatever a submission raises, SystemExit too, becomes an answer
            answer = {"error": f"{type(error).__name__}: {error}"[:_MESSAGE], "kind": _kind(error)}
            _print(error)
        _flush()
        send(answers, answer, arrays_out, _FOREVER)


def _answer(forecaster: Any, header: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[np.ndarray]]:
    call = header.pop("call")
    if call == "unsupported":
        header["geometry"] = _geometry(header["geometry"])
        reason = forecaster.unsupported(Problem(**header))
        if reason is not None and not isinstance(reason, str):
            raise OutputError(f"unsupported returned {type(reason).__name__}; a sentence or None is needed")
        return {"reason": reason}, []
    if call == "fit":
        count = header["n_training"]
        held_out = Training(arrays[count:], header["dt"]) if len(arrays) > count else None
        training = Training(arrays[:count], header["dt"], validation=held_out, geometry=_geometry(header["geometry"]))
        forecaster.fit(training, seed=header["seed"], device=header["device"], budget=Budget(seconds=header["seconds"]))
        return {}, []
    returned = forecaster.forecast(arrays[0], header["horizon"], n_samples=header["n_samples"], seed=header["seed"])
    if not isinstance(returned, np.ndarray):
        raise OutputError(f"forecast returned {type(returned).__name__}; a NumPy array of floats (W, S, H, D) is needed")
    if returned.dtype.kind not in "fi":
        raise OutputError(f"forecast returned an array of dtype {returned.dtype}; real numbers are needed")
    return {}, [returned]


def _kind(error: BaseException) -> str:
    if isinstance(error, OutputError):
        return "invalid_output"
    said = isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)
    return "oom" if isinstance(error, MemoryError) or said else "crash"


def _print(error: BaseException) -> None:
    try:
        traceback.print_exception(error)
    except (MemoryError, OSError, ValueError):  # no memory left to say so, or its stderr is closed
        return


def _flush() -> None:
    """Let out what was printed: the process may be ended without notice."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _geometry(data: dict[str, Any] | None) -> Geometry | None:
    return None if data is None else Geometry(**{**data, "sites": tuple(data["sites"])})
