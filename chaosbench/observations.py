"""What a forecaster could see of a system: trajectories of one purpose, angles as cosine and sine, kept on disk when asked."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from chaosbench import __version__
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.errors import TaskError, nearest
from chaosbench.expressions.tree import Expression
from chaosbench.folders import write_whole
from chaosbench.identity import sha256_of
from chaosbench.layout import flat_states, layout_of
from chaosbench.plans import Plan
from chaosbench.randomness import generator
from chaosbench.suites import TaskSpec
from chaosbench.timescale import embed_angles, without_embedding
from chaosbench.trajectories import simulate

_PIECE = 2**20  # numbers of states whose conserved quantities are computed at a time
TIGHT, USUAL = (1e-12, 1e-14), (1e-9, 1e-12)  # rtol, atol


def observe(
    planned: Plan, purpose: str, n: int, samples: int, *, tight: bool = False, anchor: int | None = None, cache: Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return observed states (n, samples, D) and trust horizons (n,) from the anchor on, NaN without one.

    purpose: names the initial conditions; trajectories of two purposes share none. A longer request of one purpose continues the same trajectories.
    tight: integrate at rtol 1e-12. anchor: number of the sample whose state starts the truth; what follows is certified (with noise the path that
    was drawn is the truth). cache: folder whose sub-folder data keeps the result under a hash of everything that decides it.
    Raises TaskError when a trajectory ends early or the task's view names an unknown component.
    """
    if cache is None:
        return _simulated(planned, purpose, n, samples, tight, anchor)
    request = {"purpose": purpose, "n": n, "samples": samples, "tight": tight, "anchor": anchor, "version": __version__}
    path = cache / "data" / f"{sha256_of({**planned.recipe(), **request})}.npz"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return file["states"], file["trust"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):  # absent, half-written or damaged: made again
        states, trust = _simulated(planned, purpose, n, samples, tight, anchor)
    buffer = io.BytesIO()
    np.savez(buffer, states=states, trust=trust)
    write_whole(path, buffer.getvalue())
    return states, trust


def _simulated(planned: Plan, purpose: str, n: int, samples: int, tight: bool, anchor: int | None) -> tuple[np.ndarray, np.ndarray]:
    spec, definition = planned.spec, planned.definition
    rtol, atol = TIGHT if tight else USUAL
    dataset = simulate(
        definition,
        n_trajectories=n,
        n_samples=samples,
        seed=seed_of(planned, purpose),
        dt=planned.dt,
        rtol=rtol,
        atol=atol,
        certify=anchor is not None and definition.noise is None,
        anchor=anchor or 0,
    )
    failed = np.flatnonzero(dataset["status"].values)
    if failed.size:
        code = int(dataset["status"].values[failed[0]])
        raise TaskError(
            f"task {spec.label!r}: {failed.size} of {n} trajectories for {purpose} ended early (status {code}); change the task's parameters"
        )
    states, components, periods = flat_states(dataset)
    states = _viewed(spec, states, components, periods)
    trust = np.asarray(dataset["trust_horizon"].values)
    if anchor is not None and definition.noise is not None:  # the path that was drawn is the truth, to its end
        trust = np.full(n, (samples - 1 - anchor) * planned.dt)
    return np.ascontiguousarray(states), trust


def seed_of(planned: Plan, purpose: str) -> int:
    """Return the seed of the trajectories of one purpose."""
    return int(generator(planned.seed, f"task-{purpose}", planned.definition.identity).integers(2**53))


def seen(planned: Plan, states: np.ndarray) -> np.ndarray:
    """Return whole states (n, samples, all components), angles wrapped or not, as the task's view shows them (n, samples, D)."""
    _, shape, places = layout_of(compile_system(planned.definition))
    if "component" not in places:
        count = int(np.prod(shape[1:]))
        components = tuple(f"{name}{place}" for name in np.asarray(places["field"]) for place in range(count))
        return _viewed(planned.spec, states, components, np.full(len(components), np.nan))
    components = tuple(str(name) for name in np.asarray(places["component"]))
    return _viewed(planned.spec, states, components, compile_system(planned.definition).periods)


def _viewed(spec: TaskSpec, states: np.ndarray, components: tuple[str, ...], periods: np.ndarray) -> np.ndarray:
    unknown = [name for name in spec.view if name not in components]
    if unknown:
        raise TaskError(f"task {spec.label!r}: view names {unknown[0]!r}; components are {', '.join(components)}{nearest(unknown[0], components)}")
    chosen = [components.index(name) for name in spec.view] or list(range(len(components)))
    return embed_angles(states[:, :, chosen], periods[chosen])


def conserved(planned: Plan, back: Callable[[np.ndarray], np.ndarray]) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return {name: function of states in the units of answers (n, D) -> (n,)} of what the definition declares constant along every orbit.

    back: from those units to observations. Empty where the view hides a component or the state has a past.
    """
    compiled = compile_system(planned.definition)
    integrals = planned.definition.integrals or {}
    if compiled.delayed or not integrals:
        return {}
    whole = np.arange(compiled.dimension)
    if planned.spec.view:
        _, _, places = layout_of(compiled)
        names = [str(name) for name in np.asarray(places.get("component", ()))]
        if sorted(planned.spec.view) != sorted(names):
            return {}
        whole = np.array([planned.spec.view.index(name) for name in names])
    return {name: partial(_quantity, compiled, tree, whole, back) for name, tree in integrals.items()}


def _quantity(
    system: CompiledSystem, tree: Expression, whole: np.ndarray, back: Callable[[np.ndarray], np.ndarray], states: np.ndarray
) -> np.ndarray:
    """Return the values (n,) at states (n, D) in the units of answers, which are scaled back and their cosines and sines turned into angles.

    whole: for each component of the system its place among those observed.
    """
    quantity, piece = system.quantity(tree), max(1, _PIECE // states.shape[1])
    periods = np.full(len(whole), np.nan)
    if len(system.periods) == len(whole):  # the values of fields are no angles, and their periods are one a field
        periods[whole] = system.periods
    pieces = [without_embedding(back(states[first : first + piece]), periods)[:, whole] for first in range(0, len(states), piece)]
    return np.concatenate([quantity.value(each, system.parameter_values) for each in pieces]) if pieces else np.zeros(0)
