"""Object files of kernels on disk.

A file is the SHA-256 of what follows, a line of JSON, and the object code. It appears whole or not at all, so concurrent writers cannot mix; one that
is truncated or damaged fails its checksum and counts as absent.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from chaosbench.folders import cache_folder, write_whole

_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Entry:
    """A compiled kernel: its object file, and the doubles of work that its functions need."""

    code: bytes
    work_size: int


@cache
def emitter_version() -> str:
    """Return a digest of the source of this sub-package: a cached kernel never outlives the code that wrote it."""
    digest = hashlib.sha256()
    for source in sorted(files("chaosbench.kernels").iterdir(), key=lambda item: item.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    return digest.hexdigest()


def _file(key: str) -> Path:
    return cache_folder("kernels", f"{key}.kernel")


def read_entry(key: str) -> Entry | None:
    """Return the entry stored under `key`, or None when there is none that is whole."""
    try:
        content = _file(key).read_bytes()
    except OSError:
        return None
    digest, payload = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(payload).digest() != digest:
        return None
    head, _, code = payload.partition(b"\n")
    return Entry(code, json.loads(head)["work_size"])


def write_entry(key: str, entry: Entry) -> None:
    """Store an entry under `key`; a folder that cannot be written is reported once and means no cache."""
    payload = json.dumps({"work_size": entry.work_size}).encode() + b"\n" + entry.code
    path = _file(key)
    try:
        write_whole(path, hashlib.sha256(payload).digest() + payload)
    except OSError as error:
        _report(str(path.parent), error.strerror or type(error).__name__)


@cache
def _report(folder: str, reason: str) -> None:
    logging.getLogger(__name__).warning("%s: kernels cannot be cached (%s) and are compiled in every process; set CHAOSBENCH_CACHE", folder, reason)
