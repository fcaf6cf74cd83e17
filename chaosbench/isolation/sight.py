"""What a submission may see of the file system: the interpreter with its packages, system libraries, itself, and nothing else."""

import glob
import os
import sys
from pathlib import Path

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store", "/sys/devices/system")
_SETTINGS = ("alternatives", "fonts", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime")
_MORE_SETTINGS = ("mime.types", "nsswitch.conf", "os-release", "passwd", "protocols", "services", "ssl/certs", "ssl/openssl.cnf", "timezone")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_OF_PROC = ("self", "thread-self", "cpuinfo", "meminfo", "stat", "uptime", "version", "filesystems", "sys/vm", "sys/kernel/osrelease")


def readable(folder: str, device: str) -> list[str]:
    """Return what may be read and run, parents before what lies below them; /proc apart."""
    packages = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    own = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *packages, str(Path(__file__).parents[1]), folder]
    etc = [f"/etc/{name}" for name in (*_SETTINGS, *_MORE_SETTINGS)]
    more = ["/sys"] if _gpu(device) else []
    found = {os.path.abspath(path) for path in (*_SYSTEM, *own, *etc, *more) if os.path.exists(path)}
    return sorted(found, key=lambda path: (path.count("/"), path))


def devices(device: str) -> list[str]:
    """Return the device files that may be read and written."""
    return [path for path in (*_DEVICES, *(sorted(glob.glob("/dev/nvidia*")) if _gpu(device) else ())) if os.path.exists(path)]


def of_proc() -> list[str]:
    """Return what may be read below a /proc that also shows the processes of others."""
    return [f"/proc/{name}" for name in _OF_PROC]


def _gpu(device: str) -> bool:
    return device != "cpu"
