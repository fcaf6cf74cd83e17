"""One fitted piecewise-linear network with its output fed back: every window is a run of its own, so that windows are independent bit for bit."""

from torch import Tensor, nn

from chaosbench.forecasters._forced_plrnn import forward_tangents, free_step, inputs_of_units, slopes
from chaosbench.forecasters._plrnn_network import FreeRuns
from chaosbench.forecasters._torch_loop import TorchLoop

_SETTLING = 100  # samples of context that latents get which no sample sets


class PLRNNLoop(TorchLoop):
    """State: the latent vector (M,)."""

    def __init__(self, free: FreeRuns, latent: int, observed: int) -> None:
        self.dimension, self.observed = latent, observed
        self.device = free.weights.A.device
        self.settling = 1 if free.determined else _SETTLING
        self._free, self._one = free, free.weights
        self._rest = (0, free.weights.A.shape[1] - latent)

    def start(self, context: Tensor) -> Tensor:
        """Return the states (W, M) after reading `context` (W, C, D)."""
        self._expand(len(context))
        return self._free.start(context[:, None])[:, 0, : self.dimension]

    def step(self, state: Tensor) -> Tensor:
        """Return the next states (W, M)."""
        self._expand(len(state))
        return self._free.step(self._rows(state))[:, 0, : self.dimension]

    def step_tangents(self, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next state (1, M) and the tangents (K, M) carried by the Jacobian at `state`."""
        self._expand(1)
        rows = self._rows(state)
        slope = slopes(inputs_of_units(rows, self._one), self._one)
        carried = forward_tangents(nn.functional.pad(tangents, self._rest)[None], slope, self._one)[0]
        return free_step(rows, self._one)[:, 0, : self.dimension], carried[:, : self.dimension]

    def observe(self, state: Tensor) -> Tensor:
        """Return the observations (W, D)."""
        return self._free.observe(self._rows(state))[:, 0]

    def _rows(self, state: Tensor) -> Tensor:
        return nn.functional.pad(state, self._rest)[:, None]

    def _expand(self, windows: int) -> None:
        if len(self._free.weights.A) != windows:
            self._free.weights = self._one.of_runs(windows)
