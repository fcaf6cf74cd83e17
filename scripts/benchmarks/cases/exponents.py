"""Lyapunov spectra to a given standard error on one thread."""

import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system
from chaosbench.invariants._exponents import Options as Settings
from chaosbench.invariants.lyapunov_spectrum import LyapunovSpectrum

from ..measure import quiet_memory, seconds_of
from ..options import Options, markdown
from ..problem import Problem, ensemble

TITLE = "Lyapunov spectra to a standard error, one thread"
# (system, number of exponents, standard error of the worst one, exact sum of the exponents, time units a peer runs for)
TASKS = (("lorenz63", 3, 1e-3, -(10.0 + 1.0 + 8.0 / 3.0), 500.0), ("lorenz96", 40, 0.017, -40.0, 20.0))
_QUICK = (("lorenz63", 3, 1e-2, -(10.0 + 1.0 + 8.0 / 3.0), 50.0),)


def run(options: Options) -> dict[str, Any]:
    """Measure each task: ours to the target with a seed a round, peers over a fixed time, scaled to the time that the target needs."""
    peers = options.present()
    found = []
    for name, columns, target, total, duration in _QUICK if options.quick else TASKS:
        if options.systems and name not in options.systems:
            continue
        print(f"  {name}", file=sys.stderr, flush=True)
        compiled = compile_system(system(name))
        problem = ensemble(compiled, 1, 2, 0.01, 0)
        others, refused = _methods(peers, problem)
        with quiet_memory():
            rows = _measured(compiled, columns, target, others, duration, options.rounds)
        found.append({"system": name, "exponents": columns, "target": target, "exact_sum": total, "refused": refused, **rows})
    return {"versions": {peer.name: peer.version for peer in peers}, "tasks": found}


def _methods(peers: list, problem: Problem) -> tuple[dict[tuple[str, str], Callable[[float], np.ndarray]], dict[str, str]]:
    methods, refused = {}, {}
    for peer in peers:
        try:
            for method, spectrum in peer.exponents(problem):
                spectrum(1.0)  # compiles
                methods[peer.name, method] = spectrum
        except Exception as failure:  # whatever a peer raises is its result, and is printed
            refused[peer.name] = f"{type(failure).__name__}: {failure}"[:300]
    return methods, refused


def _measured(compiled: CompiledSystem, columns: int, target: float, others: dict, duration: float, rounds: int) -> dict[str, Any]:
    method = LyapunovSpectrum(options=Settings(n_exponents=columns, threads=1))
    seconds, theirs = [], {key: [] for key in others}
    method.estimate(compiled, seed=0, target_error=target)
    for number in range(rounds):
        taken, estimate = seconds_of(lambda number=number: method.estimate(compiled, seed=number + 1, target_error=target))
        seconds.append(taken)
        for key, spectrum in others.items():
            taken, values = seconds_of(lambda spectrum=spectrum: spectrum(duration))
            theirs[key].append((taken, values))
    # The error over one orbit falls as 1 / sqrt(time), and how fast is a property of the system, not of the method.
    error, spent = np.asarray(estimate.standard_error), estimate.settings["duration"]
    needed = spent * float(np.max(error) / target) ** 2
    peers = []
    for (peer, label), entries in theirs.items():
        cost = statistics.median(taken for taken, _ in entries)
        peers.append({"peer": peer, "method": label, "seconds": cost * needed / duration, "value": entries[-1][1].tolist(), "duration": duration})
    return {
        "ours": {
            "seconds": statistics.median(seconds),
            "lowest": min(seconds),
            "highest": max(seconds),
            "value": np.asarray(estimate.value).tolist(),
            "standard_error": error.tolist(),
            "status": estimate.status,
            "duration": spent,
            "method": estimate.settings["method"],
        },
        "needed": needed,
        "peers": peers,
    }


def table(result: dict[str, Any]) -> list[str]:
    """Return the Markdown of a result; the sum of the exponents is known exactly and shows the bias of a method."""
    lines: list[str] = []
    for task in result["tasks"]:
        ours, total = task["ours"], task["exact_sum"]
        lines.append(
            f"\n{task['system']}, {task['exponents']} exponents, each to {task['target']:g}: {ours['status']}, largest standard error "
            f"{max(ours['standard_error']):.2g}; the error asked for needs {task['needed']:.0f} time units\n"
        )
        value = ours["value"]
        rows = [
            [
                f"chaosbench {result['versions']['chaosbench']}",
                ours["method"],
                f"{ours['seconds']:.4f}",
                "1",
                f"{value[0]:.4f}",
                f"{sum(value) - total:.1e}",
            ]
        ]
        for peer in task["peers"]:
            name, bias = f"{peer['peer']} {result['versions'][peer['peer']]}", sum(peer["value"]) - total
            # No length of run mends a bias: a method whose sum is off by more than the error asked for never gets there.
            able = abs(bias) < task["exponents"] * task["target"]
            ratio = f"{peer['seconds'] / ours['seconds']:.1f}" if able else "-"
            cells = [f"{peer['seconds']:.3g}" if able else "never", ratio, f"{peer['value'][0]:.3f}", f"{bias:.1e}"]
            rows.append([name, peer["method"], *cells])
        lines += markdown(["", "method", "seconds", "times ours", "largest exponent", "error of the sum"], rows)
        lines += [f"\nRefused: {peer}: {reason}" for peer, reason in task["refused"].items()]
    return lines
