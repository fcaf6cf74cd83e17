"""How much a submission may use, and the limits of the kernel that follow from it."""

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path

GIB = 1 << 30
_RESERVED = 512 << 20  # address space that an interpreter with its libraries reserves without touching it ...
_RESERVED_PER_CORE = 72 << 20  # ... and more for the stack and heap of every thread of a pool


@dataclass(frozen=True)
class Limits:
    """Bytes of memory and of scratch files, and how many processes, all over everything that one worker starts."""

    memory: int = 8 * GIB
    scratch: int = GIB
    processes: int = 64

    @property
    def address_space(self) -> int:
        """Bytes of address space for each process: the cap on memory, and what is reserved but never used."""
        return self.memory + _RESERVED + _RESERVED_PER_CORE * (os.cpu_count() or 1)

    @property
    def tasks(self) -> int:
        """Processes and threads together, as the kernel counts them: pools of threads have one a core."""
        return max(320, 4 * self.processes + 8 * (os.cpu_count() or 1))


def apply_limits(limits: Limits, *, reserves_memory: bool, own_users: bool) -> None:
    """Lower the limits of this process for good; what the system does not know is left out.

    reserves_memory: whether address space says nothing about memory (CUDA reserves tens of GB). own_users: whether this process stands in a user
    namespace of its own, whose processes alone are counted; otherwise those that the user runs elsewhere are allowed for.
    """
    wanted = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: limits.scratch}
    if own_users or os.path.isdir("/proc/self"):
        wanted[resource.RLIMIT_NPROC] = limits.tasks if own_users else limits.tasks + _tasks_of_user()
    if not reserves_memory:
        wanted[resource.RLIMIT_AS] = limits.address_space
    for which, most in wanted.items():
        _, hard = resource.getrlimit(which)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (least, least))


def _tasks_of_user() -> int:
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid():
                count += len(os.listdir(folder / "task"))
    return count
