"""Loops without error control over a batch in torch: equal steps that end on the sample times, and the iteration of a map."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from chaosbench.accelerators.torch_adaptive import Results
from chaosbench.accelerators.torch_steps import Pair, escaped
from chaosbench.integrators.base import Status

Advance = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def advance_of(pair: Pair, acceleration: str) -> Advance:
    """Return (state, rate, h, parameters) -> (new state, new rate): one step, compiled if asked for."""

    def advance(state: torch.Tensor, rate: torch.Tensor, h: torch.Tensor, parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        new, stages = pair.step(state, rate, h, parameters)
        return new, stages[-1]

    return torch.compile(advance, fullgraph=True, dynamic=False) if acceleration == "compile" else advance


class Stepper:
    """A state and its rate that move in place; with "graph" the launches of one step are recorded once and replayed."""

    def __init__(self, advance: Advance, state: torch.Tensor, rate: torch.Tensor, parameters: torch.Tensor, acceleration: str) -> None:
        self.state, self.rate = state.clone(), rate.clone()
        self.h = torch.zeros(state.shape[1], dtype=state.dtype, device=state.device)
        self._advance, self._parameters = advance, parameters
        self._graph = self._recorded() if acceleration == "graph" else None

    def step(self) -> None:
        """Take one step of size h."""
        if self._graph is not None:
            self._graph.replay()
        else:
            self._move()

    def _move(self) -> None:
        state, rate = self._advance(self.state, self.rate, self.h, self._parameters)
        self.state.copy_(state)
        self.rate.copy_(rate)

    def _recorded(self) -> torch.cuda.CUDAGraph:
        side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # the first runs allocate and must not be recorded; with h = 0 they leave the state alone
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._move()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._move()
        return graph


def solve_fixed(
    pair: Pair,
    states: torch.Tensor,
    parameters: torch.Tensor,
    clock: torch.Tensor,
    steps: int,
    max_steps: int,
    results: Results,
    acceleration: str,
) -> None:
    """Carry states (D, B) over the times `clock` (1 or B, T) with `steps` equal steps from each time to the next.

    A trajectory that escapes is frozen at the sample before; its company goes on.
    """
    stepper = Stepper(advance_of(pair, acceleration), states, pair.rates(states, parameters), parameters, acceleration)
    results.out[:, 0] = states.T
    results.counts[:, 0] += 1
    running = torch.ones(states.shape[1], dtype=torch.bool, device=states.device)
    results.final[:] = states
    for place in range(1, clock.shape[1]):
        if place * steps > max_steps:
            results.status[running] = int(Status.TOO_MANY_STEPS)
            return
        stepper.h.copy_((clock[:, place] - clock[:, place - 1]) / steps)
        for _ in range(steps):
            stepper.step()
        results.counts[:, 0] += steps * (pair.tableau.stages - 1) * running
        running = _recorded_sample(stepper.state, running, place, results)


def solve_map(
    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    states: torch.Tensor,
    parameters: torch.Tensor,
    clock: np.ndarray,
    max_steps: int,
    results: Results,
) -> None:
    """Apply a map to states (D, B) and store it at the whole numbers `clock` (1 or B, T)."""
    counts = clock - clock[:, :1]
    wanted = np.unique(counts)
    results.out[:, 0] = states.T
    results.final[:] = states
    running = torch.ones(states.shape[1], dtype=torch.bool, device=states.device)
    last = torch.as_tensor(counts[:, -1], device=states.device).expand(states.shape[1])
    passed, state = 0.0, states
    for target in wanted[1:]:
        while passed < target:
            if passed >= max_steps:
                results.status[running & (last > passed)] = int(Status.TOO_MANY_STEPS)
                return
            moving = running & (last > passed)
            new = function(state, parameters)
            results.counts[:, 0] += moving
            lost = moving & escaped(new)
            results.status[lost] = int(Status.BLOW_UP)
            running = running & ~lost
            state = torch.where(moving & ~lost, new, state)
            passed += 1.0
        results.final[:] = state
        lane, row = np.nonzero(counts == target)
        if counts.shape[0] == 1:
            results.out[running, int(row[0])] = state[:, running].T
        else:
            there = torch.as_tensor(lane, device=states.device)
            kept = running[there]
            results.out[there[kept], torch.as_tensor(row, device=states.device)[kept]] = state[:, there[kept]].T


def _recorded_sample(state: torch.Tensor, running: torch.Tensor, place: int, results: Results) -> torch.Tensor:
    """Store the states of the running trajectories at one time; return which go on."""
    lost = running & escaped(state)
    results.status[lost] = int(Status.BLOW_UP)
    running = running & ~lost
    results.final[:] = torch.where(running, state, results.final)
    results.out[:, place] = torch.where(running, state, torch.nan).T
    return running
