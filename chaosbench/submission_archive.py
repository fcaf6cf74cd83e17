"""A submission as one archive that is the same, byte for byte, whenever and wherever it is packed."""

import gzip
import hashlib
import io
import re
import tarfile
from pathlib import Path

from chaosbench.errors import ForecasterError
from chaosbench.folders import write_whole
from chaosbench.submissions import MAX_BYTES, Submission

_CACHES = ("__pycache__", ".git", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "venv", ".DS_Store")
_COMPILED = (".pyc", ".pyo", ".nbi", ".nbc")
_LEVEL = 9


def pack(submission: Submission, path: Path | None = None) -> tuple[Path, str]:
    """Write the files of `submission` to `path` (NAME-VERSION.tar.gz here by default); return the path and the sha256 of the archive.

    Files are sorted, without owner, with one mode and one time; the same compression library gives the same bytes. Raises ForecasterError for
    caches, links and other things that are no plain file, and for more than 200 MB.
    """
    target = path or Path(f"{submission.name}-{re.sub(r'[^A-Za-z0-9.+_-]', '_', submission.version)}.tar.gz")
    if target.resolve().is_relative_to(submission.folder):
        raise ForecasterError(f"{target}: stands in the submission itself and would change it; choose a path outside of {submission.folder}")
    files = _plain_files(submission.folder)
    size = sum(file.stat().st_size for file in files)
    if size > MAX_BYTES:
        largest = max(files, key=lambda file: file.stat().st_size)
        raise ForecasterError(f"{submission.folder}: {size / 1e6:.4g} MB; at most {MAX_BYTES / 1e6:g} MB are taken, the largest file is {largest}")
    content = _archive(submission, files)
    write_whole(target, content)
    return target, hashlib.sha256(content).hexdigest()


def _plain_files(folder: Path) -> list[Path]:
    files = []
    for path in sorted(folder.rglob("*"), key=lambda found: found.relative_to(folder).as_posix()):
        if path.name in _CACHES or path.suffix in _COMPILED:
            raise ForecasterError(f"{path}: a cache, and no part of a submission; remove it")
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ForecasterError(f"{path}: no plain file or folder; put a copy in its place")
        if path.is_file():
            files.append(path)
    return files


def _archive(submission: Submission, files: list[Path]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=_LEVEL, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for file in files:
            entry = tarfile.TarInfo(f"{submission.name}/{file.relative_to(submission.folder).as_posix()}")
            content = file.read_bytes()
            entry.size, entry.mode, entry.mtime = len(content), 0o644, 0
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
