"""Submissions: a folder with submission.toml and forecaster.py, run in a process of its own.

Nothing of the submission is imported here. Arrays travel over pipes as a length, a JSON header and raw bytes; nothing is unpickled. A call that
misses its deadline kills the worker's process group.
"""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from chaosbench.errors import ForecasterError, nearest
from chaosbench.forecasters.base import Budget, Forecaster, Problem, Training
from chaosbench.geometry import Geometry
from chaosbench.wire import WireError, receive, send

SCHEMA = 1
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "schema": int,
    "name": str,
    "version": str,
    "entry": str,
    "authors": list,
    "license": str,
    "track": str,
    "deterministic": bool,
    "probabilistic": bool,
    "trained_on": list,
    "resources": dict,
}
_REQUIRED = ("schema", "name", "version", "entry", "authors", "license")
FIT_DEADLINE = 600.0
FORECAST_DEADLINE = 300.0


@dataclass(frozen=True)
class Submission:
    """A checked submission.toml and where it stands. entry is "module:Class"; sha256 covers every file of the folder."""

    folder: Path
    name: str
    version: str
    entry: str
    authors: tuple[str, ...]
    license: str
    track: str
    deterministic: bool
    probabilistic: bool
    trained_on: tuple[str, ...]
    device: str
    sha256: str


def read_submission(folder: str | Path) -> Submission:
    """Read and check a submission folder. Raises ForecasterError "FILE: KEY: what; rule; fix"."""
    root = Path(folder)
    path = root / "submission.toml"
    if not path.is_file():
        raise ForecasterError(f"{path}: not found; `chaosbench submit new {root}` makes one")
    try:
        data = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise ForecasterError(f"{path}: not TOML ({reason}); mend the file") from reason
    for key, value in data.items():
        if key not in _TYPES:
            raise ForecasterError(f"{path}: {key}: unknown key; keys are {', '.join(_TYPES)}{nearest(key, _TYPES)}")
        if not isinstance(value, _TYPES[key]):
            raise ForecasterError(f"{path}: {key} = {value!r}: must be of type {getattr(_TYPES[key], '__name__', _TYPES[key])}")
    missing = [key for key in _REQUIRED if key not in data]
    if missing:
        raise ForecasterError(f"{path}: {missing[0]} is missing; required are {', '.join(_REQUIRED)}")
    if data["schema"] != SCHEMA:
        raise ForecasterError(f"{path}: schema = {data['schema']}: this version reads schema {SCHEMA}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,39}", data["name"]):
        raise ForecasterError(f"{path}: name = {data['name']!r}: 2 to 40 of a-z, 0-9 and '-', such as \"my-reservoir\"")
    module, colon, attribute = data["entry"].partition(":")
    if not colon or not module.isidentifier() or not attribute.isidentifier():
        raise ForecasterError(f'{path}: entry = {data["entry"]!r}: must be "file:Class", such as "forecaster:Forecaster"')
    if not (root / f"{module}.py").is_file():
        raise ForecasterError(f"{path}: entry = {data['entry']!r}: {root / module}.py does not exist")
    return Submission(
        folder=root.resolve(),
        name=data["name"],
        version=data["version"],
        entry=data["entry"],
        authors=tuple(data["authors"]),
        license=data["license"],
        track=data.get("track", "clean"),
        deterministic=data.get("deterministic", True),
        probabilistic=data.get("probabilistic", False),
        trained_on=tuple(data.get("trained_on", ())),
        device=data.get("resources", {}).get("device", "cpu"),
        sha256=_folder_hash(root),
    )


class SubmittedForecaster(Forecaster):
    """A forecaster that lives in another process; every call has a deadline in seconds, and a broken or late worker raises ForecasterError."""

    rollout: ClassVar = "direct"
    source: ClassVar[str] = "a submission"

    def __init__(self, submission: Submission, *, fit_deadline: float = FIT_DEADLINE, forecast_deadline: float = FORECAST_DEADLINE) -> None:
        self.submission = submission
        self.fit_deadline = fit_deadline
        self.forecast_deadline = forecast_deadline
        self._worker: subprocess.Popen[bytes] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._log: Any = None

    def unsupported(self, problem: Problem) -> str | None:
        """Ask the submission whether it takes `problem`."""
        fields = {name: getattr(problem, name) for name in ("dimension", "dt", "context", "horizon", "training_samples", "device")}
        fields["geometry"] = _plain(problem.geometry)
        return self._call("unsupported", fields, [], self.forecast_deadline)[0].get("reason")

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Train in the worker; TimeoutError past the deadline."""
        validation = training.validation
        arrays = [np.asarray(states, dtype=np.float64) for states in training.states]
        held_out = [np.asarray(states, dtype=np.float64) for states in validation.states] if validation is not None else []
        header: dict[str, Any] = {"dt": training.dt, "n_training": len(arrays), "geometry": _plain(training.geometry)}
        header |= {"seed": seed, "device": device, "seconds": budget.seconds if budget else None}
        self._call("fit", header, [*arrays, *held_out], self.fit_deadline)

    def forecast(
        self,
        context: np.ndarray,
        horizon: int,
        *,
        times: np.ndarray | None = None,
        parameters: np.ndarray | None = None,
        n_samples: int = 1,
        seed: int = 0,
    ) -> np.ndarray:
        """Forecast in the worker; TimeoutError past the deadline."""
        header = {"horizon": horizon, "n_samples": n_samples, "seed": seed}
        _, arrays = self._call("forecast", header, [np.asarray(context, dtype=np.float64)], self.forecast_deadline)
        if len(arrays) != 1:
            raise ForecasterError(f"submission {self.submission.name}: forecast returned {len(arrays)} arrays; one (W, S, H, D) is needed")
        return arrays[0]

    def close(self) -> None:
        """Stop the worker and everything it started."""
        if self._worker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._worker.pid, signal.SIGKILL)
            self._worker.wait()
            for pipe in (self._worker.stdin, self._worker.stdout):
                if pipe is not None:
                    pipe.close()
            self._worker = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def __del__(self) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._worker is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="chaosbench-submission-")
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
            kept = {name: os.environ[name] for name in ("PATH", "LANG", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS") if name in os.environ}
            self._worker = subprocess.Popen(
                [sys.executable, "-I", "-m", "chaosbench.worker", str(self.submission.folder), self.submission.entry],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=self._scratch.name,
                env={**kept, "HOME": self._scratch.name, "TMPDIR": self._scratch.name},
                start_new_session=True,
            )
        return self._worker

    def _call(self, name: str, header: Mapping[str, Any], arrays: Sequence[np.ndarray], deadline: float) -> tuple[dict[str, Any], list[np.ndarray]]:
        worker = self._start()
        try:
            send(worker.stdin, {"call": name, **header}, arrays, deadline)
            answer, returned = receive(worker.stdout, deadline)
        except TimeoutError:
            self.close()
            raise TimeoutError(f"submission {self.submission.name}: {name} took longer than its deadline of {deadline:g} s and was stopped") from None
        except WireError as reason:
            tail = self._stderr_tail()
            self.close()
            raise ForecasterError(f"submission {self.submission.name}: the process ended during {name} ({reason}); it said: {tail}") from reason
        if "error" in answer:
            raise ForecasterError(f"submission {self.submission.name}: {name} raised {answer['error']}")
        return answer, returned

    def _stderr_tail(self) -> str:
        if self._log is None:
            return "nothing"
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 4096))
        return self._log.read().decode(errors="replace").strip() or "nothing"


def entrant_class(
    submission: Submission, *, fit_deadline: float = FIT_DEADLINE, forecast_deadline: float = FORECAST_DEADLINE
) -> type[SubmittedForecaster]:
    """Return a forecaster class without options that runs `submission`, named and identified by the submission's own name, version and files."""

    class Submitted(SubmittedForecaster):
        version: ClassVar[str] = submission.version
        probabilistic: ClassVar[bool] = submission.probabilistic
        deterministic: ClassVar[bool] = submission.deterministic
        name: ClassVar[str] = submission.name
        source_sha256: ClassVar[str] = submission.sha256

        def __init__(self) -> None:
            super().__init__(submission, fit_deadline=fit_deadline, forecast_deadline=forecast_deadline)

    return Submitted


def _plain(geometry: Geometry | None) -> dict[str, Any] | None:
    return None if geometry is None else asdict(geometry)


def _folder_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
