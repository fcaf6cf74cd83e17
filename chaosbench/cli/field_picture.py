"""A small picture of a field in text: space against time, or the plane at one moment."""

import numpy as np

from chaosbench.dynamics.compile import FieldSystem
from chaosbench.facts import load_facts
from chaosbench.timescale import pace
from chaosbench.trajectories import simulate

_SHADES = np.array(list(" ░▒▓█"))
_SAMPLES = 180


def shades(values: np.ndarray, *, columns: int = 60, rows: int = 18) -> str:
    """Return the array (height, width) as text of five shades, light for its smallest value; NaN is blank."""
    down = np.linspace(0, values.shape[0] - 1, rows).round().astype(int)
    across = np.linspace(0, values.shape[1] - 1, columns).round().astype(int)
    shown = values[np.ix_(down, across)]
    low, high = np.nanmin(shown), np.nanmax(shown)
    level = (len(_SHADES) - 1) * (shown - low) / max(float(high - low), 1e-300)
    return "\n".join("".join(line) for line in _SHADES[np.nan_to_num(level).round().astype(int)])


def field_portrait(system: FieldSystem) -> str:
    """Return a picture of the first field: of a line its course in time, of a plane its last moment, with a heading.

    A system that was not measured is shown from its initial state on, because finding its attractor may take long.
    """
    definition, facts = system.definition, load_facts(system.definition)
    dt = None if facts else 0.3 / pace(system)
    data = simulate(definition, n_trajectories=1, n_samples=_SAMPLES, seed=0, dt=dt, transient=None if facts else 0.0)
    first = data["state"].values[0, :, 0]
    name, length = str(data["field"].values[0]), float(data["time"].values[-1])
    where = "from an initial state (not measured yet)" if facts is None else "on the attractor" if facts.transient else "from an initial state"
    if first.ndim == 2:
        return f"{name}: x to the right, {length:.3g} units of time downwards, {where}\n{shades(first)}"
    return f"{name} in the plane, {where}, {length:.3g} units of time later\n{shades(first[-1][::-1], columns=36)}"
