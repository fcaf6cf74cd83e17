"""What networks that predict the next increment share: the loss over a segment and the loss over predictions fed back."""

from abc import abstractmethod

import torch
from torch import Tensor

from chaosbench.forecasters._training import Trainable


class IncrementNetwork(Trainable):
    """Reads samples and answers each with the increment to the next, in units of `unit` (D,); carries a state.

    burn_in: positions at the start of a run, read from rest, that are left out of the loss.
    """

    burn_in: int
    unit: Tensor

    @abstractmethod
    def read(self, inputs: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return increments in units of `unit` (B, L, D) and the state after the last of `inputs` (B, L, D); state None is rest."""

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        skip = self.burn_in if state is None else 0
        steps, state = self.read(inputs, state)
        error = steps - (targets - inputs) / self.unit
        return error[:, skip:].square().mean(), state

    def unrolled_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        steps, state = self.read(inputs, None)
        sample = inputs[:, -1:] + self.unit * steps[:, -1:]
        error = [sample - targets[:, :1]]
        for n in range(1, targets.shape[1]):
            steps, state = self.read(sample, state)
            sample = sample + self.unit * steps
            error.append(sample - targets[:, n : n + 1])
        return (torch.cat(error, 1) / self.unit).square().mean()
