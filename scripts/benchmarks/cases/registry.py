"""All flows of the registry, 12 000 samples at 1e-12 by the default integrator, one after the other on one thread: warm, and from nothing."""

import json
import statistics
from typing import Any

import numpy as np

from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import read_definition
from chaosbench.facts import load_facts
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import Status
from chaosbench.timescale import estimate_period

from ..fresh import REGISTRY, empty_caches
from ..fresh import run as run_fresh
from ..options import Options, markdown

TITLE = "All flows of the registry, 12 000 samples at 1e-12, one thread"
_QUICK = ("lorenz63", "chua")


def starts(options: Options) -> dict[str, tuple[float, list[float]]]:
    """Return {flow: (period, start)}, as many as the options ask for."""
    wanted = options.systems or (_QUICK if options.quick else None)
    found = {}
    for name, path in system_files().items():
        if path.parent.name == "flows" and (wanted is None or name in wanted):
            system = compile_system(read_definition(path))
            facts = load_facts(system.definition)
            start: np.ndarray = draw_initial(system, seed=0, n=1).states[0]
            found[name] = (estimate_period(system) if facts is None else facts.period, start.tolist())
    return found


def run(options: Options) -> dict[str, Any]:
    """Run the registry in fresh processes: once to fill the caches, `rounds` times with full ones, once with empty ones."""
    given = starts(options)
    json.loads(run_fresh(REGISTRY, given)[1])
    warm = [json.loads(run_fresh(REGISTRY, given)[1]) for _ in range(options.rounds)]
    # The flows alone: what the process needs before the first one is the case "compiling".
    totals = [sum(row[1] for row in found["flows"].values()) for found in warm]
    choices = [sum(row[0] for row in found["flows"].values()) for found in warm]
    with empty_caches(drivers=not options.quick) as environment:
        cold, printed = run_fresh(REGISTRY, given, environment)
    return {
        "flows": {
            name: {"seconds": statistics.median(f["flows"][name][1] for f in warm), "status": row[2], "integrator": row[3]}
            for name, row in warm[0]["flows"].items()
        },
        "choosing": {"seconds": statistics.median(choices), "lowest": min(choices), "highest": max(choices)},
        "full_caches": {"seconds": statistics.median(totals), "lowest": min(totals), "highest": max(totals)},
        "empty_caches": {"seconds": json.loads(printed)["seconds"], "process": cold},
    }


def table(result: dict[str, Any]) -> list[str]:
    """Return the Markdown of a result."""
    flows, full, cold, choosing = (result[key] for key in ("flows", "full_caches", "empty_caches", "choosing"))
    slowest = sorted(flows, key=lambda name: -flows[name]["seconds"])[:3]
    failed = [f"{name}: {Status(entry['status']).name}" for name, entry in flows.items() if entry["status"]]
    rows = [
        ["reading the equations and choosing the integrators", f"{choosing['seconds']:.3f} ({choosing['lowest']:.3f} to {choosing['highest']:.3f})"],
        ["solving with kernels on disk, sum over the flows", f"{full['seconds']:.3f} ({full['lowest']:.3f} to {full['highest']:.3f})"],
        ["nothing on disk, whole program", f"{cold['seconds']:.1f}"],
    ]
    implicit = [f"{name}: {entry['integrator']}" for name, entry in flows.items() if entry["integrator"] != "taylor"]
    others, ended = ", ".join(implicit) or "none", ", ".join(failed) or "none"
    lines = [f"\n{len(flows)} flows, by Taylor series except {others}; each has a status; those that did not reach the end: {ended}\n"]
    lines += markdown(["", "seconds"], rows)
    return [*lines, "\nThe slowest: " + ", ".join(f"{name} {flows[name]['seconds'] * 1e3:.0f} ms" for name in slowest)]
