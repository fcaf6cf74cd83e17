"""The seal of a store: hashes of every file, kept in the store's own `chaosbench` attribute, and what is wrong when they disagree.

The seal is written last, so a store without one was never finished. It covers all files but the root metadata, which holds it; of those it covers
everything but itself.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from chaosbench.folders import write_whole
from chaosbench.identity import canonical_json, sha256_of

FORMAT = 1
ROOT = "zarr.json"


def set_seal(folder: Path, content_sha256: str) -> None:
    """Seal the finished store at `folder`; `content_sha256` is the hash of its numbers."""
    metadata = json.loads((folder / ROOT).read_text())
    provenance = unsealed(json.loads(metadata["attributes"]["chaosbench"]))
    metadata["attributes"]["chaosbench"] = canonical_json(provenance)
    seal = {"content_sha256": content_sha256, "files": _hashes(folder), "root_sha256": sha256_of(metadata)}
    metadata["attributes"]["chaosbench"] = canonical_json({**provenance, "seal": seal})
    write_whole(folder / ROOT, json.dumps(metadata, indent=1))


def unsealed(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return the provenance of a dataset without the seal of the store it came from."""
    return {key: value for key, value in provenance.items() if key != "seal"}


def content_hash(folder: Path) -> str:
    """Return the content hash written in the seal of a whole store."""
    content: str = _provenance(folder)["seal"]["content_sha256"]
    return content


def recipe(folder: Path) -> dict[str, Any]:
    """Return the recipe of a whole store: system, seed, sampling, integrator."""
    return dict(_provenance(folder)["recipe"])


def _provenance(folder: Path) -> dict[str, Any]:
    return dict(json.loads(json.loads((folder / ROOT).read_text())["attributes"]["chaosbench"]))


def problems(folder: Path, *, hashes: bool = True) -> list[str]:
    """Return what is wrong with the store at `folder`, one sentence each; an empty list means it is whole.

    hashes: also read every file; without it only presence and size are checked.
    """
    if not (folder / ROOT).is_file():
        return [f"no store here ({ROOT} is missing); `chaosbench generate` makes one"]
    try:
        metadata = json.loads((folder / ROOT).read_text())
        provenance = json.loads(metadata["attributes"]["chaosbench"])
        found_format = provenance["format"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as reason:
        return [f"{ROOT} is damaged or not of a chaosbench store ({type(reason).__name__}: {reason}); generate the store again"]
    if found_format != FORMAT:
        return [f"written in format {found_format!r}, this version reads format {FORMAT}; generate it again or use the version that wrote it"]
    seal = provenance.get("seal")
    if seal is None:
        return ["the store was never finished: it has no seal; generate it again"]
    metadata["attributes"]["chaosbench"] = canonical_json(unsealed(provenance))
    found = [] if sha256_of(metadata) == seal["root_sha256"] else [f"{ROOT} was changed after the store was sealed; generate the store again"]
    return found + _file_problems(folder, seal["files"], hashes)


def _file_problems(folder: Path, listed: dict[str, Any], hashes: bool) -> list[str]:
    present = _files(folder)
    found = [f"{name} is missing; generate the store again" for name in sorted(set(listed) - set(present))]
    found += [f"{name} was added after the store was sealed; remove it" for name in sorted(set(present) - set(listed))]
    for name in sorted(set(listed) & set(present)):
        size, wanted = present[name].stat().st_size, listed[name]
        if size != wanted["bytes"]:
            word = "truncated" if size < wanted["bytes"] else "longer than it was"
            found.append(f"{name} is {word}: {size} bytes, {wanted['bytes']} were written; generate the store again")
        elif hashes and _sha256(present[name]) != wanted["sha256"]:
            found.append(f"{name} was changed: its SHA-256 differs from the sealed one; generate the store again")
    return found


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / ROOT}


def _hashes(folder: Path) -> dict[str, dict[str, object]]:
    return {name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for name, path in _files(folder).items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
