"""Many Lorenz-63 trajectories of 1000 samples over 10 time units, one thread each: ns per sample and core at the same error."""

import sys
from typing import Any

import numpy as np

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system

from ..measure import measure, pairs_of, ratio_at, time_at
from ..options import Options, gathered, markdown
from ..problem import ensemble

TITLE = "Ensembles of Lorenz-63, 1000 samples over 10 time units, one thread"
TARGETS = (1e-7, 1e-11)
SIZES, SAMPLES, DT, JUDGED = (1_024, 10_240), 1_000, 0.01, 32
_SLOW_PEERS_UP_TO = 1_024


def run(options: Options) -> dict[str, Any]:
    """Measure both sizes and return plain data; the slow peers take part in the smaller one."""
    peers = options.present()
    lorenz = compile_system(system("lorenz63"))
    found = []
    for size in (64,) if options.quick else SIZES:
        print(f"  {size} trajectories", file=sys.stderr, flush=True)
        problem = ensemble(lorenz, size, 200 if options.quick else SAMPLES, DT, min(8, size) if options.quick else JUDGED)
        uncertainty = float(np.median(problem.truth.uncertainty))
        given = peers if size <= _SLOW_PEERS_UP_TO else [peer for peer in peers if peer.name in ("chaosbench", "heyoka")]
        points, refused = gathered((peer, peer.ensemble(problem)) for peer in given)
        measure(points, options.rounds, at_least=0.0, slow_after=5.0)
        stored = [point.to_json() for point in points]
        found.append({"trajectories": size, "samples": problem.samples, "reference_uncertainty": uncertainty, "refused": refused, "points": stored})
    return {"targets": TARGETS, "versions": {peer.name: peer.version for peer in peers}, "sizes": found}


def table(result: dict[str, Any]) -> list[str]:
    """Return the Markdown of a result: every method at both errors."""
    lines: list[str] = []
    for entry in result["sizes"]:
        lines.append(f"\n{entry['trajectories']} trajectories of {entry['samples']} samples; the error is the median over {JUDGED} trajectories\n")
        points, rows = entry["points"], []
        ours = "taylor" if pairs_of(points, "chaosbench", "taylor") else "dop853"
        for peer, method in dict.fromkeys((p["peer"], p["method"]) for p in points):
            pairs = pairs_of(points, peer, method)
            cells = [text for target in result["targets"] for text in _cells(pairs, pairs_of(points, "chaosbench", ours), target)]
            rows.append([f"{peer} {result['versions'][peer]}", method, f"{min((e for e, _ in pairs), default=float('nan')):.1e}", *cells])
        heads = [text for target in result["targets"] for text in (f"ns per sample at {target:.0e}", "times ours")]
        lines += markdown(["peer", "method", "smallest error", *heads], rows)
        lines += [f"\nFailed: {p['peer']}, {p['method']} at {p['setting']}: {p['failure']}" for p in points if p["failure"]]
        lines += [f"\nRefused: {peer}: {reason}" for peer, reason in entry["refused"].items()]
    return lines


def _cells(pairs: list[tuple[float, float]], ours: list[tuple[float, float]], target: float) -> tuple[str, str]:
    time, ratio = time_at(pairs, target), ratio_at(pairs, ours, target)
    return ("-" if time is None else f"{time:.1f}", "-" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}")
