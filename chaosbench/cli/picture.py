"""A small picture of an attractor in text: eight dots to a character cell."""

import numpy as np

from chaosbench.cli.field_picture import field_portrait
from chaosbench.dynamics.compile import FieldSystem, compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import ChaosbenchError
from chaosbench.trajectories import simulate

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BETWEEN = 6


def braille(x: np.ndarray, y: np.ndarray, *, columns: int = 60, rows: int = 18) -> str:
    """Return a scatter picture of points (x, y) on a canvas of `columns` by `rows` characters, y upwards."""
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    if not x.size:
        return "(nothing to draw: no finite point)"

    def place(values: np.ndarray, cells: int) -> np.ndarray:
        span = max(float(np.ptp(values)), 1e-300)
        return np.asarray(np.minimum(((values - values.min()) / span * cells).astype(np.int64), cells - 1))

    across, down = place(x, 2 * columns), 4 * rows - 1 - place(y, 4 * rows)
    canvas = np.zeros((rows, columns), dtype=np.int64)
    np.bitwise_or.at(canvas, (down // 4, across // 2), _DOTS[down % 4, across % 2])
    return "\n".join("".join(chr(0x2800 + int(cell)) for cell in line) for line in canvas)


def portrait(definition: SystemDefinition) -> str:
    """Return a picture: two components against each other, or one against its own past when there is only one; a sentence when that is impossible.

    Flows are drawn as one orbit of 25 periods, a line between samples; maps as points, of many orbits where nothing is attracted.
    """
    compiled = compile_system(definition)
    if isinstance(compiled, FieldSystem):
        try:
            return field_portrait(compiled)
        except ChaosbenchError as reason:
            return f"(no picture: {reason})"
    maps = definition.discrete
    orbits, samples = (1, 2_500) if not maps else (20, 200) if definition.conservative else (1, 20_000)
    try:
        dataset = simulate(definition, n_trajectories=orbits, n_samples=samples, seed=0)
    except ChaosbenchError as reason:
        return f"(no picture: {reason})"
    states = dataset["state"].values
    components = [str(name) for name in dataset["component"].values]
    straight = [index for index, period in enumerate(definition.periods) if np.isnan(period)]
    drawn = straight if len(straight) > 1 else list(range(len(components)))
    if definition.events:  # what is discrete shows nothing, and positions come first
        drawn = [index for index, entry in enumerate(definition.state) if not entry.discrete][:2]
        straight = straight if set(drawn) <= set(straight) else []
    if len(drawn) == 1:
        lag, only = 1 if maps else 25, drawn[0]
        heading = f"{components[only]} (up) against itself {lag} sample{'s' * (lag > 1)} earlier (right)"
        x, y = states[:, :-lag, only], states[:, lag:, only]
    else:
        first, second = drawn[0], drawn[2] if len(drawn) == 3 else drawn[1]
        heading = f"{components[second]} (up) against {components[first]} (right)"
        x, y = states[:, :, first], states[:, :, second]
    if not maps and len(straight) >= min(2, len(components)):  # a line across the seam of an angle would be false
        x, y = _joined(x), _joined(y)
    return f"{heading}\n{braille(x.ravel(), y.ravel())}"


def _joined(values: np.ndarray) -> np.ndarray:
    """Return `values` (B, T) with points on the straight lines between samples."""
    places = np.arange(values.shape[1])
    fine = np.linspace(0, values.shape[1] - 1, _BETWEEN * values.shape[1])
    return np.stack([np.interp(fine, places, row) for row in values])
