"""The seal of a store: a completion marker that lists every file with its hash, and what is wrong when they disagree."""

import hashlib
import json
from pathlib import Path

FORMAT = 1
MARKER = "COMPLETE.json"


def file_hashes(folder: Path) -> dict[str, dict[str, object]]:
    """Return {relative path: {"bytes", "sha256"}} of every file below `folder`, the marker left out."""
    listed = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MARKER:
            with path.open("rb") as file:
                listed[path.relative_to(folder).as_posix()] = {
                    "bytes": path.stat().st_size,
                    "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
                }
    return listed


def problems(folder: Path, *, hashes: bool = True) -> list[str]:
    """Return what is wrong with the store at `folder`, one sentence each; an empty list means it is whole.

    hashes: also read every file; without it only presence and size are checked.
    """
    if not folder.is_dir():
        return ["no store here; `chaosbench generate` makes one"]
    marker = folder / MARKER
    if not marker.is_file():
        return [f"{MARKER} is missing: the store was never finished, or this is not a chaosbench store; generate it again"]
    try:
        seal = json.loads(marker.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as reason:
        return [f"{MARKER} is damaged ({reason}); generate the store again"]
    if not isinstance(seal, dict) or seal.get("format") != FORMAT:
        have = seal.get("format") if isinstance(seal, dict) else seal
        return [f"written in format {have!r}, this version reads format {FORMAT}; generate it again or use the version that wrote it"]
    found = []
    listed = seal["files"]
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file() and path.name != MARKER}
    found += [f"{name} is missing; generate the store again" for name in sorted(set(listed) - set(present))]
    found += [f"{name} was added after the store was sealed; remove it" for name in sorted(set(present) - set(listed))]
    for name in sorted(set(listed) & set(present)):
        size, wanted = present[name].stat().st_size, listed[name]
        if size != wanted["bytes"]:
            word = "truncated" if size < wanted["bytes"] else "longer than it was"
            found.append(f"{name} is {word}: {size} bytes, {wanted['bytes']} were written; generate the store again")
        elif hashes and _sha256(present[name]) != wanted["sha256"]:
            found.append(f"{name} was changed: its SHA-256 differs from the sealed one; generate the store again")
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
