"""Datasets on disk: Zarr v3 folders that are whole or absent, verified on open, never overwritten.

A store is written into a hidden folder beside its final name, one block of whole trajectories (one chunk file per variable) at a time.
Each finished block is noted in a journal, so an interrupted run continues. At the end every file is hashed into the seal (`seals`) and
the folder is renamed.
"""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from chaosbench.errors import StoreError
from chaosbench.event_record import CHUNK, EVENT, ROWS, trajectories_of
from chaosbench.folders import write_whole
from chaosbench.identity import canonical_json, sha256_of, sha256_of_array
from chaosbench.seals import FORMAT, problems, set_seal, unsealed

JOURNAL = "journal.json"
CHUNK_BYTES = 8_000_000

MakeBlock = Callable[[int, int], xr.Dataset]


def block_length(n_samples: int, dimension: int) -> int:
    """Return how many whole trajectories of (n_samples, dimension) float64 go into one chunk of about 8 MB."""
    return max(1, CHUNK_BYTES // (8 * n_samples * dimension))


def write(dataset: xr.Dataset, path: str | Path) -> str:
    """Write a dataset of `simulate` to `path` and return its content hash. Raises StoreError when `path` exists or the disk fills up."""
    if "state" not in dataset or "chaosbench" not in dataset.attrs:
        raise StoreError(f"{path}: the dataset lacks its `state` variable or `chaosbench` attribute; write what simulate() returns")
    trajectories, samples, *grid = dataset["state"].shape
    return write_blocks(
        lambda start, count: trajectories_of(dataset, start, count),
        path,
        n_trajectories=trajectories,
        block=block_length(samples, int(np.prod(grid))),
        recipe=json.loads(dataset.attrs["chaosbench"])["recipe_sha256"],
    )


def write_blocks(
    make_block: MakeBlock,
    path: str | Path,
    *,
    n_trajectories: int,
    block: int,
    recipe: str,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Write `n_trajectories` in blocks made one at a time by `make_block(start, count)`; return the content hash.

    block: trajectories per chunk at most; every block is a whole chunk (the last may be short), so no two writes ever touch one file.
    recipe: hash of what is being made; an unfinished folder of the same recipe is continued, one of another recipe is started afresh.
    progress: called with (trajectories on disk, n_trajectories).
    Raises StoreError when `path` exists, or when writing fails (disk full, permission): `path` then does not exist.
    """
    target = Path(path)
    _refuse_existing(target)
    block = max(1, min(block, n_trajectories))  # Zarr fills the last chunk up: a few short trajectories would take 8 MB
    partial = target.with_name(f".{target.name}.partial")
    journal = _open_journal(partial, {"recipe": recipe, "n_trajectories": n_trajectories, "block": block, "format": FORMAT})
    try:
        for start in range(0, n_trajectories, block):
            count = min(block, n_trajectories - start)
            if str(start) not in journal["blocks"]:
                made = make_block(start, count)
                if not (partial / "data" / "zarr.json").exists():
                    _create(partial / "data", made, n_trajectories, block)
                journal["blocks"][str(start)] = _write_block(partial / "data", made, start)
                write_whole(partial / JOURNAL, canonical_json(journal))
            if progress is not None:
                progress(start + count, n_trajectories)
        content = sha256_of([journal["blocks"][str(start)] for start in range(0, n_trajectories, block)])
        set_seal(partial / "data", content)
        _refuse_existing(target)
        (partial / "data").rename(target)
    except OSError as reason:
        if isinstance(reason, StoreError):
            raise
        why = "the disk is full" if reason.errno == errno.ENOSPC else str(reason)
        raise StoreError(
            f"{target}: not written ({why}); nothing stands there. Free space or choose another folder; a repeated run continues"
        ) from reason
    finally:
        if not journal["blocks"]:  # nothing to continue from
            shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(partial)
    return content


def open_dataset(path: str | Path, *, verify: bool = True) -> xr.Dataset:
    """Open a store lazily. With `verify` every file's hash is checked first; StoreError names what is missing, changed, truncated or extra."""
    folder = Path(path)
    found = problems(folder, hashes=verify)
    if found:
        raise StoreError(f"{folder}: {found[0]}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))
    dataset: xr.Dataset = xr.open_zarr(folder, consolidated=False, chunks=None)
    return dataset


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise StoreError(f"{target}: exists already; stores are never overwritten. Choose another path or delete it")
    if not target.parent.is_dir():
        raise StoreError(f"{target}: the folder {target.parent} does not exist; make it first")


def _open_journal(partial: Path, heading: dict[str, Any]) -> dict[str, Any]:
    """Continue the journal of an unfinished run of the same recipe, or start a new one in an empty folder."""
    path = partial / JOURNAL
    if path.is_file():
        journal: dict[str, Any] = json.loads(path.read_text())
        if {key: journal.get(key) for key in heading} == heading:
            return journal
    if partial.exists():
        shutil.rmtree(partial)
    try:
        partial.mkdir()
    except OSError as reason:
        raise StoreError(f"{partial}: cannot be made ({reason}); choose a folder where you may write") from reason
    return {**heading, "blocks": {}}


def _create(folder: Path, first: xr.Dataset, n_trajectories: int, block: int) -> None:
    """Create the Zarr group with full shapes: chunk = `block` whole trajectories, no codec, NaN where nothing was written."""
    attributes = {**first.attrs, "chaosbench": canonical_json(unsealed(json.loads(first.attrs["chaosbench"])))}
    group = zarr.create_group(folder, zarr_format=3, attributes=attributes, overwrite=True)
    for name, variable in first.variables.items():
        along = "trajectory" in variable.dims
        long, wide = {"trajectory": n_trajectories, EVENT: 0}, {"trajectory": block, EVENT: CHUNK}
        along = along or EVENT in variable.dims  # events grow block by block
        shape = tuple(long.get(str(dim), size) for dim, size in zip(variable.dims, variable.shape, strict=True))
        chunks = tuple(wide.get(str(dim), max(size, 1)) for dim, size in zip(variable.dims, variable.shape, strict=True))
        text = variable.dtype.kind in "OUT"
        array = group.create_array(
            str(name),
            shape=shape,
            chunks=chunks,
            dtype=np.dtypes.StringDType() if text else variable.dtype,
            compressors=None,
            fill_value="" if text else np.nan if variable.dtype.kind == "f" else 0,
            dimension_names=[str(dim) for dim in variable.dims],
            attributes=dict(variable.attrs),
        )
        if not along:
            array[...] = variable.values


def _write_block(folder: Path, made: xr.Dataset, start: int) -> str:
    """Write one block of whole chunks and return the hash of its numbers."""
    group = zarr.open_group(folder, mode="r+")
    hashes = {}
    for name, variable in made.variables.items():
        if not {"trajectory", EVENT} & set(variable.dims):
            continue
        array = group[str(name)]
        if not isinstance(array, zarr.Array):
            raise StoreError(f"{folder}: {name} is a group, an array is needed; delete the folder and generate again")
        values = np.ascontiguousarray(variable.values)
        hashes[str(name)] = sha256_of_array(values)
        if EVENT in variable.dims:
            sizes = group[ROWS]
            _append(array, values, int(np.sum(sizes[:start])) if isinstance(sizes, zarr.Array) else 0)
            continue
        count = variable.shape[0]
        if start % array.chunks[0] or (count % array.chunks[0] and start + count != array.shape[0]):
            raise StoreError(f"{folder}: block {start}..{start + count} does not fill whole chunks of {array.chunks[0]}; chunk and block must agree")
        array[start : start + count] = values
    return sha256_of(hashes)


def _append(array: zarr.Array, values: np.ndarray, behind: int) -> None:
    """Write `values` behind the first `behind` rows: all events of the blocks that are finished. What an interrupted block left there is replaced."""
    array.resize((behind + len(values), *array.shape[1:]))
    array[behind:] = values
