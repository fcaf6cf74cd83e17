"""What comes before the first sample: kernels from their equations and from disk, and a first trajectory in a fresh process."""

import json
import statistics
from typing import Any

from ..fresh import KERNELS, empty_caches, since_start
from ..fresh import run as run_fresh
from ..options import Options, markdown
from .registry import starts

TITLE = "Compilation and first trajectory"


def run(options: Options) -> dict[str, Any]:
    """Compile the kernels of every flow with an empty cache, load them with a full one, and time first trajectories, peers in turn."""
    given = starts(options)
    with empty_caches(drivers=False) as environment:  # the drivers are compiled once for all systems, not per kernel
        compiled, loaded = (json.loads(run_fresh(KERNELS, given, environment)[1]) for _ in range(2))
    kernels = {
        method: {
            "compiled": statistics.median(compiled[method].values()),
            "slowest": max(compiled[method].values()),
            "from_disk": statistics.median(row.values()),
        }
        for method, row in loaded.items()
    }
    peers = [peer for peer in options.present() if peer.fresh]
    first: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(options.rounds + 1):
        for peer in peers:
            seconds = since_start(peer.fresh or "")
            if number:  # the first one fills the caches
                first[peer.name].append(seconds)
    return {"versions": {peer.name: peer.version for peer in peers}, "kernels": kernels, "first_trajectory": first}


def table(result: dict[str, Any]) -> list[str]:
    """Return the Markdown of a result."""
    rows = [
        [m, f"{row['compiled'] * 1e3:.0f}", f"{row['slowest'] * 1e3:.0f}", f"{row['from_disk'] * 1e3:.1f}"] for m, row in result["kernels"].items()
    ]
    lines = ["\nKernels of the flows of the registry at 1e-12, milliseconds\n"]
    lines += markdown(["kernel", "compiled, median", "slowest", "from disk, median"], rows)
    lines.append("\nImport and first trajectory (Lorenz-63, 1000 samples) in a fresh process with warm caches, seconds\n")
    spread = {name: (statistics.median(v), min(v), max(v)) for name, v in result["first_trajectory"].items()}
    return lines + markdown(
        ["", "median", "range"], [[f"{n} {result['versions'][n]}", f"{m:.2f}", f"{a:.2f} to {b:.2f}"] for n, (m, a, b) in spread.items()]
    )
