"""Two threads against one: the same ensembles, the same bits."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.integrators._threads import all_cores
from chaosbench.integrators.base import InitialState

from ..measure import Point, measure
from ..options import Options, markdown
from ..peak import loop
from ..problem import ensemble

TITLE = "Two threads against one, ensembles of 1000 samples at 1e-9"
_SYSTEMS, _TOLERANCE = ("lorenz63", "double_pendulum", "lorenz96"), 1e-9


def run(options: Options) -> dict[str, Any]:
    """Measure each system with one and two threads in turn."""
    found = {}
    lanes = 64 if options.quick else 1_024
    for name in options.systems or _SYSTEMS[: 1 if options.quick else None]:
        print(f"  {name}", file=sys.stderr, flush=True)
        compiled = compile_system(system(name))
        problem = ensemble(compiled, lanes, 1_000, 0.01, 0)
        start, method = InitialState(problem.starts), load("integrators", "taylor")()
        buffers = {threads: np.empty((lanes, problem.samples, problem.dimension)) for threads in (1, 2)}

        def solve(threads: int, compiled=compiled, start=start, problem=problem, method=method, buffers=buffers) -> np.ndarray:
            settings = {"rtol": _TOLERANCE, "atol": _TOLERANCE, "threads": threads, "out": buffers[threads]}
            return method.solve(compiled, start, problem.times, **settings).states

        points = [
            Point(
                "chaosbench", "taylor", str(threads), partial(solve, threads), lanes * problem.samples, lambda states: float(np.isnan(states).sum())
            )
            for threads in (1, 2)
        ]
        # What the machine gives at this moment to two threads that need nothing but a core.
        points += [Point("machine", "loop", str(threads), partial(_loops, loop(), threads), threads, lambda _: 0.0) for threads in (1, 2)]
        measure(points, options.rounds, at_least=0.05)
        same = bool(np.array_equal(buffers[1], buffers[2]))
        gains = {"speedup": points[0].median / points[1].median, "machine": points[2].median / points[3].median}
        found[name] = {"points": [p.to_json() for p in points], "same_bits": same, **gains}
    return {"cores": all_cores(), "trajectories": lanes, "systems": found}


def _loops(run: Callable[[], None], threads: int) -> None:
    """Run a loop that needs nothing but a core, once in each of `threads` threads."""
    with ThreadPoolExecutor(threads) as pool:
        for started in [pool.submit(run) for _ in range(threads)]:
            started.result()


def table(result: dict[str, Any]) -> list[str]:
    """Return the Markdown of a result."""
    rows = []
    for name, entry in result["systems"].items():
        one, two = (point["ns_per_sample"] for point in entry["points"][:2])
        gains = (f"{entry['speedup']:.2f}", f"{entry['machine']:.2f}")
        rows.append([name, f"{one:.1f}", f"{two:.1f}", *gains, "yes" if entry["same_bits"] else "NO"])
    head = ["system", "ns per sample, one thread", "two threads", "times faster", "a loop of arithmetic alone", "same bits"]
    return [f"\n{result['trajectories']} trajectories, {result['cores']} cores\n", *markdown(head, rows)]
