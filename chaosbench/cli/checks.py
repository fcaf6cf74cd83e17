"""The checks of `doctor`, one function each."""

import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from chaosbench import __version__
from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import ChaosbenchError
from chaosbench.folders import cache_folder
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState
from chaosbench.isolation.limits import Limits
from chaosbench.isolation.process import WorkerProcess

_PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "xarray", "zarr", "pandas")


@dataclass(frozen=True)
class Check:
    """One check: state is "ok", "missing" (optional) or "broken"; seen says what was found and, if broken, what to do."""

    name: str
    state: str
    seen: str


def run_checks() -> list[Check]:
    """Run all checks; one that raises a deliberate or operating-system error is broken with that message."""
    checks = []
    parts: list[tuple[str, Callable[[], Check]]] = [
        ("packages", _packages),
        ("systems", _systems),
        ("cache", _cache),
        ("integration", _integration),
        ("disk", _disk),
        ("isolation", _isolation),
        ("torch", _torch),
    ]
    checks.append(Check("chaosbench", "ok", f"{__version__}, Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"))
    for name, run in parts:
        try:
            checks.append(run())
        except (ChaosbenchError, OSError) as reason:
            checks.append(Check(name, "broken", str(reason)))
    return checks


def _packages() -> Check:
    try:
        return Check("packages", "ok", ", ".join(f"{name} {version(name)}" for name in _PACKAGES))
    except PackageNotFoundError as missing:
        return Check("packages", "broken", f"{missing.name} is not installed; install chaosbench again")


def _systems() -> Check:
    return Check("systems", "ok", f"{len(system_files())} definitions")


def _cache() -> Check:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Check("cache", "ok", f"{folder} is writable; CHAOSBENCH_CACHE moves it")
    except OSError as reason:
        return Check("cache", "broken", f"{folder} cannot be written ({reason.strerror}); set CHAOSBENCH_CACHE to a folder that can")


def _integration() -> Check:
    oscillator = compile_system(system_from({"x": "y", "y": "-x"}, name="oscillator"))
    started = time.perf_counter()
    times = np.array([0.0, 2.0 * np.pi])
    initial = InitialState(np.array([[1.0, 0.0]]))
    solution = choose(oscillator).integrator.solve(oscillator, initial, times, rtol=1e-10, atol=1e-12)
    error = float(np.abs(solution.states[0, 1] - [1.0, 0.0]).max())
    seconds = time.perf_counter() - started
    state = "ok" if error < 1e-8 else "broken"
    return Check("integration", state, f"a period of the harmonic oscillator closes to {error:.1e} ({seconds:.1f} s with compilation)")


def _disk() -> Check:
    block = os.urandom(1 << 20) * 64
    with tempfile.NamedTemporaryFile(dir=Path.cwd()) as file:
        started = time.perf_counter()
        file.write(block)
        file.flush()
        os.fsync(file.fileno())
        return Check("disk", "ok", f"writes {len(block) / (time.perf_counter() - started) / 1e6:.0f} MB/s here")


def _isolation() -> Check:
    """Start a worker as for a submission and ask it what it could still reach."""
    with tempfile.TemporaryDirectory() as nothing:
        worker = WorkerProcess(Path(nothing), "none:None", device="cpu", limits=Limits())
        worker.stop()
    weak = {layer: level for layer, level in worker.isolation.items() if level != "on"}
    if weak:
        return Check("isolation", "missing", "; ".join(f"{layer}: {level}" for layer, level in weak.items()))
    return Check("isolation", "ok", f"submissions run confined: {', '.join(worker.isolation)}")


def _torch() -> Check:
    if find_spec("torch") is None:
        return Check("torch", "missing", "not installed: forecasters that need it are skipped; pip install 'chaosbench[torch]'")
    return Check("torch", "ok", f"{version('torch')}; `chaosbench evaluate NAME --device cuda` uses a GPU where there is one")
