"""What carries fields: kernels, tables and memory of one bundle of trajectories, and their states between grid and spectrum."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.compile import FieldSystem
from chaosbench.errors import IntegrationError
from chaosbench.integrators._field_drivers import mirrored, run_kernel
from chaosbench.integrators._field_tables import form_of, tables_of
from chaosbench.integrators._memory import aligned
from chaosbench.kernels.build import FieldKernels, build_field
from chaosbench.kernels.field import FUNCTIONS
from chaosbench.kernels.field_frame import CELL, Frame
from chaosbench.kernels.field_stages import SLOTS
from chaosbench.kernels.fourier import LANES

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem
    from chaosbench.dynamics.field_plan import FieldPlan


def plan_at(system: "CompiledSystem", parameters: np.ndarray) -> "FieldPlan":
    """Return the plan of a system of fields at parameters (P,)."""
    if not isinstance(system, FieldSystem):
        raise IntegrationError(f"{system.definition.name} has no plan of fields; this method solves definitions of kind fields")
    return system.plan(parameters)


@lru_cache(maxsize=256)
def kernels_of(plan: "FieldPlan") -> FieldKernels:
    """Return the kernels of a plan, remembered as long as it is in use."""
    return build_field(form_of(plan))


@lru_cache(maxsize=64)
def _tables(plan: "FieldPlan", h: float) -> np.ndarray:
    return tables_of(kernels_of(plan).form, plan, h)


@lru_cache(maxsize=64)
def _places(frame: Frame, fields: int) -> tuple[np.ndarray, np.ndarray]:
    return positions(frame, fields), mirror_of(frame, fields)


class FieldEngine:
    """A bundle: the trajectories that share one memory, up to W in one dimension, one in two, each with `columns` tangents.

    block (1 + columns, 7 states): see kernels/field_stages.py. grid: of all fields. position (D,): where component d of lane 0 stands in `grid`; in
    one dimension lane l stands l later.
    """

    def __init__(self, plan: "FieldPlan", count: int, columns: int = 0) -> None:
        self.plan = plan
        self.count = count
        self.kernels = kernels_of(plan)
        form, frame = self.kernels.form, self.kernels.form.frame
        self.address = np.array([self.kernels.addresses[name] for name in FUNCTIONS], dtype=np.int64)
        self.lanes = 1 if frame.plane else LANES
        self.block = aligned((1 + columns) * len(SLOTS) * form.size).reshape(1 + columns, len(SLOTS) * form.size)
        self.grid = aligned(form.fields * frame.grid)
        self.position, self.mirror = _places(frame, form.fields)
        self.parameters = np.repeat(plan.parameters, LANES) if plan.parameters.size else np.zeros(1)
        self._work = aligned(form.memory["end"])
        self._last = 1.0

    def arrays(self, h: float) -> tuple[np.ndarray, ...]:
        """Return parameters, tables for steps of length h, and working memory."""
        self._last = h
        return self.parameters, _tables(self.plan, h), self._work

    def begin(self, states: np.ndarray, spectra: np.ndarray | None = None) -> None:
        """Bring states (n, D), n up to the number of trajectories, to the front of the block; from their spectra where there are any."""
        if spectra is None:
            self._to_modes(0, states)
        else:
            for lane in range(self.lanes):
                self.put(0, lane, spectra[min(lane, len(states) - 1)])
        self._hold(0, 1.0)

    def begin_tangent(self, k: int, tangents: np.ndarray) -> None:
        """Bring tangents (n, D), one of each trajectory, to row k + 1 of the block: without modes that are left out, 0 where a mean is held."""
        self._to_modes(k + 1, tangents)
        self._hold(k + 1, 0.0)

    def _to_modes(self, row: int, values: np.ndarray) -> None:
        for lane in range(self.lanes):
            self.grid[self.position + lane] = values[min(lane, len(values) - 1)]
        run_kernel(self.address[6], self.grid, self.arrays_for_moves(), self.block[row])

    def _hold(self, row: int, share: float) -> None:
        """Set the means that are held to a share of what they are, and everything behind the state to 0."""
        frame = self.kernels.form.frame
        for field, mean in enumerate(self.plan.held):
            if mean is not None:
                start = field * frame.places * CELL
                self.block[row, start : start + self.lanes] = share * mean * frame.number
                self.block[row, start + LANES : start + LANES + self.lanes] = 0.0
        mirrored(self.block[row : row + 1], self.mirror)
        self.block[row, self.kernels.form.size :] = 0.0

    def arrays_for_moves(self) -> tuple[np.ndarray, ...]:
        """Return the arrays with any step: transforms read the mask alone."""
        return self.arrays(self._last)

    def put(self, row: int, lane: int, spectra: np.ndarray) -> None:
        """Write spectra (F, *K) as the state of a row of the block."""
        places, modes = self._modes()
        kept = spectra.reshape(len(spectra), -1)[:, modes]
        for field in range(len(spectra)):
            start = field * self.kernels.form.frame.places * CELL + places + lane
            self.block[row, start], self.block[row, start + LANES] = kept[field].real, kept[field].imag

    def spectra(self, row: int, lane: int) -> np.ndarray:
        """Return the spectra (F, *K) of a row of the block."""
        form, mask = self.kernels.form, self.plan.mask
        places, modes = self._modes()
        found = np.zeros((form.fields, mask.size), dtype=np.complex128)
        for field in range(form.fields):
            start = field * form.frame.places * CELL + places + lane
            found[field, modes] = self.block[row, start] + 1j * self.block[row, start + LANES]
        return found.reshape(form.fields, *mask.shape)

    def _modes(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the kept modes stand in a state, lane 0, and in a flat spectrum."""
        frame, mask = self.kernels.form.frame, self.plan.mask
        rows, columns = np.arange(len(frame.rows))[:, None], np.arange(len(frame.columns))[None]
        if frame.plane:
            places = (rows * frame.groups + columns // LANES) * CELL + columns % LANES
            modes = np.array(frame.rows)[:, None] * mask.shape[1] + np.array(frame.columns)[None]
        else:
            places, modes = columns * CELL, np.array(frame.columns)[None]
        kept = mask.ravel()[modes]
        return places[kept], modes[kept]


def positions(frame: Frame, fields: int) -> np.ndarray:
    """Return where each component (D,) of lane 0 stands on the grids [field][strip][x][parts][W]: field, part, y, x in turn."""
    cell = CELL if frame.complex else LANES
    y, x = (axis.ravel() for axis in np.indices(frame.shape if frame.plane else (1, frame.nx)))
    places = (y // LANES * frame.nx + x) * cell + y % LANES
    parts = [places + part * LANES for part in range(2 if frame.complex else 1)]
    return np.concatenate([field * frame.grid + part for field in range(fields) for part in parts]).astype(np.int64)


def mirror_of(frame: Frame, fields: int) -> np.ndarray:
    """Return the pairs (n, 2) of places that real fields make conjugate: rows ky and -ky of the first column, and of the last, if kept."""
    if frame.complex:
        return np.zeros((0, 2), dtype=np.int64)
    pairs = []
    for field in range(fields):
        start = field * frame.places * CELL
        for column in (0, frame.nx // 2):
            if column not in frame.columns:
                continue
            if not frame.plane:
                pairs += [[start + column * CELL + lane] * 2 for lane in range(LANES)]
                continue
            for i, row in enumerate(frame.rows):
                partner = -row % frame.shape[0]
                j = frame.rows.index(partner) if partner in frame.rows else i
                places = [start + (k * frame.groups + column // LANES) * CELL + column % LANES for k in (i, j)]
                pairs += [places] if i <= j else []
    return np.array(pairs, dtype=np.int64)
