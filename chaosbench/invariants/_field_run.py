"""Growth of tangents along orbits of fields, carried by the stepper of the fields itself and its exact derivative."""

import math
from collections.abc import Sequence

import numpy as np

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.errors import InvariantError
from chaosbench.integrators._field_engine import FieldEngine, plan_at
from chaosbench.integrators._field_steps import steps_from_states
from chaosbench.integrators._threads import all_cores
from chaosbench.integrators.base import FieldState, InitialState
from chaosbench.invariants._carrier import Carrier
from chaosbench.invariants._field_growth_drivers import field_growth, orthonormal_lane
from chaosbench.invariants._tangents import TangentRun
from chaosbench.kernels.field_frame import CELL
from chaosbench.kernels.fourier import LANES
from chaosbench.randomness import generator

_OPERATIONS = 0.6  # of a step per transform and n log2 n, in units of `TangentRun.work`; measured on 64 points and on 128 x 128
_ACCURACY, _NATS = 1e-3, 4.0


class FieldBlock(Carrier):
    """Some orbits of one plan with their tangents: as many as there are lanes in one dimension, one in two."""

    def __init__(self, engine: FieldEngine, h: float, weights: np.ndarray) -> None:
        self.orbits = engine.count
        self._engine = engine
        self._h = h
        self._weights = weights
        self._intervals = self._steps = 0
        frame, form = engine.kernels.form.frame, engine.kernels.form
        columns = len(engine.block) - 1
        transforms = len(form.inputs) + form.products
        each = _OPERATIONS * transforms * frame.number * math.log2(frame.number) * (2 if frame.complex else 1)
        self._costs = each * (1 + columns), 2.0 * columns**2 * len(weights)

    @property
    def evaluations(self) -> int:
        """Evaluations of the nonlinear part, four a step, those along tangents not counted."""
        return 4 * self._steps * self.orbits

    @property
    def steps(self) -> int:
        """Steps so far, over all orbits."""
        return self._steps * self.orbits

    @property
    def work(self) -> float:
        """Multiplications so far, roughly."""
        return float(self.orbits) * (self._costs[0] * self._steps + self._costs[1] * self._intervals)

    def time_of(self, interval: float) -> float:
        """Return the time of so many steps."""
        return interval * self._h

    def advance(self, interval: float, per_record: int, every: int, logs: np.ndarray, status: np.ndarray, stop: np.ndarray) -> None:
        """See `Carrier.advance`; an interval is a number of steps, `every` is left out."""
        engine, steps = self._engine, int(interval)
        self._steps += steps * per_record * logs.shape[1]
        self._intervals += per_record * logs.shape[1]
        arrays = engine.arrays(self._h)
        field_growth(engine.address, engine.block, engine.mirror, arrays, engine.lanes, self._weights, steps, per_record, logs, status, stop)


class FieldRun(TangentRun):
    """B orbits of a system of fields with K tangents each, see `TangentRun`.

    step: of all orbits; None: the smallest that their starts ask for at an accuracy of a thousandth, as a mean over long orbits needs no digits of
    any of them (the first exponent of the Kuramoto-Sivashinsky equation, 22 units long: 0.0478(3), 0.0485(3), 0.0483(3), 0.0479(4) at steps of 1/4 to
    1/32), but no longer than the linear part takes to part first and last column by e^4.
    """

    def __init__(
        self,
        system: CompiledSystem,
        initial: InitialState,
        *,
        columns: int,
        seed: int,
        step: float | None = None,
        parameters: np.ndarray | None = None,
        threads: int | None = None,
    ) -> None:
        most = degrees_of_freedom(system)
        if not 1 <= columns <= most:
            raise InvariantError(
                f"{system.definition.name}: columns = {columns!r}; {most} numbers make a state of it, so that 1 to {most} exponents exist"
            )
        runs = len(initial.states)
        row = np.asarray(system.parameter_values if parameters is None else parameters, dtype=np.float64)
        rows = np.broadcast_to(row, (runs, system.n_parameters))
        self.step = _step(system, initial.states, rows, columns) if step is None else step
        self.rtol = self.atol = self.loosest = 0.0
        self.in_lanes = self.adaptive = False
        self.order = 4
        self.columns, self.steps_per_lag = columns, 0
        self.status = np.zeros(runs, dtype=np.int8)
        self.method = f"ETDRK4, step {self.step:g}"
        self._threads, self._passed = threads or all_cores(), 0.0
        self._carriers: list[Carrier] = []
        spectra = initial.spectra if isinstance(initial, FieldState) else None
        for part in _bundles(system, rows):
            engine = FieldEngine(plan_at(system, rows[part.start]), len(rows[part]), columns)
            engine.begin(initial.states[part], None if spectra is None else spectra[part])
            weights = _lengths(engine)
            _put_noise(engine, [generator(seed, "tangents", system.definition.identity, b) for b in range(*part.indices(runs))], weights)
            self._carriers.append(FieldBlock(engine, self.step, weights))


def _step(system: CompiledSystem, states: np.ndarray, rows: np.ndarray, columns: int) -> float:
    plan = plan_at(system, rows[0])
    rates = np.sort(np.concatenate([plan.linear[f, f].real[plan.mask] for f in range(plan.n_fields)]))[::-1]  # a mode has two numbers, or nearly so
    spread = float(rates[0] - rates[min((columns + 1) // 2, len(rates) - 1)])
    asked = float(steps_from_states(system, states, rows, _ACCURACY).min())
    return asked if spread * asked <= _NATS else float(np.ldexp(0.5, np.frexp(_NATS / spread)[1]))


def degrees_of_freedom(system: CompiledSystem) -> int:
    """Return how many real numbers make up a state: those of the modes that are kept, without means that are held."""
    plan = plan_at(system, system.parameter_values)
    if plan.complex:
        return 2 * plan.n_fields * int(plan.mask.sum())
    full = np.zeros(plan.mask.shape)
    full[plan.mask] = 2.0
    full[..., 0] *= 0.5  # both of a conjugate pair, or a real number, stand there
    if plan.shape[-1] % 2 == 0:
        full[..., -1] *= 0.5
    return plan.n_fields * round(float(full.sum())) - sum(mean is not None for mean in plan.held)


def _bundles(system: CompiledSystem, rows: np.ndarray) -> list[slice]:
    """Split the orbits: neighbours with the same parameters side by side in one dimension, one by one in two."""
    width = 1 if len(plan_at(system, rows[0]).shape) == 2 else LANES
    found, first = [], 0
    while first < len(rows):
        beyond = first + 1
        while beyond < min(first + width, len(rows)) and rows[beyond].tobytes() == rows[first].tobytes():
            beyond += 1
        found.append(slice(first, beyond))
        first = beyond
    return found


def _lengths(engine: FieldEngine) -> np.ndarray:
    """Return the weights of a lane's numbers in the square of its length: columns of a half spectrum count twice but for the first and the last."""
    form, frame = engine.kernels.form, engine.kernels.form.frame
    columns = np.ones(frame.width)
    if not frame.complex:
        kept = np.array(frame.columns)
        columns[: len(kept)] = np.where((kept == 0) | (2 * kept == frame.nx), 1.0, 2.0)
    if not frame.plane:
        return np.tile(np.repeat(columns, CELL // LANES), form.fields)
    cells = np.repeat(columns.reshape(frame.groups, 1, LANES), CELL // LANES, axis=1)
    return np.tile(cells.ravel(), len(frame.rows) * form.fields)


def _put_noise(engine: FieldEngine, streams: Sequence[np.random.Generator], weights: np.ndarray) -> None:
    """Start every tangent from white noise on the grid, orthonormal."""
    columns, dimension = len(engine.block) - 1, len(engine.position)
    noise = [stream.standard_normal((columns, dimension)) for stream in streams]
    for k in range(columns):
        engine.begin_tangent(k, np.stack([rows[k] for rows in noise]))
    vectors, triangle = np.empty((len(weights), columns)), np.empty((columns, columns))
    for lane in range(engine.lanes):
        orthonormal_lane(engine.block, lane, engine.lanes, vectors, weights, triangle)
