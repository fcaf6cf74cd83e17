"""The processes below one process, as /proc shows them: who they are and how much memory they hold."""

import contextlib
import os

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(root: int) -> list[int]:
    """Return the numbers of all processes below `root`; none where the system does not tell."""
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return _by_parent(root)
    found: list[int] = []
    waiting = [root]
    while waiting:
        folder = f"/proc/{waiting.pop()}/task"
        with contextlib.suppress(OSError):
            for thread in os.listdir(folder):
                with contextlib.suppress(OSError), open(f"{folder}/{thread}/children") as file:
                    children = [int(number) for number in file.read().split()]
                    found += children
                    waiting += children
    return found


def resident(numbers: list[int]) -> int:
    """Return the bytes of memory that these processes hold; a page that several share counts for each."""
    total = 0
    for number in numbers:
        with contextlib.suppress(OSError, IndexError), open(f"/proc/{number}/statm") as file:
            total += int(file.read().split()[1]) * _PAGE
    return total


def proportional(numbers: list[int]) -> int:
    """Return the bytes of memory that these processes hold; a page that several share counts once. Slower than `resident`."""
    total = 0
    for number in numbers:
        try:
            with open(f"/proc/{number}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
        except OSError:
            total += resident([number])
    return total


def unmapped(numbers: list[int]) -> int:
    """Return at least how many bytes these processes hold in anonymous files (memfd) without mapping them: `resident` does not see those."""
    sizes: dict[int, int] = {}
    mapped = 0
    for number in numbers:
        with contextlib.suppress(OSError, IndexError), open(f"/proc/{number}/statm") as file:
            mapped += int(file.read().split()[2]) * _PAGE
        folder = f"/proc/{number}/fd"
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                with contextlib.suppress(OSError):
                    if os.readlink(f"{folder}/{name}").startswith("/memfd:"):
                        found = os.stat(f"{folder}/{name}")
                        sizes[found.st_ino] = 512 * found.st_blocks
    return max(0, sum(sizes.values()) - mapped) if sizes else 0


def _by_parent(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, IndexError, ValueError), open(f"/proc/{name}/stat") as file:
                    children.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
