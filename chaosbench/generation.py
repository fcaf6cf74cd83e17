"""Datasets straight to disk: simulate block by block, so that memory stays small and an interrupted run continues."""

from collections.abc import Callable
from pathlib import Path

import xarray as xr

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.identity import sha256_of
from chaosbench.integrators.base import Integrator
from chaosbench.requests import checked_request
from chaosbench.store import block_length, write_blocks
from chaosbench.trajectories import recipe_of, simulate


def generate(
    definition: SystemDefinition,
    path: str | Path,
    *,
    n_trajectories: int,
    n_samples: int,
    seed: int,
    dt: float | None = None,
    transient: float | None = None,
    integrator: str | Integrator | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    certify: bool = False,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Write the dataset that `simulate` with the same arguments returns to `path`, and return its content hash.

    Blocks of about 8 MB are made and written one at a time; after Ctrl-C or a crash the same call continues behind the last finished block.
    progress: called with (trajectories on disk, n_trajectories). Raises DatasetError as `simulate` does and StoreError as `write` does.
    """
    request = checked_request(definition, n_trajectories, n_samples, seed, dt, transient, None, integrator, rtol, atol, 0, certify)

    def make_block(start: int, count: int) -> xr.Dataset:
        return simulate(
            definition,
            n_trajectories=count,
            n_samples=n_samples,
            seed=seed,
            dt=None if definition.discrete else request.dt,
            transient=request.transient,
            integrator=integrator,
            rtol=rtol,
            atol=atol,
            certify=certify,
            threads=threads,
            first=start,
        )

    return write_blocks(
        make_block,
        path,
        n_trajectories=n_trajectories,
        block=block_length(n_samples, request.system.dimension),
        recipe=sha256_of(recipe_of(request, certify)),
        progress=progress,
    )
