"""Object files of kernels on disk.

A file is the SHA-256 of what follows, a line of JSON, and the object code. It appears whole or not at all, so concurrent writers cannot mix; one that
is truncated or damaged fails its checksum and counts as absent, and so does one that says it holds the code of another key.
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
        return decoded(key, _file(key).read_bytes())
    except OSError:
        return None


def decoded(key: str, content: bytes) -> Entry | None:
    """Return the entry that a file holds, or None if it is not the whole of what was stored under `key`."""
    digest, payload = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(payload).digest() != digest:
        return None
    head, _, code = payload.partition(b"\n")
    try:
        found = json.loads(head)
    except ValueError:
        return None
    if not (isinstance(found, dict) and found.get("key") == key and isinstance(found.get("work_size"), int)):
        return None
    return Entry(code, found["work_size"])


def write_entry(key: str, entry: Entry) -> None:
    """Store an entry under `key`; a folder that cannot be written is reported once and means no cache."""
    payload = json.dumps({"key": key, "work_size": entry.work_size}).encode() + b"\n" + entry.code
    path = _file(key)
    try:
        write_whole(path, hashlib.sha256(payload).digest() + payload)
    except OSError as error:
        _report(str(path.parent), error.strerror or type(error).__name__)


@cache
def _report(folder: str, reason: str) -> None:
    logging.getLogger(__name__).warning("%s: kernels cannot be cached (%s) and are compiled in every process; set CHAOSBENCH_CACHE", folder, reason)
