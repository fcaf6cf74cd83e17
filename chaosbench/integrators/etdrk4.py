"""Exponential time differencing of order 4 for periodic fields, in their spectrum."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.integrators._equal_steps import checked_step
from chaosbench.integrators._field_drivers import carry_fields
from chaosbench.integrators._field_engine import FieldEngine, plan_at
from chaosbench.integrators._field_steps import bundles_of, longest_field_steps, steps_from_states
from chaosbench.integrators._request import Request, checked
from chaosbench.integrators._sampling import equal_intervals
from chaosbench.integrators._threads import run_blocks
from chaosbench.integrators.base import FieldState, InitialState, Integrator, Solution, Status

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


class Etdrk4(Integrator):
    """The linear part exactly, the nonlinear part with four evaluations a step; no error control.

    Parameters
    ----------
    step: the longest step, in the system's unit of time. Each sampling interval is divided into equal steps no longer than that. None: a power of two
        for each trajectory by the rule of `_field_steps`: a step of twice half the length may differ by a millionth of the
        way that the state moves, by 1000 rtol where rtol is above 1e-9 (a smaller one, and atol, are ignored); integrals that the definition declares
        may drift by a millionth in a thousand steps.

    halvings: each of these steps is divided by two as often, to see what it leaves.

    Modes outside the mask that keeps products free of aliases are 0, not small, and a mean that is held stays exactly what it is.

    Error: global error of order step^4; none but rounding where the equations are linear. `final` carries the spectra of the states: a run in pieces
    from it repeats the whole run bit for bit if `step` is given, the pieces end at sampling times, and the sampling interval is a short decimal
    number. From states on the grid alone it does so to rounding.
    """

    kinds = ("fields",)
    order = 4
    adaptive = False
    source = (
        "S. M. Cox, P. C. Matthews, Exponential time differencing for stiff systems, J. Comput. Phys. 176, 430-455 (2002), doi:10.1006/jcph.2002.6995"
    )

    def __init__(self, step: float | None = None, *, halvings: int = 0) -> None:
        self.step = checked_step(step)
        if isinstance(halvings, bool) or not 0 <= halvings == int(halvings):
            raise IntegrationError(f"halvings is {halvings!r}; it must be a whole number, at least 0")
        self.halvings = int(halvings)

    @property
    def options(self) -> dict[str, float]:
        """The step and the halvings, if given."""
        return {
            **({} if self.step is None else {"step": float(self.step)}),
            **({"halvings": float(self.halvings)} if self.halvings else {}),
        }

    def finer(self, system: "CompiledSystem", states: np.ndarray, parameters: np.ndarray) -> "Etdrk4":
        """See `Integrator.finer`; the step is that of the trajectory that asks for the smallest."""
        step = float(steps_from_states(system, states, parameters).min()) if self.step is None else self.step
        return Etdrk4(step, halvings=self.halvings + 1)

    def solve(
        self,
        system: "CompiledSystem",
        initial: InitialState,
        times: np.ndarray,
        *,
        parameters: np.ndarray | None = None,
        seed: int | None = None,
        rtol: float = 1e-9,
        atol: float = 1e-12,
        max_steps: int = 10_000_000,
        threads: int | None = None,
        out: np.ndarray | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Solution:
        """Solve all trajectories at `times`; see `Integrator.solve`."""
        request = checked(self, system, initial, times, parameters, (rtol, atol), max_steps, threads, out)
        spectra = _spectra(request, initial)
        longest = longest_field_steps(request, self.step)
        bundles = bundles_of(request, longest)
        ends: list[np.ndarray | None] = [None] * request.lanes

        def task(first: int, beyond: int, stop: np.ndarray) -> None:
            """Solve some bundles of trajectories, each with working memory of its own."""
            for bundle in bundles[first:beyond]:
                for b, end in zip(bundle, _solved(request, bundle, (longest[bundle[0]], 2**self.halvings), spectra, stop), strict=True):
                    ends[b] = end

        def report(done: int, count: int) -> None:
            if progress is not None:
                progress(request.lanes * done // count, request.lanes)

        run_blocks(task, len(bundles), request.threads, report)
        return request.solution(times, FieldState(request.final, spectra=np.stack([end for end in ends if end is not None])))


def _spectra(request: Request, initial: InitialState) -> np.ndarray | None:
    """Return the spectra that a run goes on from, if it has any, or raise IntegrationError."""
    if not isinstance(initial, FieldState) or initial.spectra is None:
        return None
    plan = plan_at(request.system, request.parameters[0])
    wanted = (request.lanes, plan.n_fields, *plan.mask.shape)
    if np.shape(initial.spectra) != wanted or not np.isfinite(initial.spectra).all():
        raise IntegrationError(f"initial.spectra has shape {np.shape(initial.spectra)}; it must be finite, of shape {wanted}; or None")
    return np.asarray(initial.spectra, dtype=np.complex128)


def _solved(request: Request, bundle: Sequence[int], lengths: tuple[float, int], spectra: np.ndarray | None, stop: np.ndarray) -> list[np.ndarray]:
    """Solve the trajectories of a bundle and return the spectra at their ends. lengths: the longest step, and into how many it is divided."""
    numbers = np.array(bundle, dtype=np.int64)
    row = request.parameters[min(bundle[0], len(request.parameters) - 1)]
    engine = FieldEngine(plan_at(request.system, row), len(bundle))
    engine.begin(request.states[numbers], None if spectra is None else spectra[numbers])
    request.out[numbers] = np.nan
    request.out[numbers, 0] = request.states[numbers]
    request.final[numbers] = request.states[numbers]
    left = request.max_steps
    for first, beyond, span in equal_intervals(request.times[min(bundle[0], len(request.times) - 1)]):
        steps = max(int(np.ceil(span / lengths[0] * (1.0 - 1e-12))), 1) * lengths[1]
        going = carry_fields(
            engine.address,
            engine.block,
            engine.mirror,
            engine.arrays(span / steps),
            engine.grid,
            engine.position,
            first,
            beyond,
            steps,
            left,
            numbers,
            request.out,
            request.final,
            request.status,
            request.counts,
            stop,
        )
        left -= (beyond - first) * steps
        if not going:
            break
    ends = [engine.spectra(0, lane) for lane in range(len(bundle))]
    failed = [lane for lane, b in enumerate(bundle) if request.status[b] not in (Status.OK, Status.TOO_MANY_STEPS, Status.INTERRUPTED)]
    if failed:
        engine.begin(request.final[numbers])
    for lane in failed:
        ends[lane] = engine.spectra(0, lane)
    return ends
