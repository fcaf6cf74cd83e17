"""Direct networks as closed loops: a network reads the last L samples and answers with the next block; blocks are strung together.

A block is emitted sample by sample, and every emitted sample enters the window at once, so that one step of the loop is one sample, the state knows
where in its block it stands, and a map with tangents comes for nothing.
"""

import copy

import torch
from torch import Tensor, nn

from chaosbench.forecasters._torch_loop import TorchLoop, carried
from chaosbench.forecasters._training import Trainable


class BlockNetwork(Trainable):
    """Trains `core`: windows (B, L, D) to what follows, (B, block, D), by the mean square error over the block."""

    def __init__(self, core: nn.Module, window: int, block: int, dimension: int) -> None:
        super().__init__()
        self.core = core
        self.window, self.block, self.dimension = window, block, dimension

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        whole = [parameter for parameter in self.parameters() if parameter.ndim > 1]
        rest = [parameter for parameter in self.parameters() if parameter.ndim <= 1]
        return [(whole, 1.0, True), (rest, 1.0, False)]

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Inputs (B, window + block - 1, D): the first window of them is read, the last block of the targets predicted; nothing is carried."""
        answer = self.core(inputs[:, : self.window])
        return (answer - targets[:, self.window - 1 :]).square().mean(), inputs.new_zeros(1)

    def closed_loop(self) -> "BlockLoop":
        return BlockLoop(self)


class BlockLoop(TorchLoop):
    """State: the last `window` samples (L D), the block in hand (block D), and how many of it were emitted."""

    rowwise = False  # convolutions and batched products choose their code by the size of the batch

    def __init__(self, network: BlockNetwork) -> None:
        self._core = copy.deepcopy(network.core).double().eval().requires_grad_(False)
        self._window, self._block = network.window, network.block
        self.observed = network.dimension
        self.dimension = (network.window + network.block) * network.dimension + 1
        self.span = self.settling = network.window
        self.device = next(network.parameters()).device

    def start(self, context: Tensor) -> Tensor:
        window = context[:, -self._window :].flatten(1)
        return torch.cat((window, window.new_zeros(len(window), self._block * self.observed + 1)), 1)

    def step(self, state: Tensor) -> Tensor:
        return self._emit(state, int(state[0, -1]))

    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        emitted = int(state[0, -1])  # of the state itself: derivatives see one branch
        return self._emit(state, emitted), carried(lambda at: self._emit(at, emitted), state, tangents)

    def observe(self, state: Tensor) -> Tensor:
        end = self._window * self.observed
        return state[:, end - self.observed : end]

    def _emit(self, state: Tensor, emitted: int) -> Tensor:
        size = self.observed
        window, block = state[:, : self._window * size], state[:, self._window * size : -1]
        if emitted == 0:
            block = self._core(window.reshape(len(window), self._window, size)).flatten(1)
        sample = block[:, emitted * size : (emitted + 1) * size]
        place = 0.0 * state[:, -1:] + float((emitted + 1) % self._block)  # keeps a row a row and has no derivative
        return torch.cat((window[:, size:], sample, block, place), 1)
