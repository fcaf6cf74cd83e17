"""Periodic fields: time of a step of the same method with the same length, ours against NumPy, SciPy's transforms and exponax."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.fft

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import InitialState

from ..measure import Point, measure
from ..options import Options, markdown
from ..plain_fields import kuramoto_sivashinsky, stepped, vorticity, weights

TITLE = "Periodic fields, one thread: microseconds a step and trajectory"
# (name, system, points along each axis, parameters, step, steps, trajectories of ours, those of one SciPy call)
TASKS = (
    ("Kuramoto-Sivashinsky, 64 points", "kuramoto_sivashinsky", {"x": 64}, {"L": 22.0}, 0.125, 400, 256, 64),
    ("Kuramoto-Sivashinsky, 128 points", "kuramoto_sivashinsky", {"x": 128}, {"L": 60.0}, 0.125, 400, 256, 64),
    ("Kuramoto-Sivashinsky, 512 points", "kuramoto_sivashinsky", {"x": 512}, {"L": 200.0}, 0.125, 200, 64, 64),
    ("two-dimensional turbulence, 128 x 128", "navier_stokes_2d", {"x": 128, "y": 128}, {"nu": 1e-3}, 1 / 512, 128, 1, 1),
    ("two-dimensional turbulence, 256 x 256", "navier_stokes_2d", {"x": 256, "y": 256}, {"nu": 1e-3}, 1 / 1024, 64, 1, 1),
)


def run(options: Options) -> dict[str, Any]:
    """Measure each task; the error is the distance from our own states, relative to their spread: all do the same arithmetic in another order."""
    found = []
    for label, name, points, parameters, step, steps, lanes, together in TASKS[: 2 if options.quick else None]:
        if options.systems and name not in options.systems:
            continue
        print(f"  {label}", file=sys.stderr, flush=True)
        compiled = compile_system(system(name, parameters).with_points(points))
        start = load("integrators", "etdrk4")(step).solve(compiled, draw_initial(compiled, seed=0, n=lanes), np.array([0.0, 256 * step])).final.states
        few = 8 if options.quick else 1
        ours = _ours(compiled, start, step, steps // few)
        entries = [ours, *_others(compiled, start, step, steps // few, together)]
        wanted = ours.run()
        for point in entries:
            point.judge = partial(_distance, wanted)
        measure(entries, options.rounds, slow_after=5.0)
        found.append({"task": label, "system": name, "step": step, "steps": steps // few, "points": [point.to_json() for point in entries]})
    return {"tasks": found}


def _distance(wanted: np.ndarray, states: np.ndarray) -> float:
    return float(np.abs(states - wanted[: len(states)]).max() / wanted.std())


def _ours(compiled: CompiledSystem, start: np.ndarray, step: float, steps: int) -> Point:
    method, times = load("integrators", "etdrk4")(step), np.array([0.0, step * steps])

    def solve() -> np.ndarray:
        return method.solve(compiled, InitialState(start), times, threads=1).states[:, 1]

    return Point("chaosbench", "etdrk4", f"{len(start)} trajectories", solve, len(start) * steps, lambda _: 0.0)


def _others(compiled: CompiledSystem, start: np.ndarray, step: float, steps: int, together: int) -> Iterator[Point]:
    """Yield NumPy for one trajectory, SciPy for some in one array, and exponax if it is installed."""
    shape, values = compiled.shape[1:], compiled.definition.scalars
    for peer, fft, count in (("numpy", np.fft, 1), ("scipy", scipy.fft, min(together, len(start)))):
        if len(shape) == 1:
            linear, nonlinear = kuramoto_sivashinsky(values["L"], shape[0], fft)
        else:
            linear, nonlinear = vorticity(shape[0], values["nu"], fft)
        tables, axes = weights(linear, step), tuple(range(-len(shape), 0))

        def plain(count: int = count, nonlinear: Callable = nonlinear, tables: list = tables, axes: tuple = axes) -> np.ndarray:
            fields = start[:count].reshape(count, *shape)
            spectra = np.fft.rfftn(fields if count > 1 else fields[0], axes=axes)
            return np.fft.irfftn(stepped(spectra, nonlinear, tables, steps), s=shape, axes=axes).reshape(count, -1)

        yield Point(peer, "the same by hand", f"{count} at a time", plain, count * steps, lambda _: 0.0)
    if find_spec("exponax") is not None:
        yield from _exponax(compiled, start, step, steps)


def _exponax(compiled: CompiledSystem, start: np.ndarray, step: float, steps: int) -> Iterator[Point]:
    import exponax
    import jax

    jax.config.update("jax_enable_x64", True)
    shape, values = compiled.shape[1:], compiled.definition.scalars
    if len(shape) == 1:
        stepper = exponax.stepper.KuramotoSivashinskyConservative(1, values["L"], shape[0], step, order=4)
    else:
        stepper = exponax.stepper.NavierStokesVorticity(2, 2.0 * np.pi, shape[0], step, diffusivity=values["nu"], order=4)
    # Their x comes first. A scan over the steps, compiled once, is what their guide shows for long runs.
    for count in sorted({1, len(start)}):
        fields = jax.numpy.asarray(np.swapaxes(start[:count].reshape(count, 1, *shape), -1, -len(shape)))
        many = jax.jit(jax.vmap(lambda u: jax.lax.scan(lambda v, _: (stepper(v), None), u, None, length=steps)[0]))

        def solve(many: Callable = many, fields: Any = fields, count: int = count) -> np.ndarray:
            found = np.asarray(many(fields).block_until_ready())
            return np.swapaxes(found, -1, -len(shape)).reshape(count, -1)

        yield Point("exponax", "scan", f"{count} trajectories", solve, count * steps, lambda _: 0.0)


def table(result: dict[str, Any]) -> list[str]:
    """Return the Markdown of a result."""
    lines: list[str] = []
    for task in result["tasks"]:
        lines.append(f"\n{task['task']}, {task['steps']} steps of {task['step']:g}\n")
        ours, rows = task["points"][0]["ns_per_sample"], []
        for point in task["points"]:
            if point["failure"]:
                rows.append([point["peer"], point["method"], point["setting"], "failed", "-", point["failure"]])
                continue
            ratio = point["ns_per_sample"] / ours
            error = "-" if point["error"] is None else f"{point['error']:.1e}"
            rows.append([point["peer"], point["method"], point["setting"], f"{point['ns_per_sample'] / 1e3:.2f}", f"{ratio:.1f}", error])
        lines += markdown(["", "method", "", "us a step", "times ours", "distance from ours"], rows)
    return lines
