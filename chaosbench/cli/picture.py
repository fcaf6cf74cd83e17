"""A small picture of an attractor in text: eight dots to a character cell."""

import numpy as np

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.trajectories import simulate

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille(x: np.ndarray, y: np.ndarray, *, columns: int = 60, rows: int = 18) -> str:
    """Return a scatter picture of points (x, y) on a canvas of `columns` by `rows` characters, y upwards."""
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    if not x.size:
        return "(nothing to draw: no finite point)"

    def place(values: np.ndarray, cells: int) -> np.ndarray:
        span = max(float(np.ptp(values)), 1e-300)
        return np.minimum(((values - values.min()) / span * cells).astype(np.int64), cells - 1)

    across, down = place(x, 2 * columns), 4 * rows - 1 - place(y, 4 * rows)
    canvas = np.zeros((rows, columns), dtype=np.int64)
    np.bitwise_or.at(canvas, (down // 4, across // 2), _DOTS[down % 4, across % 2])
    return "\n".join("".join(chr(0x2800 + int(cell)) for cell in line) for line in canvas)


def portrait(definition: SystemDefinition) -> str:
    """Return a picture of one trajectory: two components against each other, or x[n+1] against x[n] when there is only one."""
    maps = definition.kind == "maps"
    dataset = simulate(definition, n_trajectories=1, n_samples=20_000 if maps else 6_000, seed=0)
    states = dataset["state"].values[0]
    components = [str(name) for name in dataset["component"].values]
    if len(components) == 1:
        lag = 1 if maps else 25
        return f"{components[0]} against itself {lag} sample{'s' * (lag > 1)} earlier\n" + braille(states[:-lag, 0], states[lag:, 0])
    second = len(components) - 1 if len(components) == 3 else 1
    return f"{components[second]} (up) against {components[0]} (right)\n" + braille(states[:, 0], states[:, second])
