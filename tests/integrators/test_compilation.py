"""A new system compiles no Numba function, and a new process none at all."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import caching, event

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators import _advance_drivers, _call, _delay_drivers, _drivers, _fixed_drivers, _rosenbrock_drivers
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState

FLOW_METHODS = ("taylor", "dop853", "rodas5p", "rk4")
DRIVERS = (
    _advance_drivers.solve_lanes,
    _drivers.begin_flows,
    _drivers.solve_flows,
    _drivers.solve_maps,
    _delay_drivers.solve_delay,
    _rosenbrock_drivers.solve_stiff,
    _fixed_drivers.solve_fixed,
)

PROBE = """
import json, sys
import numpy as np
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, happened): compiled.append(str(happened.data["dispatcher"]))
    def on_end(self, happened): pass
event.register("numba:compile", Listener())
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators import _delay_drivers, _drivers
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState
for kind, equation in (("flows", "-x"), ("maps", "x/2"), ("delays", "-delay(x, 1)")):
    system = compile_system(system_from({"x": equation}, kind=kind))
    initial = InitialState(np.ones((1, 1)))
    if kind == "delays":
        initial = InitialState(np.ones((1, 1)), np.ones((1, 9, 1)), np.linspace(1.0, 0.0, 9))
    choose(system).integrator.solve(system, initial, np.arange(3.0))
drivers = (_drivers.solve_flows, _drivers.solve_maps, _delay_drivers.solve_delay)
misses = [sum(driver.stats.cache_misses.values()) for driver in drivers]
heavy = [name for name in ("scipy.integrate", "scipy.special", "xarray", "pandas", "torch", "zarr", "sympy") if name in sys.modules]
print(json.dumps({"compiled": compiled, "misses": misses, "heavy": heavy}))
"""

HASHES = """
import hashlib
import numpy as np
from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators.base import InitialState
lorenz = compile_system(system_from({"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3"}))
delay = compile_system(system_from({"x": "-delay(x, 1.7)*x*x + 0.3*x"}, kind="delays"))
start, three = InitialState(np.array([[1.0, 2.0, 20.0]])), InitialState(np.array([[1.0, 2.0, 20.0], [3.0, 2.0, 10.0], [2.0, 3.0, 4.0]]))
past = InitialState(np.full((1, 1), 0.9), np.full((1, 57, 1), 0.9), np.linspace(1.7, 0.0, 57))
runs = [("dop853", lorenz, start), ("tsit5", lorenz, start), ("rodas5p", lorenz, start), ("rk4", lorenz, start), ("dop853", delay, past)]
runs += [(name, lorenz, three) for name in ("taylor", "dop853", "tsit5")]
states = [load("integrators", name)().solve(system, initial, 0.1 * np.arange(1000)).states for name, system, initial in runs]
print("".join(hashlib.sha256(values.tobytes()).hexdigest() for values in states))
"""


class _Counter(event.Listener):
    def __init__(self) -> None:
        self.compiled: list[str] = []

    def on_start(self, event: event.Event) -> None:
        self.compiled.append(str(event.data["dispatcher"]))

    def on_end(self, event: event.Event) -> None:
        pass


def trajectories(kind: str, equations: list[dict[str, str]], states: int) -> None:
    """Solve systems of several sizes with shared and separate times and parameters, from writeable and read-only arrays."""
    for equation in equations:
        system = compile_system(system_from(equation, kind=kind, parameters={"k": 0.5}))
        values = np.full((states, system.dimension), 0.3)
        history = (np.full((states, 9, system.dimension), 0.3), np.linspace(1.0, 0.0, 9)) if kind == "delays" else (None, None)
        values.flags.writeable = False
        choose(system)
        for name in {"maps": ("iteration",), "delays": ("dop853",), "flows": FLOW_METHODS}[kind]:
            load("integrators", name)().solve(system, InitialState(values, *history), np.arange(4.0))
            own_times, own_parameters = np.arange(4.0) + np.zeros((states, 1)), np.full((states, 1), 0.4)
            load("integrators", name)().solve(system, InitialState(values, *history), own_times, parameters=own_parameters)


@pytest.mark.parametrize(
    ("kind", "known", "new"),
    [
        ("flows", [{"x": "-k*x"}], [{"x": "k*y", "y": "-sin(x)"}, {"x": "-x", "y": "x*z", "z": "-y*k"}]),
        ("maps", [{"x": "k*x"}], [{"x": "1 - k*x**2 + y", "y": "0.3*x"}]),
        ("delays", [{"x": "-k*delay(x, 1)"}], [{"x": "-delay(x, 1) + k*delay(y, k)", "y": "-x"}]),
    ],
)
def test_a_new_system_compiles_no_numba_function(kind: str, known: list[dict[str, str]], new: list[dict[str, str]]) -> None:
    for states in (1, 3):
        trajectories(kind, known, states)
    with event.install_listener("numba:compile", _Counter()) as counter:
        trajectories(kind, new, 3)
    assert counter.compiled == []
    assert [len(driver.signatures) for driver in DRIVERS if driver.signatures] == [1] * sum(bool(driver.signatures) for driver in DRIVERS)


def test_stored_code_is_dropped_when_any_file_it_was_compiled_from_changes(tmp_path: Path) -> None:
    """Numba itself looks only at the file of the outermost function."""
    (tmp_path / "loops.py").write_text("@driver\ndef loop(): ...\n")
    (tmp_path / "other.py").write_text("number = 1\n")
    stamps = [_call._stamp.__wrapped__(tmp_path)]
    for name, text in (("other.py", "number = 2\n"), ("loops.py", "@driver\ndef loop(): return 1\n")):
        (tmp_path / name).write_text(text)
        stamps.append(_call._stamp.__wrapped__(tmp_path))
    assert stamps[0] == stamps[1] != stamps[2]
    for compiled in DRIVERS:
        assert compiled._cache._cache_file._source_stamp == _call._stamp(Path(_drivers.__file__).parent)


def test_processes_that_store_two_signatures_at_once_do_not_take_each_other_s_code(tmp_path: Path) -> None:
    one, other = (caching.IndexDataCacheFile(str(tmp_path), "loop", "stamp") for _ in range(2))
    write = one._save_index

    def overtaken(overloads: dict) -> None:  # the other process has read the index before this one wrote it, and writes all between index and code
        other._load_index = dict
        write(overloads)
        _call._save(other, ("float64",), "code for float64")

    one._save_index = overtaken
    _call._save(one, ("int64",), "code for int64")
    again = caching.IndexDataCacheFile(str(tmp_path), "loop", "stamp")
    assert again.load(("float64",)) == "code for float64"
    assert again.load(("int64",)) is None  # lost from the index: compiled once more


def test_without_a_folder_for_compiled_code_loops_run_and_one_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A read-only installation and no home folder, as in many containers."""
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    _call._report.cache_clear()

    def double(x: float) -> float:
        return 2.0 * x

    with caplog.at_level(logging.WARNING):
        assert [_call.driver(double)(number) for number in (1.0, 2.0)] == [2.0, 4.0]
    assert [record.getMessage().count("set NUMBA_CACHE_DIR") for record in caplog.records] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["generic", "haswell"])
def test_every_processor_gives_the_same_bits(processor: str, tmp_path: Path) -> None:
    """Compiles everything again for another processor; polynomial right-hand sides only, no library function is involved."""
    other = {**os.environ, "NUMBA_CPU_NAME": processor, "NUMBA_CACHE_DIR": str(tmp_path)}
    here, there = (subprocess.run([sys.executable, "-c", HASHES], env=env, capture_output=True, text=True, check=True) for env in (None, other))
    assert len(here.stdout) == 8 * 64 + 1
    assert here.stdout == there.stdout


def test_a_new_process_loads_all_drivers_from_the_disk_and_nothing_heavy() -> None:
    for _ in range(2):  # the first run may have to fill the cache
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"compiled": [], "misses": [0, 0, 0], "heavy": []}
