"""Programs that need a process of their own: how they are started, with which caches, and what they print."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Every flow in turn: 12 000 samples, 100 a period, at 1e-12, by the integrator that is chosen when none is named.
# Prints {name: [seconds to choose, seconds to solve, status, integrator]} and the seconds since the start of the program.
REGISTRY = """
import json, sys, time
started = time.perf_counter()
import numpy as np
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState
found = {}
for name, (period, start) in json.load(sys.stdin).items():
    before = time.perf_counter()
    compiled = compile_system(system(name))
    chosen = choose(compiled)
    between = time.perf_counter()
    solution = chosen.integrator.solve(
        compiled, InitialState(np.array([start])), period / 100 * np.arange(12_000), rtol=1e-12, atol=1e-12, threads=1
    )
    found[name] = [between - before, time.perf_counter() - between, int(solution.status[0]), chosen.name]
print(json.dumps({"flows": found, "seconds": time.perf_counter() - started}))
"""

# The kernels of every flow: what a first call of `solve` takes longer than a second one, after one of another system.
# Prints {method: {name: seconds}}.
KERNELS = """
import json, sys, time
import numpy as np
from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.integrators.base import InitialState
found = {}
given = json.load(sys.stdin)
for method, lanes in (("taylor", 1), ("taylor", 8), ("dop853", 1)):
    integrator = load("integrators", method)()
    row = found[f"{method}, {lanes} lane" + "s" * (lanes > 1)] = {}
    integrator.solve(compile_system(system_from({"x": "-x", "y": "x - y"})), InitialState(np.ones((lanes, 2))), np.array([0.0, 1e-3]), threads=1)
    for name, (period, start) in given.items():
        compiled, states = compile_system(system(name)), InitialState(np.tile(start, (lanes, 1)))
        times = []
        for _ in range(2):
            before = time.perf_counter()
            integrator.solve(compiled, states, np.array([0.0, 1e-6 * period]), rtol=1e-12, atol=1e-12, threads=1)
            times.append(time.perf_counter() - before)
        row[name] = times[0] - times[1]
print(json.dumps(found))
"""


def run(program: str, given: Any = None, environment: dict[str, str] | None = None) -> tuple[float, str]:
    """Run a Python program in a new process with `given` as JSON on its standard input; return its wall time and what it prints."""
    started = time.perf_counter()
    path = os.pathsep.join(entry for entry in sys.path if entry)
    ended = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **(environment or {})},
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr[-400:])
    return time.perf_counter() - started, ended.stdout


def since_start(program: str) -> float:
    """Return the seconds from the first line of a program to its last, imports included, the start of the interpreter not."""
    timed = f"import time; started = time.perf_counter()\n{program}\nprint('\\n', time.perf_counter() - started)"
    return float(run(timed)[1].split()[-1])


@contextmanager
def empty_caches(*, drivers: bool = True) -> Iterator[dict[str, str]]:
    """Give an environment in which no kernels are on disk, nor the compiled drivers that all systems share."""
    with tempfile.TemporaryDirectory() as folder:
        kernels = {"CHAOSBENCH_CACHE": str(Path(folder, "chaosbench"))}
        yield {**kernels, "NUMBA_CACHE_DIR": str(Path(folder, "numba"))} if drivers else kernels
