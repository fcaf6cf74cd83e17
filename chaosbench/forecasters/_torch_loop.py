"""A fitted torch model with its output fed back: many windows as rows of one state, in float64 on one device.

Rows are independent bit for bit on the CPU: every product with a weight matrix is one small product a row (`RowwiseLinear`), because an ordinary
matrix product chooses its kernel, and with it the order of its additions, by the number of rows. For the same reason functions of one entry act on
sizes that fill whole vector registers, or are single correctly rounded operations: torch treats what is left over by other code.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

_LINE = 8  # float64 numbers in a cache line


class TorchLoop(ABC):
    """A model as an autonomous map of a state (W, S), one row a window.

    dimension: S. observed: D. span: samples of context that it reads at least. settling: samples after which more context no longer helps.
    rowwise: whether `start` and `step` treat rows of a batch independently bit for bit; windows are run one by one where they do not.
    listens: whether the state ends with the newest sample (D,), held and not yet read, so that a true one can be put in its place.
    """

    dimension: int
    observed: int
    span: int = 1
    settling: int = 1
    device: torch.device
    rowwise: bool = True
    listens: bool = False

    @abstractmethod
    def start(self, context: Tensor) -> Tensor:
        """Return the state (W, S) after reading `context` (W, C, D)."""

    @abstractmethod
    def step(self, state: Tensor) -> Tensor:
        """Return the next state (W, S)."""

    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next state (1, S) of one window and its `tangents` (K, S) carried along by the derivative of `step`.

        Here by dual numbers, at some forty times the cost of a step; models whose exponents are asked for often write it out.
        """
        return self.step(state), carried(self.step, state, tangents)

    @abstractmethod
    def observe(self, state: Tensor) -> Tensor:
        """Return the observation (W, D) of a state (W, S)."""


class RowwiseLinear:
    """rows (W, K) times weight (K, N) plus bias (N,), each row alone and each laid out alike.

    Sizes are padded to whole cache lines and rows copied, because the library's vector product also chooses its order of additions by the alignment
    of its arguments: without that, rows of odd length differ in their last bit with their place in the batch.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        inner, self.outer = weight.shape
        self._extra = -inner % _LINE
        self._weight = nn.functional.pad(weight, (0, -self.outer % _LINE, 0, self._extra)).contiguous()
        given = weight.new_zeros(self.outer) if bias is None else bias
        self._bias = nn.functional.pad(given, (0, -self.outer % _LINE))

    def __call__(self, rows: Tensor, shares: Tensor | None = None) -> Tensor:
        """Return (W, N); shares (W, 1): how much of the bias each row gets, default all."""
        count = rows.shape[0]
        bias = self._bias.expand(count, -1) if shares is None else shares * self._bias
        aligned = nn.functional.pad(rows, (0, self._extra))  # copies even when there is nothing to add
        return torch.baddbmm(bias[:, None, :], aligned[:, None, :], self._weight.expand(count, -1, -1))[:, 0, : self.outer]


def carried(step: Callable[[Tensor], Tensor], state: Tensor, tangents: Tensor) -> Tensor:
    """Return the derivative (K, S) of `step` at `state` (1, S) along `tangents` (K, S): the rows of one batch with a dual part each."""
    if not len(tangents):
        return tangents
    with torch.inference_mode(False), torch.no_grad(), forward_ad.dual_level():  # inference mode loses dual parts without a word
        after = step(forward_ad.make_dual(state.repeat(len(tangents), 1), tangents.clone()))  # type: ignore[no-untyped-call]
        along: Tensor | None = forward_ad.unpack_dual(after).tangent  # type: ignore[no-untyped-call]
    return torch.zeros_like(after) if along is None else along


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
