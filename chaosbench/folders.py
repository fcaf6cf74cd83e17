"""Where this package keeps what it can make again: one cache folder, and files that appear whole or not at all."""

import os
import uuid
from pathlib import Path

from platformdirs import user_cache_dir


def cache_folder(*parts: str) -> Path:
    """Return a sub-folder of the cache: $CHAOSBENCH_CACHE, or the user's cache folder of the operating system. It may not exist yet."""
    return Path(os.environ.get("CHAOSBENCH_CACHE") or user_cache_dir("chaosbench")).joinpath(*parts)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `content` to `path` so that a reader, a crash or a full disk never sees a part of it (temporary file, flush, rename)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
