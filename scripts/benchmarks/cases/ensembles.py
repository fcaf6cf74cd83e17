"""Many Lorenz-63 trajectories of 1000 samples over 10 time units, one thread each: ns per sample and core at the same error."""

import sys
from typing import Any

import numpy as np

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system
from chaosbench.integrators.base import InitialState
from chaosbench.integrators.taylor import order_of

from ..measure import measure, pairs_of, ratio_at, time_at
from ..operations import of_sample, of_step
from ..options import Options, gathered, markdown
from ..peak import peak
from ..problem import ensemble

TITLE = "Ensembles of Lorenz-63, 1000 samples over 10 time units, one thread"
TARGETS = (1e-7, 2e-11)  # rounding alone, amplified over 10 time units, makes about 1.2e-11
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
        found.append(
            {
                "trajectories": size,
                "samples": problem.samples,
                "judged": problem.judged,
                "reference_uncertainty": uncertainty,
                "refused": refused,
                "points": stored,
            }
        )
    rate = peak()
    shares = [share for entry in found for target in TARGETS if (share := _share(lorenz, entry, target, rate)) is not None]
    return {"targets": TARGETS, "versions": {peer.name: peer.version for peer in peers}, "sizes": found, "peak": rate, "shares_of_peak": shares}


def _share(lorenz: CompiledSystem, entry: dict[str, Any], target: float, rate: float) -> dict[str, Any] | None:
    """Return how much of the peak our fastest setting at error `target` uses."""
    ours = [p for p in entry["points"] if p["method"] == "taylor" and p["peer"] == "chaosbench" and None not in (p["error"], p["ns_per_sample"])]
    able = [p for p in ours if p["error"] <= target]
    if not able:
        return None
    best = min(able, key=lambda p: p["ns_per_sample"])
    tolerance = float(best["setting"])
    order, lanes = order_of(max(tolerance, 1e-16)), min(entry["trajectories"], 256)
    problem = ensemble(lorenz, lanes, entry["samples"], DT, 0)
    solution = load("integrators", "taylor")().solve(lorenz, InitialState(problem.starts), problem.times, rtol=tolerance, atol=tolerance, threads=1)
    steps = float((solution.evaluations - solution.rejected).mean()) / (order + 1)  # a step is the orders of its series and one check
    work = steps * of_step(lorenz, order) / problem.samples + of_sample(lorenz, order)
    parts = {"order": order, "steps_per_sample": steps / problem.samples, "operations_per_sample": work}
    return {"trajectories": entry["trajectories"], "target": target, **parts, "share": work / best["ns_per_sample"] * 1e9 / rate}


def table(result: dict[str, Any]) -> list[str]:
    """Return the Markdown of a result: every method at both errors."""
    lines: list[str] = []
    for entry in result["sizes"]:
        lines.append(
            f"\n{entry['trajectories']} trajectories of {entry['samples']} samples; the error is the median over {entry['judged']} of them\n"
        )
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
    lines.append(f"\nPeak of one core: {result['peak'] / 1e9:.0f} GFLOP/s of fused multiply-adds")
    return lines + [
        f"\n{s['trajectories']} trajectories at {s['target']:.0e}: order {s['order']}, {s['steps_per_sample']:.3f} steps and "
        f"{s['operations_per_sample']:.0f} operations a sample, {100 * s['share']:.0f} % of the peak"
        for s in result["shares_of_peak"]
    ]


def _cells(pairs: list[tuple[float, float]], ours: list[tuple[float, float]], target: float) -> tuple[str, str]:
    time, ratio = time_at(pairs, target), ratio_at(pairs, ours, target)
    return ("-" if time is None else f"{time:.1f}", "-" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}")
