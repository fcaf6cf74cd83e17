"""The loop of ETDRK4: as many trajectories as there are lanes in one dimension, one in two.

address: of nonlinear, the four stages, to_grid, to_modes, linearised. block: seven arrays of the length of a state, see kernels/field_stages.py;
of tangents one such row each. mirror (n, 2): where the numbers stand that a real field makes conjugate to each other, which rounding does not keep;
the one that is its own mirror image is real.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, TOO_MANY_STEPS
from chaosbench.kernels.fourier import LANES

_LOOK = 64  # steps between two looks at whether anything is left
_LARGEST = 1e12


@driver
def run_kernel(address: int, source: np.ndarray, arrays: tuple[np.ndarray, ...], target: np.ndarray) -> None:
    """Call one kernel from the front of `source` to the front of `target`."""
    p, tables, work = arrays
    call(address, at(source, 0), at(p, 0), at(tables, 0), at(work, 0), at(work, 0), at(target, 0))


@driver
def rates(address: np.ndarray, block: np.ndarray, source: int, target: int, arrays: tuple[np.ndarray, ...]) -> None:
    """Put the nonlinear part of the state, and its derivative along every tangent, from slot `source` into slot `target`."""
    p, tables, work = arrays
    size = block.shape[1] // 7
    call(address[0], at(block, source * size), at(p, 0), at(tables, 0), at(work, 0), at(work, 0), at(block, target * size))
    for k in range(1, block.shape[0]):
        row = k * block.shape[1]
        call(address[7], at(block, row + source * size), at(p, 0), at(tables, 0), at(work, 0), at(work, 0), at(block, row + target * size))


@driver
def combine(address: np.ndarray, block: np.ndarray, stage: int, arrays: tuple[np.ndarray, ...]) -> None:
    """Run a stage for the state and every tangent."""
    p, tables, work = arrays
    for k in range(block.shape[0]):
        row = at(block, k * block.shape[1])
        call(address[1 + stage], row, at(p, 0), at(tables, 0), at(work, 0), at(work, 0), row)


@driver
def mirrored(block: np.ndarray, mirror: np.ndarray) -> None:
    """Make states conjugate to their mirror images again."""
    for k in range(block.shape[0]):
        for n in range(mirror.shape[0]):
            i, j = mirror[n, 0], mirror[n, 1]
            re, im = 0.5 * (block[k, i] + block[k, j]), 0.5 * (block[k, i + LANES] - block[k, j + LANES])
            block[k, i], block[k, j] = re, re
            block[k, i + LANES], block[k, j + LANES] = im, -im


@driver
def field_step(address: np.ndarray, block: np.ndarray, mirror: np.ndarray, arrays: tuple[np.ndarray, ...]) -> None:
    """Carry the state in slot 0, and every tangent, one step on."""
    rates(address, block, 0, 1, arrays)
    combine(address, block, 0, arrays)
    rates(address, block, 5, 2, arrays)
    combine(address, block, 1, arrays)
    rates(address, block, 6, 3, arrays)
    combine(address, block, 2, arrays)
    rates(address, block, 6, 4, arrays)
    combine(address, block, 3, arrays)
    mirrored(block, mirror)


@driver
def _anything_left(block: np.ndarray) -> bool:
    found = False
    for i in range(block.shape[1] // 7):
        found = found or (block[0, i] != 0.0 and abs(block[0, i]) < np.inf)
    return found


@driver
def _store(grid: np.ndarray, position: np.ndarray, lane: int, b: int, index: int, out: np.ndarray, final: np.ndarray) -> bool:
    """Write the values of a lane in the order of the components, or NaN; return whether all were finite and not too large."""
    good = True
    for d in range(position.size):
        good = good and abs(grid[position[d] + lane]) <= _LARGEST
    for d in range(position.size):
        out[b, index, d] = grid[position[d] + lane] if good else np.nan
        final[b, d] = grid[position[d] + lane] if good else final[b, d]
    return good


@driver
def _end(trajectories: np.ndarray, status: np.ndarray, how: int) -> None:
    """Let all trajectories that go on end."""
    for b in trajectories:
        if status[b] == OK:
            status[b] = how


@driver
def carry_fields(
    address: np.ndarray,
    block: np.ndarray,
    mirror: np.ndarray,
    arrays: tuple[np.ndarray, ...],
    grid: np.ndarray,
    position: np.ndarray,
    first: int,
    beyond: int,
    steps: int,
    most: int,
    trajectories: np.ndarray,
    out: np.ndarray,
    final: np.ndarray,
    status: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> bool:
    """Fill samples first <= index < beyond, `steps` steps apart; return whether any trajectory goes on.

    trajectories (n,): their numbers, lane by lane. most: steps that may still be taken. Rows of `out` (B, T, D) after a failure stay as they are.
    """
    p, tables, work = arrays
    for index in range(first, beyond):
        for done in range(steps):
            ended = INTERRUPTED if stop[0] != 0 else TOO_MANY_STEPS if most <= 0 else OK
            if ended != OK:
                _end(trajectories, status, ended)
                return False
            field_step(address, block, mirror, arrays)
            most -= 1
            for b in trajectories:
                counts[b, 0] += 4 if status[b] == OK else 0
            if done % _LOOK == _LOOK - 1 and not _anything_left(block):
                break
        call(address[5], at(block, 0), at(p, 0), at(tables, 0), at(work, 0), at(work, 0), at(grid, 0))
        going = False
        for lane in range(trajectories.size):
            b = trajectories[lane]
            if status[b] != OK:
                continue
            if _store(grid, position, lane, b, index, out, final):
                going = True
            else:
                status[b] = BLOW_UP
        if not going:
            return False
    return True
