"""The adaptive loop over a batch in torch: every trajectory has its own time, step and number of steps; those that have finished drop out."""

from dataclasses import dataclass, fields

import torch

from chaosbench.accelerators.torch_place import Place
from chaosbench.accelerators.torch_steps import Pair, after_accepted, after_rejected, escaped, first_steps, fitted, later, least_step
from chaosbench.integrators._request import Request
from chaosbench.integrators.base import Status

_UNIT = 16.0 * 2.220446049250313e-16


@dataclass
class Lanes:
    """The trajectories that are still running; one entry each along the last axis.

    lane: place in the batch. state, rate (D, b) in the dtype of the states, all else (b,), times and steps in float64. clock (1 or b, T).
    before: log2 of the error of the last accepted step. again: the last step was rejected. index: the next row of the output.
    """

    lane: torch.Tensor
    state: torch.Tensor
    rate: torch.Tensor
    parameters: torch.Tensor
    clock: torch.Tensor
    time: torch.Tensor
    carry: torch.Tensor
    step: torch.Tensor
    before: torch.Tensor
    again: torch.Tensor
    index: torch.Tensor
    steps: torch.Tensor
    evaluations: torch.Tensor
    rejected: torch.Tensor

    def taken(self, chosen: torch.Tensor) -> "Lanes":
        """Return the trajectories at the given places."""
        count = self.lane.shape[0]
        kept = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            axis = 0 if entry.name == "clock" else -1
            shared = entry.name in {"clock", "parameters"} and value.shape[axis] == 1 and count > 1
            kept[entry.name] = value if shared else value.index_select(axis, chosen)
        return Lanes(**kept)


@dataclass(frozen=True)
class Results:
    """Where a batch puts its results, on the device: out (B, T, D) filled with NaN, final (D, B), status (B,), counts (B, 2)."""

    out: torch.Tensor
    final: torch.Tensor
    status: torch.Tensor
    counts: torch.Tensor

    @classmethod
    def on(cls, place: Place, states: torch.Tensor, samples: int) -> "Results":
        """Return empty results for a batch of states (D, B)."""
        dimension, batch = states.shape
        return cls(
            out=torch.full((batch, samples, dimension), torch.nan, dtype=place.dtype, device=place.device),
            final=states.clone(),
            status=torch.zeros(batch, dtype=torch.int8, device=place.device),
            counts=torch.zeros((batch, 2), dtype=torch.int64, device=place.device),
        )

    def copy_to(self, request: Request, chunk: slice) -> None:
        """Bring the results to the arrays of a request."""
        request.out[chunk] = self.out.cpu().numpy()
        request.final[chunk] = self.final.T.cpu().numpy()
        request.status[chunk] = self.status.cpu().numpy()
        request.counts[chunk] = self.counts.cpu().numpy()

    def leave(self, lanes: Lanes, leaving: torch.Tensor, status: Status) -> None:
        """Store how the trajectories of the mask `leaving` ended."""
        chosen = lanes.lane[leaving]
        self.status[chosen] = int(status)
        self.final[:, chosen] = lanes.state[:, leaving]
        self.counts[chosen] = torch.stack([lanes.evaluations[leaving], lanes.rejected[leaving]], dim=1)


@dataclass(frozen=True)
class Settings:
    """rtol and atol of the error per step, the budget of steps, and fixed > 0 for steps of that size whatever the error."""

    rtol: float
    atol: float
    max_steps: int
    fixed: float = 0.0


def solve_adaptive(pair: Pair, states: torch.Tensor, parameters: torch.Tensor, clock: torch.Tensor, settings: Settings, results: Results) -> None:
    """Carry states (D, B) over the times `clock` (1 or B, T) and fill `results`."""
    results.out[:, 0] = states.T
    results.final[:] = states
    if clock.shape[1] == 1 or states.shape[1] == 0:
        return
    lanes = _begun(pair, states, parameters, clock, settings)
    while lanes.lane.shape[0]:
        over = lanes.steps >= settings.max_steps
        small = ~over & ~(lanes.step > _UNIT * lanes.time.abs()) & ~(lanes.step > least_step(lanes.time))
        if (over | small).any():
            results.leave(lanes, over, Status.TOO_MANY_STEPS)
            results.leave(lanes, small, Status.STEP_UNDERFLOW)
            lanes = lanes.taken((~(over | small)).nonzero()[:, 0])
            continue
        lanes = _stepped(pair, lanes, settings, results)


def _begun(pair: Pair, states: torch.Tensor, parameters: torch.Tensor, clock: torch.Tensor, settings: Settings) -> Lanes:
    count, rate = states.shape[1], pair.rates(states, parameters)
    time = clock[:, 0].expand(count).clone()
    nothing = torch.zeros_like(time)
    whole = torch.zeros(count, dtype=torch.int64, device=states.device)
    room = clock[:, -1] - time
    step = first_steps(pair, states, rate, parameters, (settings.rtol, settings.atol), time, room)
    if settings.fixed > 0.0:
        step = torch.full_like(step, settings.fixed)
    lane = torch.arange(count, device=states.device)
    no = torch.zeros(count, dtype=torch.bool, device=states.device)
    return Lanes(lane, states, rate, parameters, clock, time, nothing, step, nothing, no, whole + 1, whole, whole + 2, whole)


def _stepped(pair: Pair, lanes: Lanes, settings: Settings, results: Results) -> Lanes:
    """Try one step of every trajectory; return those that have not finished."""
    tableau, adaptive = pair.tableau, not settings.fixed > 0.0
    room = (lanes.clock[:, -1] - lanes.time) - lanes.carry
    step = fitted(lanes.step, room)
    h = step.to(lanes.state.dtype)
    new, stages = pair.step(lanes.state, lanes.rate, h, lanes.parameters)
    error = pair.error(lanes.state, new, stages, h, settings.rtol, settings.atol).to(torch.float64)
    lanes.steps = lanes.steps + 1
    lanes.evaluations = lanes.evaluations + (tableau.stages - 1)
    accepted = (error <= 1.0) if adaptive else torch.ones_like(lanes.again)
    lost = accepted & escaped(new)
    good = accepted & ~lost
    last = good & (step >= room)
    _write_outputs(pair, lanes, step, new, stages, good, last, results)
    if adaptive:
        factor, before = after_accepted(error, lanes.before, tableau.error_order, lanes.again)
        lanes.step = step * torch.where(accepted, factor, after_rejected(error, tableau.error_order))
        lanes.before = torch.where(good, before, lanes.before)
        lanes.rejected = lanes.rejected + (~accepted).to(torch.int64)
        lanes.again = ~accepted
    lanes.state, lanes.rate = torch.where(good, new, lanes.state), torch.where(good, stages[-1], lanes.rate)
    time, carry = later(lanes.time, lanes.carry, step)
    lanes.time, lanes.carry = torch.where(good, time, lanes.time), torch.where(good, carry, lanes.carry)
    leaving = lost | last
    if not leaving.any():
        return lanes
    results.leave(lanes, lost, Status.BLOW_UP)
    results.leave(lanes, last, Status.OK)
    return lanes.taken((~leaving).nonzero()[:, 0])


def _write_outputs(
    pair: Pair,
    lanes: Lanes,
    step: torch.Tensor,
    new: torch.Tensor,
    stages: list[torch.Tensor],
    good: torch.Tensor,
    last: torch.Tensor,
    results: Results,
) -> None:
    """Fill the rows whose times lie inside an accepted step; the last row is the new state itself."""
    samples = lanes.clock.shape[1]
    reached = lanes.time + (lanes.carry + step)
    if lanes.clock.shape[0] == 1:
        beyond = torch.searchsorted(lanes.clock[0], reached, right=True)
    else:
        beyond = torch.searchsorted(lanes.clock, reached[:, None], right=True)[:, 0]
    beyond = torch.where(last, samples, torch.maximum(beyond, lanes.index).clamp(max=samples - 1))
    count = torch.where(good, beyond - lanes.index, 0)
    chosen = (count > 0).nonzero()[:, 0]
    if not chosen.shape[0]:
        return
    some = [value.index_select(-1, chosen) for value in (lanes.state, *stages)]
    length, number = step[chosen], count[chosen]
    shared = lanes.parameters.shape[1] == 1 and count.shape[0] > 1
    parameters = lanes.parameters if shared else lanes.parameters.index_select(1, chosen)
    rows = pair.extension(some[0], some[1:], length.to(new.dtype), parameters)
    lanes.evaluations[chosen] += len(pair.tableau.dense_c)
    owner = torch.repeat_interleave(torch.arange(chosen.shape[0], device=chosen.device), number)
    row = torch.arange(owner.shape[0], device=chosen.device) - (number.cumsum(0) - number)[owner] + lanes.index[chosen][owner]
    lane = chosen[owner]
    clock = lanes.clock[0, row] if lanes.clock.shape[0] == 1 else lanes.clock[lane, row]
    theta = (((clock - lanes.time[lane]) - lanes.carry[lane]) / step[lane]).to(new.dtype)
    value = rows[-1][:, owner]
    for coefficient in (*reversed(rows[:-1]), some[0]):
        value = value * theta + coefficient[:, owner]
    results.out[lanes.lane[lane], row] = value.T
    ended = last.nonzero()[:, 0]
    results.out[lanes.lane[ended], -1] = new[:, ended].T
    lanes.index = torch.where(count > 0, beyond, lanes.index)
