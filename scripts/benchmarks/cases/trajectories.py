"""One trajectory, 100 samples a period, over all smooth flows: the time of every method at the same error."""

import sys
from typing import Any

from ..measure import geometric_mean, measure, pairs_of, ratio_at, time_at
from ..options import Options, gathered, markdown
from ..problem import Problem, single
from ..systems import smooth_flows

TITLE = "One trajectory, 100 samples a period, one thread"
TARGETS = (1e-7, 1e-9)
SMALL = 6
_QUICK = ["lorenz63", "driven_pendulum"]


def run(options: Options) -> dict[str, Any]:
    """Measure every system and return plain data."""
    names = list(options.systems) if options.systems else _QUICK if options.quick else None
    peers = options.present()
    found = []
    for system in smooth_flows(names):
        problem = single(system, 1_200 if options.quick else 12_000, longest=150 if options.quick else None)
        print(f"  {problem.name}", file=sys.stderr, flush=True)
        found.append(_measured(problem, peers, options))
    return {"targets": TARGETS, "versions": {peer.name: peer.version for peer in peers}, "systems": found}


def _measured(problem: Problem, peers: list, options: Options) -> dict[str, Any]:
    uncertainty = float(problem.truth.uncertainty[0])  # before the clock starts
    points, refused = gathered((peer, peer.trajectory(problem)) for peer in peers)
    measure(points, options.rounds, at_least=0.002 if options.quick else 0.01)
    stored = [point.to_json() for point in points]
    ours = "taylor" if pairs_of(stored, "chaosbench", "taylor") else "dop853"
    return {
        "name": problem.name,
        "dimension": problem.dimension,
        "dt": problem.dt,
        "samples": problem.samples,
        "checked": problem.checked,
        "reference_uncertainty": uncertainty,
        "ours": ours,
        "refused": refused,
        "points": stored,
    }


def ratios(system: dict[str, Any], peer: str, target: float) -> float | None:
    """Return how many times longer the peer's best method takes than our default one at error `target`."""
    return ratio_at(pairs_of(system["points"], peer), pairs_of(system["points"], "chaosbench", system["ours"]), target)


def table(result: dict[str, Any]) -> list[str]:
    """Return the Markdown of a result: per error the ratios of each system, then their means."""
    lines: list[str] = []
    others = [name for name in result["versions"] if name != "chaosbench"]
    for target in result["targets"]:
        lines += [f"\nAt error {target:.0e}: ns per sample of chaosbench, and how many times longer the best method of each peer takes\n"]
        rows, summary = [], []
        for system in result["systems"]:
            time = time_at(pairs_of(system["points"], "chaosbench", system["ours"]), target)
            cells = [_number(ratios(system, peer, target)) for peer in others]
            rows.append([system["name"], str(system["dimension"]), system["ours"], _number(time), *cells])
        lines += markdown(["system", "D", "method", "ns", *(f"{name} {result['versions'][name]}" for name in others)], rows)
        for peer in others:
            for label, low, high in (("all", 0, 10**9), (f"D <= {SMALL}", 0, SMALL), (f"D > {SMALL}", SMALL + 1, 10**9)):
                group = [s for s in result["systems"] if low <= s["dimension"] <= high]
                values = {s["name"]: r for s in group if (r := ratios(s, peer, target)) is not None}
                if values:
                    least = min(values, key=values.__getitem__)
                    reached = f"{len(values)} of {len(group)}"
                    summary.append([peer, label, reached, _number(geometric_mean(list(values.values()))), f"{_number(values[least])} ({least})"])
        lines += ["", *markdown(["peer", "systems", "both reach it", "geometric mean of the ratios", "smallest"], summary)]
    failures = {(p["peer"], p["method"], p["failure"]) for s in result["systems"] for p in s["points"] if p["failure"]}
    failures |= {(peer, s["name"], reason) for s in result["systems"] for peer, reason in s["refused"].items()}
    return lines + [f"\nFailed: {peer}, {what}: {reason}" for peer, what, reason in sorted(failures)]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"
