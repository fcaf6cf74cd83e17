"""Landlock: this process and its children give up every right over files, networks and other processes that is not listed.

Source: Linux kernel documentation, userspace-api/landlock (the numbers of rights, and from which version of the interface each exists).
"""

import ctypes
import os
import stat
from collections.abc import Sequence

from chaosbench.isolation.kernel import call, system_call

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _CONTROL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_MAKE_DEVICES = (1 << 6) | (1 << 11)
_LOOK = _EXECUTE | _READ_FILE | _READ_FOLDER
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _CONTROL_DEVICE
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2
_TCP = 3  # to bind, to connect
_TCP_SINCE, _SCOPES_SINCE = 4, 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("file", ctypes.c_int32))


def version() -> int:
    """Return the version of the interface. Raises OSError where the kernel has none."""
    return system_call(_CREATE, None, ctypes.c_size_t(0), 1)


def restrict(look: Sequence[str], change: Sequence[str]) -> int:
    """Leave this process `look` (files and folders to read and run) and `change` (also to write); return the version of the interface.

    From version 4 on TCP is closed, from 6 on also abstract sockets of, and signals to, processes outside. Paths that do not exist are left out.
    """
    known = version()
    files = (1 << 13) - 1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _CONTROL_DEVICE)):
        files |= right if known >= since else 0
    scoped = _ABSTRACT_SOCKETS | _SIGNALS if known >= _SCOPES_SINCE else 0
    attributes = _Ruleset(files, _TCP if known >= _TCP_SINCE else 0, scoped)
    size = 8 if known < _TCP_SINCE else 16 if known < _SCOPES_SINCE else 24
    rules = system_call(_CREATE, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    try:
        for paths, rights in ((look, _LOOK), (change, files & ~_MAKE_DEVICES)):
            for path in paths:
                _allow(rules, path, rights & files)
        call("prctl", 38, 1, 0, 0, 0)
        system_call(_RESTRICT, rules, 0)
    finally:
        os.close(rules)
    return known


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        folder = stat.S_ISDIR(os.fstat(file).st_mode)
        rule = _Beneath(rights if folder else rights & _OF_FILES, file)
        system_call(_ADD, rules, 1, ctypes.byref(rule), 0)
    finally:
        os.close(file)
