"""A file system of its own for a submission: only what it may see is there, read-only, and a scratch folder in memory of limited size."""

import os

from chaosbench.isolation import kernel

SCRATCH = "/scratch"  # short, because the path of a socket must be, and the same on every run


def build_root(empty: str, look: list[str], devices: list[str], size: int) -> None:
    """Replace the root of this mount namespace. Raises OSError, then with the old root still in place.

    `look` and `devices` appear at their own paths, symbolic links on the way included. SCRATCH and /dev/shm share one file system in memory of
    `size` bytes that ends with the namespace; /tmp leads to the first. /proc shows the processes of this process's namespace. empty: a folder
    that the new root may cover.
    """
    kernel.mount("none", "/", None, kernel.RECURSIVE | kernel.PRIVATE)
    root = empty
    kernel.mount("tmpfs", root, "tmpfs", kernel.NO_SUID | kernel.NO_DEV, "size=16m,mode=755")
    try:
        bound: list[str] = []
        for path in sorted([*look, *devices], key=lambda path: len(os.path.realpath(path))):
            real = _place(root, path)
            if not any(real == above or real.startswith(f"{above}/") for above in bound):
                kernel.mount(real, root + real, None, kernel.BIND | kernel.RECURSIVE)
                bound.append(real)
        for folder in ("/proc", "/dev/shm", "/.kept", SCRATCH):
            os.makedirs(root + folder, exist_ok=True)
        for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
            os.symlink(target, f"{root}/dev/{name}")
        if not os.path.lexists(f"{root}/tmp"):
            os.symlink(SCRATCH, f"{root}/tmp")
        kernel.mount("proc", f"{root}/proc", "proc", kernel.NO_SUID | kernel.NO_DEV)
        kernel.make_read_only(root)
        kernel.mount("tmpfs", f"{root}/.kept", "tmpfs", kernel.NO_SUID | kernel.NO_DEV, f"size={size},nr_inodes=100000,mode=700")
        for name, target in (("scratch", SCRATCH), ("shared", "/dev/shm")):
            os.mkdir(f"{root}/.kept/{name}", 0o700)
            kernel.mount(f"{root}/.kept/{name}", root + target, None, kernel.BIND)
        kernel.unmount(f"{root}/.kept")
        kernel.change_root(root)
    except OSError:
        os.chdir("/")
        kernel.unmount(root)
        raise


def _place(root: str, path: str) -> str:
    """Make a mount point for `path` below `root`, and the symbolic links that lead to it; return the path without links."""
    done = ""
    parts = path.strip("/").split("/")
    for index, part in enumerate(parts):
        here = f"{done}/{part}"
        if os.path.islink(here):
            target = os.readlink(here)
            if not os.path.lexists(root + here):
                os.symlink(target, root + here)
            return _place(root, os.path.normpath(os.path.join(done or "/", target, *parts[index + 1 :])))
        if index < len(parts) - 1 or os.path.isdir(here):
            os.makedirs(root + here, exist_ok=True)
        elif not os.path.lexists(root + here):
            os.close(os.open(root + here, os.O_CREAT | os.O_WRONLY, 0o644))
        done = here
    return done
