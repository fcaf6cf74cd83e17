"""An autoencoder whose code advances by a matrix: the network, its multi-step loss, and the closed loop in the code or through the data."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from chaosbench.forecasters._layers import Perceptron
from chaosbench.forecasters._markov import ACTIVATIONS, VECTOR
from chaosbench.forecasters._torch_loop import RowwiseLinear, TorchLoop
from chaosbench.forecasters._training import Trainable

_FASTEST = 1.0  # radians a sample: initial angles are uniform in +- this
_SLOW = -4.0  # initial raw decay: modulus exp(-softplus(-4)) = 0.982
_RADII = 32  # width of the network from squared radii to eigenvalues


class KoopmanNetwork(Trainable):
    """x ~ decode(z), z = encode(x), z = (real parts, imaginary parts) of P = M / 2 numbers, each multiplied by mu_j every sample.

    by_radius: mu is a function of all |z_j|^2 instead of fixed. stable: |mu| <= 1. weights: of reconstruction and of linearity in the loss.
    """

    def __init__(
        self,
        dimension: int,
        latents: int,
        sizes: list[int],
        activation: str,
        by_radius: bool,
        stable: bool,
        weights: tuple[float, float],
        reencode: bool,
        draws: torch.Generator,
    ) -> None:
        super().__init__()
        self.encode = Perceptron([dimension, *sizes, latents], draws, ACTIVATIONS[activation])
        self.decode = Perceptron([latents, *sizes[::-1], dimension], draws, ACTIVATIONS[activation])
        self.observed, self.latents, self.by_radius, self.stable = dimension, latents, by_radius, stable
        self.activation, self.weights, self.reencode = activation, weights, reencode
        pairs = latents // 2
        self.angle = nn.Parameter(_FASTEST * (2.0 * torch.rand(pairs, generator=draws) - 1.0))
        self.decay = nn.Parameter(torch.full((pairs,), _SLOW if stable else 0.0))
        self.from_radii = Perceptron([pairs, _RADII, latents], draws, ACTIVATIONS[activation]) if by_radius else None

    def groups(self) -> list[tuple[list[nn.Parameter], float, bool]]:
        return [(list(self.parameters()), 1.0, True)]

    def followed(self, code: Tensor, steps: int) -> Tensor:
        """Return the codes (B, steps, M) that follow `code` (B, M)."""
        if self.from_radii is None:
            count = torch.arange(1, steps + 1, dtype=code.dtype, device=code.device)[:, None]
            modulus, angle = log_modulus(self.decay, self.stable) * count, self.angle * count
            return rotated(code[:, None], torch.exp(modulus) * torch.cos(angle), torch.exp(modulus) * torch.sin(angle))
        after = []
        for _ in range(steps):
            code = advanced(code, self.angle, self.decay, self.stable, self.from_radii)
            after.append(code)
        return torch.stack(after, 1)

    def segment_loss(self, inputs: Tensor, targets: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        samples = torch.cat((inputs[:, :1], targets), 1)  # (B, L + 1, D)
        codes = self.encode(samples)
        ahead = self.followed(codes[:, 0], targets.shape[1])
        reconstruction, linearity = self.weights
        lag = torch.arange(1, targets.shape[1] + 1, dtype=targets.dtype, device=targets.device)
        loss = ((self.decode(ahead) - targets).square().mean((0, 2)) / lag).sum() / (1.0 / lag).sum()
        loss = loss + reconstruction * (self.decode(codes) - samples).square().mean() + linearity * (ahead - codes[:, 1:]).square().mean()
        return loss, ahead[:, -1]

    def closed_loop(self) -> "KoopmanLoop":
        return KoopmanLoop(self)


def advanced(code: Tensor, angle: Tensor, decay: Tensor, stable: bool, from_radii: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the code (B, 2 P) one sample later, eigenvalues shifted by what `from_radii` makes of the squared radii (B, P)."""
    real, imaginary = code.chunk(2, -1)
    turn, damp = from_radii(real * real + imaginary * imaginary).chunk(2, -1)
    modulus, turned = torch.exp(log_modulus(decay + damp, stable)), angle + turn
    return rotated(code, modulus * torch.cos(turned), modulus * torch.sin(turned))


def log_modulus(decay: Tensor, stable: bool) -> Tensor:
    """Return log |mu|: -softplus(decay), never positive, when stable, and decay itself otherwise."""
    return -nn.functional.softplus(decay) if stable else decay


def rotated(code: Tensor, real: Tensor, imaginary: Tensor) -> Tensor:
    """Return codes (..., 2 P), real parts first, times the complex numbers real + i imaginary (..., P)."""
    u, v = code.chunk(2, -1)
    return torch.cat((real * u - imaginary * v, imaginary * u + real * v), -1)


class KoopmanLoop(TorchLoop):
    """State: the code (M,), advanced by the operator alone; or the sample (D,), encoded and decoded at every step."""

    def __init__(self, network: KoopmanNetwork) -> None:
        self.observed, self._reencode = network.observed, network.reencode
        self.dimension = network.observed if network.reencode else network.latents
        self._parameters = {name: values.detach().double() for name, values in network.state_dict().items()}
        self.device = self._parameters["encode.layers.0.weight"].device
        self._activation = ACTIVATIONS[network.activation]
        self._encode, self._decode = self._perceptron("encode", len(network.encode.layers)), self._perceptron("decode", len(network.decode.layers))
        self._operator = self._made(network)
        self.rowwise = not network.by_radius or network.latents % (2 * VECTOR) == 0

    def start(self, context: Tensor) -> Tensor:
        return context[:, -1].clone() if self._reencode else self._encode(context[:, -1])

    def step(self, state: Tensor) -> Tensor:
        return self._decode(self._operator(self._encode(state))) if self._reencode else self._operator(state)

    def observe(self, state: Tensor) -> Tensor:
        return state if self._reencode else self._decode(state)

    def _made(self, network: KoopmanNetwork) -> Callable[[Tensor], Tensor]:
        angle, decay, stable = self._parameters["angle"], self._parameters["decay"], network.stable
        if network.from_radii is None:
            modulus = torch.exp(log_modulus(decay, stable))
            real, imaginary = modulus * torch.cos(angle), modulus * torch.sin(angle)
            return lambda code: rotated(code, real, imaginary)
        from_radii = self._perceptron("from_radii", len(network.from_radii.layers))
        return lambda code: advanced(code, angle, decay, stable, from_radii)

    def _perceptron(self, name: str, count: int) -> Callable[[Tensor], Tensor]:
        layers = [RowwiseLinear(self._parameters[f"{name}.layers.{n}.weight"].T, self._parameters[f"{name}.layers.{n}.bias"]) for n in range(count)]

        def through(rows: Tensor) -> Tensor:
            for layer in layers[:-1]:
                rows = self._activation(layer(rows))
            return layers[-1](rows)

        return through
