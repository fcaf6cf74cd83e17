"""System calls of Linux that Python does not wrap. Each raises OSError with the kernel's reason."""

import ctypes
import os
from functools import lru_cache
from pathlib import Path

NEW_MOUNTS, NEW_IPC, NEW_USERS, NEW_PIDS, NEW_NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEV, BIND, RECURSIVE, PRIVATE = 0x1, 0x2, 0x4, 0x1000, 0x4000, 0x40000
_DETACH = 2
_MOUNT_SETATTR = 442  # the numbers of younger calls are the same on every architecture
_AT_RECURSIVE, _ATTRIBUTE_READ_ONLY = 0x8000, 0x1
_SET_DEATH_SIGNAL, _DROP_BOUND, _SET_SUBREAPER, _NO_NEW_PRIVILEGES, _AMBIENT = 1, 24, 36, 38, 47
_CAPABILITIES_VERSION = 0x20080522


class _MountAttributes(ctypes.Structure):
    _fields_ = (("set", ctypes.c_uint64), ("clear", ctypes.c_uint64), ("propagation", ctypes.c_uint64), ("users", ctypes.c_uint64))


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library. Raises OSError, also where the library lacks the function."""
    function = getattr(_library(), name, None)
    if function is None:
        raise OSError(38, f"{name} is unknown here")
    result: int = function(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def system_call(number: int, *arguments: object) -> int:
    """Make the system call `number`."""
    return call("syscall", ctypes.c_long(number), *arguments)


def unshare(flag: int) -> None:
    """Leave a namespace for a new one."""
    call("unshare", flag)


def enter_user_namespace() -> None:
    """Become the same user and group in a user namespace of its own, with every capability over namespaces made from there."""
    user, group = os.geteuid(), os.getegid()
    unshare(NEW_USERS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount `source` on `target`."""
    call("mount", *(None if text is None else ctypes.c_char_p(os.fsencode(text)) for text in (source, target, kind)), flags, _text(data))


def make_read_only(target: str) -> None:
    """Make a mount and all below it read-only."""
    attributes = _MountAttributes(_ATTRIBUTE_READ_ONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    system_call(_MOUNT_SETATTR, -100, ctypes.c_char_p(os.fsencode(target)), _AT_RECURSIVE, ctypes.byref(attributes), size)


def change_root(folder: str) -> None:
    """Make `folder` the root of this mount namespace and forget the old one."""
    os.chdir(folder)
    call("pivot_root", ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))
    unmount(".")


def unmount(target: str) -> None:
    """Take a mount out of sight; what is bound from it stays."""
    call("umount2", ctypes.c_char_p(os.fsencode(target)), _DETACH)


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    call("prctl", _SET_DEATH_SIGNAL, 9, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every orphan among the descendants."""
    call("prctl", _SET_SUBREAPER, 1, 0, 0, 0)


def drop_privileges() -> None:
    """Give up every capability and every way to gain one."""
    call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for capability in range(64):
        try:
            call("prctl", _DROP_BOUND, capability, 0, 0, 0)
        except OSError:  # past the last one, or not entitled to: the call above covers what matters
            break
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    call("capset", header, (ctypes.c_uint32 * 6)())


def _text(data: str | None) -> ctypes.c_char_p | None:
    return None if data is None else ctypes.c_char_p(data.encode())


@lru_cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
