"""What the recurrent state-space forecasters share: options, training settings, and two measures of what was learned."""

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch

from chaosbench.arrays import finite_array
from chaosbench.errors import ForecasterError
from chaosbench.forecasters._border import fitted, positive, within
from chaosbench.forecasters._segments import increment_size
from chaosbench.forecasters._ssm_stack import Filter, StackNetwork
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._training import Recipe
from chaosbench.forecasters.base import Choice, Range

VECTOR = 16  # float64 numbers that torch treats at once

SPACE: Mapping[str, Range | Choice] = {
    "width": Choice((32, 64, 128)),
    "layers": Range(1, 4, whole=True),
    "segment": Choice((24, 32, 64)),
    "learning_rate": Range(1e-3, 3e-2, log=True),
    "noise": Range(1e-4, 3e-2, log=True),
    "unrolled": Choice((0, 8, 16)),
}


class StackForecaster(TorchForecaster):
    """Stacked linear filters; subclasses make the filter of a layer."""

    family = "state space"
    rollout = "recurrent"
    space: ClassVar[Mapping[str, Range | Choice]] = SPACE

    def __init__(
        self,
        *,
        width: int,
        layers: int,
        updates: int,
        batch: int,
        segment: int,
        carried: int,
        burn_in: int,
        learning_rate: float,
        weight_decay: float,
        noise: float,
        unrolled: int,
    ) -> None:
        super().__init__()
        positive({"width": width, "layers": layers, "updates": updates, "batch": batch, "segment": segment, "carried": carried})
        multiple_of_vector("width", width)
        within("burn_in", burn_in, 0, segment - 1)
        within("unrolled", unrolled, 0, 10_000)
        self.width, self.layers, self.burn_in = width, layers, burn_in
        self.recipe = Recipe(
            updates=updates,
            batch=batch,
            segment=segment,
            carried=carried,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unrolled=unrolled,
        )

    @abstractmethod
    def _filters(self, draws: torch.Generator) -> Callable[[torch.Generator], Filter]:
        """Return what makes the filter of one layer; `draws` seeds what all layers start from together."""

    def error_growth(self, series: np.ndarray) -> float:
        """Return by how much one-step errors grow beyond the length of a training segment.

        Parameters: series (W, T, D), standardised, T > 4 segments. Returns the mean square one-step error just before 4 segments over that just
        before 1 segment, both averaged over W and half a segment, the true series read in both cases from a state of zero.
        Method: near 1 if the filter state stays where training had it; above 2 recurrent forecasts run on a state that training never saw.
        Error: with W = 20 windows of a chaotic series, about a third.
        Raises ForecasterError if T is too small or the forecaster is not fitted.
        """
        network = fitted(self._network, type(self).__name__)
        assert isinstance(network, StackNetwork)  # made by `_untrained`
        length = self.recipe.segment
        states = finite_array(series, "series", (None, None, len(network.unit)), ForecasterError)
        if states.shape[1] <= 4 * length:
            raise ForecasterError(f"series: {states.shape[1]} samples; four segments and one more are needed; pass at least {4 * length + 1}")
        reader = copy.deepcopy(network).double()
        with torch.no_grad():
            inputs = torch.as_tensor(states[:, : 4 * length + 1], dtype=torch.float64, device=reader.unit.device)
            steps, _ = reader.read(inputs[:, :-1], None)
            error = (steps * reader.unit - inputs.diff(dim=1)).square().mean((0, 2))
        return float(error[7 * length // 2 :].mean() / error[length // 2 : length].mean())

    def _recipe(self) -> Recipe:
        return self.recipe

    def _untrained(self, states: list[np.ndarray], draws: torch.Generator) -> StackNetwork:
        unit = increment_size(states)
        return StackNetwork(self._filters(draws), width=self.width, layers=self.layers, burn_in=self.burn_in, unit=unit, draws=draws)


def multiple_of_vector(name: str, value: int) -> None:
    """Raise ForecasterError unless `value` fills whole vector registers."""
    if value % VECTOR:
        above = math.ceil(value / VECTOR) * VECTOR
        raise ForecasterError(f"{name} = {value!r}: must be a multiple of {VECTOR}, which keeps windows independent bit for bit; take {above}")
