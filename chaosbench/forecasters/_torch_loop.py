"""A fitted torch model with its output fed back: many windows as rows of one state, in float64 on one device.

Rows are independent bit for bit on the CPU: every product with a weight matrix is one small product a row (`rowwise_linear`), because an
ordinary matrix product chooses its kernel, and with it the order of its additions, by the number of rows.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class TorchLoop(ABC):
    """A model as an autonomous map of a state (W, S), one row a window.

    dimension: S. observed: D. span: samples of context that it reads at least. settling: samples after which more context no longer helps.
    """

    dimension: int
    observed: int
    span: int = 1
    settling: int = 1
    device: torch.device

    @abstractmethod
    def start(self, context: Tensor) -> Tensor:
        """Return the state (W, S) after reading `context` (W, C, D)."""

    @abstractmethod
    def step(self, state: Tensor) -> Tensor:
        """Return the next state (W, S)."""

    @abstractmethod
    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next state (1, S) of one window and its `tangents` (K, S) carried along by the derivative of `step`.

        Written out by every model: forward-mode differentiation by torch gives the same numbers at fifty times the cost a step.
        """

    @abstractmethod
    def observe(self, state: Tensor) -> Tensor:
        """Return the observation (W, D) of a state (W, S)."""


def rowwise_linear(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return rows (W, K) times weight (K, N) plus bias (N,) or (W, N), each row alone: no row depends on how many others there are."""
    count = rows.shape[0]
    return torch.baddbmm(bias.expand(count, -1)[:, None, :], rows[:, None, :], weight.expand(count, -1, -1))[:, 0]


def advance(loop: TorchLoop, state: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the state after `steps` steps and the observations (W, steps, D) of each of them."""
    seen = state.new_empty(state.shape[0], steps, loop.observed)
    for lead in range(steps):
        state = loop.step(state)
        seen[:, lead] = loop.observe(state)
    return state, seen


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside the block and put the earlier number back after it.

    The matrices here are too small to gain from more, and with one thread the bits cannot depend on how many cores a machine has.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
