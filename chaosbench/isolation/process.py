"""The harness's side of a worker: start it confined, call it under a deadline, watch it, and end it with all it started."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import chaosbench
from chaosbench.errors import ForecasterError, MemoryCapError, OutputError
from chaosbench.isolation.limits import Limits
from chaosbench.isolation.tree import descendants
from chaosbench.isolation.watchdog import Watchdog
from chaosbench.wire import ClosedError, WireError, receive, send

_START_DEADLINE = 60.0
_END_DEADLINE = 10.0
_KEPT = ("PATH", "LANG", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
_START = """import sys
if sys.argv[1] not in sys.path:
    sys.path.insert(0, sys.argv[1])
from chaosbench.isolation.supervisor import main
main(sys.argv[2])"""  # the package that calls, wherever it stands, although -I hides the caller's paths
_OUT_OF_MEMORY = ("bad_alloc", "out of memory", "MemoryError")  # what a runtime prints before it gives up
_KILLED = 128 + signal.SIGKILL
_UNLIMITED = Limits(memory=1 << 62, scratch=1 << 62, processes=1 << 30)


class WorkerProcess:
    """A started worker. isolation: for each layer "on" or what is open; empty when it was not confined."""

    def __init__(self, folder: Path, entry: str, *, device: str, limits: Limits, confine: bool = True, without: Sequence[str] = ()) -> None:
        """Start; the worker has said its first words when this returns. Raises ForecasterError.

        confine, without: only for tests, which show what would happen without protection, or without steps of it.
        """
        self._place = tempfile.TemporaryDirectory(prefix="chaosbench-submission-")
        scratch, outside = (os.path.join(os.path.realpath(self._place.name), name) for name in ("scratch", "outside"))
        os.mkdir(scratch)
        os.mkdir(outside)
        if Path(scratch).is_relative_to(folder.resolve()):
            self._place.cleanup()
            raise ForecasterError(f"{folder}: holds the folder of temporary files; set TMPDIR to one elsewhere")
        told: dict[str, Any] = {"folder": str(folder), "entry": entry, "scratch": scratch, "outside": outside, "device": device}
        told |= {"limits": asdict(limits), "confine": confine, "without": list(without), "harness": os.getpid()}
        self._killed_before = _kernel_kills()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(Path(chaosbench.__file__).parents[1]), json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=scratch,
            env=_environment(scratch),
            start_new_session=True,
        )
        assert self._process.stderr is not None
        watched = limits if confine else _UNLIMITED
        self._watch = Watchdog(self._process.pid, watched, self._process.stderr.fileno(), scratch if confine else None)
        self._confined = confine
        self.isolation: dict[str, str] = {}
        try:
            first, _ = receive(self._process.stdout, _START_DEADLINE, watch=self._watch)
        except (WireError, TimeoutError, ForecasterError) as reason:
            self.stop()
            raise ForecasterError(f"the worker did not start ({reason}); it said:\n{self.log}") from reason
        self.isolation = first.get("isolation", {})
        if first.get("scratch_in_memory"):
            self._watch.scratch = None

    @property
    def log(self) -> str:
        """The last 4 kB of what it printed."""
        return self._watch.tail

    @property
    def peak_memory(self) -> int:
        """The most memory it was seen to hold, in bytes, with everything it started."""
        return self._watch.peak

    def call(
        self, name: str, header: Mapping[str, Any], arrays: Sequence[np.ndarray], deadline: float, most: int
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return the answer to a call: a header and arrays of at most `most` bytes in all.

        Raises TimeoutError past the deadline, MemoryCapError, OutputError or ForecasterError; the worker has then been stopped.
        """
        until = time.monotonic() + deadline
        try:
            send(self._process.stdin, {"call": name, **header}, arrays, deadline, watch=self._watch)
            return receive(self._process.stdout, max(until - time.monotonic(), 0.0), most=most, watch=self._watch)
        except ClosedError as reason:
            status = self.stop()
            raise self._ended(name, status) from reason
        except WireError as reason:
            self.stop()
            raise OutputError(f"{name} left no readable answer ({reason})") from reason
        except (TimeoutError, ForecasterError):
            self.stop()
            raise

    def stop(self) -> int:
        """End the worker and everything it started; return its exit status."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()  # which the supervisor takes as its word to end
        if not self._confined:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        try:
            status = process.wait(_END_DEADLINE)
        except subprocess.TimeoutExpired:
            for number in [*descendants(process.pid), process.pid]:
                with contextlib.suppress(OSError):
                    os.kill(number, signal.SIGKILL)
            status = process.wait()
        self._watch.drain()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        self._place.cleanup()
        return status if status >= 0 else 128 - status

    def _ended(self, name: str, status: int) -> ForecasterError:
        how = f"signal {signal.Signals(status - 128).name}" if status - 128 in signal.valid_signals() else f"exit status {status}"
        text = f"the process ended during {name} ({how}); it said:\n{self.log or 'nothing'}"
        killed = status == _KILLED and _kernel_kills() > self._killed_before
        said = status != 0 and any(words in self.log for words in _OUT_OF_MEMORY)
        return MemoryCapError(text) if killed or said else ForecasterError(text)


def _environment(scratch: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    places = {"HOME": "", "TMPDIR": "", "NUMBA_CACHE_DIR": "numba", "XDG_CACHE_HOME": "cache", "CHAOSBENCH_CACHE": "cache/chaosbench"}
    return {**kept, **{name: os.path.join(scratch, below).rstrip("/") for name, below in places.items()}}


def _kernel_kills() -> int:
    """Return how many processes the kernel has killed for want of memory since it started."""
    with contextlib.suppress(OSError, ValueError), open("/proc/vmstat") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    return 0
