"""Submissions: a folder with submission.toml and forecaster.py, run in a process of its own.

Nothing of the submission is imported here. Arrays travel over pipes as a length, a JSON header and raw bytes; nothing is unpickled. What the
process may use and see is the matter of `chaosbench.isolation`.
"""

import hashlib
import re
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from chaosbench.errors import ForecasterError, MemoryCapError, OutputError, nearest
from chaosbench.forecasters.base import Budget, Forecaster, Problem, Training
from chaosbench.geometry import Geometry
from chaosbench.isolation.limits import Limits
from chaosbench.isolation.process import WorkerProcess

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
CELL_DEADLINE = 1200.0
MAX_BYTES = 200_000_000  # of all files of a submission
_SLACK = 1 << 20
_KINDS: Mapping[str, type[ForecasterError]] = {"oom": MemoryCapError, "invalid_output": OutputError}


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
    """A forecaster that lives in another process, confined as far as the system allows.

    Every call has a deadline in seconds, and all together have `cell_deadline`. A late worker raises TimeoutError, a greedy one MemoryCapError, one
    that returns no answer OutputError, any other broken one ForecasterError; it is stopped then, and forecasts raise the same until the next fit.
    """

    rollout: ClassVar = "direct"
    source: ClassVar[str] = "a submission"
    _worker: WorkerProcess | None = None

    def __init__(
        self,
        submission: Submission,
        *,
        fit_deadline: float = FIT_DEADLINE,
        forecast_deadline: float = FORECAST_DEADLINE,
        cell_deadline: float = CELL_DEADLINE,
        limits: Limits = Limits(),
        _confine: bool = True,  # this and the next only for tests, which show what would happen otherwise
        _without: Sequence[str] = (),
    ) -> None:
        self.submission = submission
        self.fit_deadline = fit_deadline
        self.forecast_deadline = forecast_deadline
        self.cell_deadline = cell_deadline
        self.limits = limits
        self._protection: dict[str, Any] = {"confine": _confine, "without": _without}
        self._broken: Exception | None = None
        self._spent = 0.0
        self._report: dict[str, Any] = {}

    def unsupported(self, problem: Problem) -> str | None:
        """Ask the submission whether it takes `problem`."""
        fields = {name: getattr(problem, name) for name in ("dimension", "dt", "context", "horizon", "training_samples", "device")}
        fields["geometry"] = _plain(problem.geometry)
        self._broken = None
        reason = self._call("unsupported", fields, [], self.forecast_deadline)[0].get("reason")
        if reason is not None and not isinstance(reason, str):
            raise OutputError(f"submission {self.submission.name}: unsupported returned {type(reason).__name__}; a sentence or None is needed")
        return reason

    def fit(self, training: Training, *, seed: int, device: str = "cpu", budget: Budget | None = None) -> None:
        """Train in the worker; TimeoutError past the deadline."""
        validation = training.validation
        arrays = [np.asarray(states, dtype=np.float64) for states in training.states]
        held_out = [np.asarray(states, dtype=np.float64) for states in validation.states] if validation is not None else []
        header: dict[str, Any] = {"dt": training.dt, "n_training": len(arrays), "geometry": _plain(training.geometry)}
        header |= {"seed": seed, "device": device, "seconds": budget.seconds if budget else None}
        self._broken = None
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
        asked = np.asarray(context, dtype=np.float64)
        most = _SLACK + 2 * 8 * len(asked) * n_samples * horizon * asked.shape[-1]  # a wrong shape may still come through, to be named
        _, arrays = self._call("forecast", header, [asked], self.forecast_deadline, most)
        if len(arrays) != 1:
            raise OutputError(f"submission {self.submission.name}: forecast returned {len(arrays)} arrays; one (W, S, H, D) is needed")
        return arrays[0]

    def worker_report(self) -> dict[str, Any]:
        """Return what the last worker reached and left: isolation by layer, most memory held in bytes, the last 4 kB of what it printed."""
        worker = self._worker
        if worker is not None:
            self._report = {"isolation": worker.isolation, "peak_memory": worker.peak_memory, "log": worker.log}
        return self._report

    def close(self) -> None:
        """Stop the worker and everything it started."""
        if self._worker is not None:
            self._worker.stop()
            self.worker_report()
            self._worker = None
        self._spent = 0.0

    def __del__(self) -> None:
        self.close()

    def _call(
        self, name: str, header: Mapping[str, Any], arrays: Sequence[np.ndarray], deadline: float, most: int = _SLACK
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        if self._broken is not None:
            raise self._broken
        who = f"submission {self.submission.name}"
        allowed = min(deadline, self.cell_deadline - self._spent)
        started = time.monotonic()
        try:
            if self._worker is None:
                folder, entry, device = self.submission.folder, self.submission.entry, self.submission.device
                self._worker = WorkerProcess(folder, entry, device=device, limits=self.limits, **self._protection)
            answer, returned = self._worker.call(name, header, arrays, allowed, most)
        except (TimeoutError, ForecasterError) as reason:
            spent = self._spent
            self.close()
            self._broken = type(reason)(f"{who}: {reason}")
            if isinstance(reason, TimeoutError):
                limit = f"its deadline of {deadline:g} s" if spent + deadline <= self.cell_deadline else f"the {self.cell_deadline:g} s of all calls"
                self._broken = TimeoutError(f"{who}: {name} took longer than {limit} and was stopped")
            raise self._broken from reason
        self._spent += time.monotonic() - started
        if "error" in answer:
            kind = _KINDS.get(str(answer.get("kind")), ForecasterError)
            raise kind(f"{who}: {name} raised {answer['error']}")
        return answer, returned


def entrant_class(submission: Submission, settings: Mapping[str, Any] = {}) -> type[SubmittedForecaster]:
    """Return a forecaster class without options that runs `submission`, named and identified by the submission's own name, version and files.

    settings: keyword arguments of SubmittedForecaster.
    """

    class Submitted(SubmittedForecaster):
        version: ClassVar[str] = submission.version
        probabilistic: ClassVar[bool] = submission.probabilistic
        deterministic: ClassVar[bool] = submission.deterministic
        name: ClassVar[str] = submission.name
        source_sha256: ClassVar[str] = submission.sha256

        def __init__(self) -> None:
            super().__init__(submission, **settings)

    return Submitted


def _plain(geometry: Geometry | None) -> dict[str, Any] | None:
    return None if geometry is None else asdict(geometry)


def submission_files(root: Path) -> list[Path]:
    """Return the files that make up a submission, sorted: all but compiled caches."""
    return [path for path in sorted(root.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]


def _folder_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for path in submission_files(root):
        digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
