"""What the harness looks after while a worker works: memory, number of processes and scratch files of all it started, and what it prints."""

import contextlib
import os
import time

from chaosbench.errors import ForecasterError, MemoryCapError
from chaosbench.isolation.limits import GIB, Limits
from chaosbench.isolation.tree import descendants, proportional, resident, unmapped

LOG_BYTES = 4096
_EVERY = 0.05  # seconds between two looks, more where a look takes long
_SHARE = 0.05  # of the harness's time that looks may take
_DRAIN = 1 << 20


class Watchdog:
    """Watches the processes below `root`. log: the reading end of what the worker prints; all of it is read, the last 4 kB are kept.

    scratch: a folder whose files count, or None where the system bounds them. peak: the most memory seen, in bytes.
    """

    def __init__(self, root: int, limits: Limits, log: int, scratch: str | None) -> None:
        self.scratch = scratch
        self.peak = 0
        self._root = root
        self._limits = limits
        self._log: int | None = log
        self._tail = b""
        self._next = 0.0
        os.set_blocking(log, False)

    @property
    def log(self) -> int | None:
        """The end to read from, None once the writers have closed theirs."""
        return self._log

    @property
    def tail(self) -> str:
        """The last of what the worker printed."""
        return self._tail.decode(errors="replace").strip()

    def check(self) -> None:
        """Read what was printed and, if it is time, compare with the limits. Raises MemoryCapError or ForecasterError."""
        self.drain()
        started = time.monotonic()
        if started < self._next:
            return
        self._look()
        finished = time.monotonic()
        self._next = finished + max(_EVERY, (finished - started) / _SHARE)

    def drain(self) -> None:
        """Read what was printed, without waiting."""
        drained = 0
        while self._log is not None and drained < _DRAIN:
            try:
                piece = os.read(self._log, 65_536)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                piece = b""
            if not piece:
                self._log = None
            drained += len(piece)
            self._tail = (self._tail + piece)[-LOG_BYTES:]

    def _look(self) -> None:
        numbers = descendants(self._root)
        if len(numbers) > self._limits.processes:
            raise ForecasterError(f"more than {self._limits.processes} processes; start fewer")
        hidden = unmapped(numbers)
        held = resident(numbers) + hidden
        if held > self._limits.memory:
            held = proportional(numbers) + hidden
        self.peak = max(self.peak, held)
        if held > self._limits.memory:
            raise MemoryCapError(f"more than {self._limits.memory / GIB:g} GiB of memory, with all its processes; use less")
        if self.scratch is not None and _size(self.scratch) > self._limits.scratch:
            raise ForecasterError(f"more than {self._limits.scratch / GIB:g} GiB of files; write less")


def _size(folder: str) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                total += _size(entry.path) if entry.is_dir(follow_symlinks=False) else entry.stat(follow_symlinks=False).st_blocks * 512
    return total
