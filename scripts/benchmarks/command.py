"""The command: parse, run the cases, print the tables, write the files."""

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from chaosbench.integrators._threads import all_cores
from chaosbench.kernels.target import processor

from . import cases
from .options import Options


def all_cases() -> dict[str, ModuleType]:
    """Return {name: module} of the files in `cases`."""
    return {module.name: importlib.import_module(f"{cases.__name__}.{module.name}") for module in pkgutil.iter_modules(cases.__path__)}


def machine() -> dict[str, Any]:
    """Return what the numbers depend on, without names of machines or paths."""
    packages = ("chaosbench", "numpy", "scipy", "numba", "llvmlite")
    return {
        "processor": processor().name,
        "cores": all_cores(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def main(argv: list[str]) -> int:
    """Run the command."""
    modules = all_cases()
    parser = argparse.ArgumentParser(
        prog="scripts/benchmark", description="Measure chaosbench against whatever peers are installed, at equal accuracy."
    )
    parser.add_argument("--case", action="append", choices=sorted(modules), help="run this case alone; may be given several times")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of which the median is taken (5)")
    parser.add_argument("--system", action="append", help="in the cases over many systems take this one alone; may be given several times")
    parser.add_argument("--peer", action="append", help="compare with this installed peer alone (module name); may be given several times")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--plots", type=Path, help="write work-precision plots to this folder (needs matplotlib)")
    parser.add_argument("--quick", action="store_true", help="a minute in all: small cases, rough numbers")
    given = parser.parse_args(argv)
    if given.rounds < 1:
        parser.error(f"--rounds {given.rounds}: must be at least 1")
    options = Options(given.rounds, given.quick, tuple(given.system) if given.system else None, tuple(given.peer) if given.peer else None)
    warnings.simplefilter("ignore")  # peers warn about their own affairs
    results: dict[str, Any] = {"machine": machine(), "rounds": given.rounds, "quick": given.quick, "cases": {}}
    lines = [f"Processor {results['machine']['processor']}, {results['machine']['cores']} cores, medians of {given.rounds} interleaved rounds"]
    print(lines[0], flush=True)
    for name in given.case or sorted(modules):
        started = time.perf_counter()
        print(f"{name} ...", file=sys.stderr, flush=True)
        results["cases"][name] = modules[name].run(options)
        results["cases"][name]["seconds"] = time.perf_counter() - started
        text = [f"\n## {modules[name].TITLE}", *modules[name].table(results["cases"][name])]
        print("\n".join(text), flush=True)
        lines += text
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")
    if given.markdown:
        given.markdown.write_text("\n".join(lines) + "\n")
    if given.plots:
        importlib.import_module(".plots", __package__).write(results["cases"], given.plots)
    return 0
