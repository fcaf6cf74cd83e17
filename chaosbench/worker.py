"""The process in which a submission runs: `python -I -m chaosbench.worker FOLDER module:Class`. Reads calls from stdin, answers on stdout."""

import importlib
import os
import sys
import traceback
from typing import Any

import numpy as np

from chaosbench.forecasters.base import Budget, Problem, Training
from chaosbench.geometry import Geometry
from chaosbench.wire import WireError, receive, send

_FOREVER = 86_400.0


def serve(folder: str, entry: str) -> None:
    """Answer calls until the pipe closes; a call that raises is answered with the error's text."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what the submission prints goes to the log, not into the answers
    calls = os.fdopen(os.dup(0), "rb", buffering=0)
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
        except Exception as error:  # the untrusted boundary: whatever a submission raises becomes an answer
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        send(answers, answer, arrays_out, _FOREVER)


def _answer(forecaster: Any, header: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[np.ndarray]]:
    call = header.pop("call")
    if call == "unsupported":
        header["geometry"] = _geometry(header["geometry"])
        return {"reason": forecaster.unsupported(Problem(**header))}, []
    if call == "fit":
        count = header["n_training"]
        held_out = Training(arrays[count:], header["dt"]) if len(arrays) > count else None
        training = Training(arrays[:count], header["dt"], validation=held_out, geometry=_geometry(header["geometry"]))
        forecaster.fit(training, seed=header["seed"], device=header["device"], budget=Budget(seconds=header["seconds"]))
        return {}, []
    returned = forecaster.forecast(arrays[0], header["horizon"], n_samples=header["n_samples"], seed=header["seed"])
    if not isinstance(returned, np.ndarray) or returned.dtype.kind not in "fi":
        raise TypeError(f"forecast returned {type(returned).__name__}; a NumPy array of floats (W, S, H, D) is needed")
    return {}, [returned]


def _geometry(data: dict[str, Any] | None) -> Geometry | None:
    return None if data is None else Geometry(**{**data, "sites": tuple(data["sites"])})


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
