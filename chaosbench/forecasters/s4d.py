"""Stacked diagonal state-space filters, one a channel, trained on one-step increments and fed back."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from chaosbench.forecasters._border import one_of, positive
from chaosbench.forecasters._hippo import DIAGONAL, Start
from chaosbench.forecasters._ssm import Modes, Recurrence, Rule, discretise, segment_operator
from chaosbench.forecasters._ssm_forecaster import SPACE, StackForecaster
from chaosbench.forecasters._ssm_stack import Filter, log_uniform
from chaosbench.forecasters.base import Choice, Range

_RULES: tuple[Rule, ...] = ("zoh", "bilinear", "dss")


class _Diagonal(Filter):
    """H channels of N complex modes each."""

    def __init__(self, width: int, start: Start, rule: Rule, length: int, draws: torch.Generator) -> None:
        super().__init__()
        modes = len(start.decay)
        self.rule, self.length = rule, length
        self.log_step = nn.Parameter(log_uniform(draws, width))
        self.log_decay = nn.Parameter(_each(width, np.log(start.decay)))
        self.frequency = nn.Parameter(_each(width, start.frequency))
        drawn = math.sqrt(0.5) * torch.randn(width, modes, 2, generator=draws)
        b_real, b_imaginary = (_each(width, part) for part in (start.b.real, start.b.imag))
        c_real, c_imaginary = drawn.unbind(-1)
        self.output = nn.Parameter(torch.stack((c_real * b_real - c_imaginary * b_imaginary, c_real * b_imaginary + c_imaginary * b_real), -1))
        self.through = nn.Parameter(torch.randn(width, generator=draws))

    def dynamics(self) -> list[nn.Parameter]:
        return [self.log_step, self.log_decay, self.frequency]

    def modes(self) -> Modes:
        """Return the discrete modes."""
        return discretise(self.log_step, self.log_decay, self.frequency, self.output, self.through, self.rule, self.length)

    def blank(self, batch: int) -> Tensor:
        width, modes = self.frequency.shape
        return self.frequency.new_zeros(width, batch, 2 * modes)

    def operator(self, length: int) -> tuple[Tensor, ...]:
        return (segment_operator(self.modes(), length),)

    def apply_to(self, inputs: Tensor, state: Tensor, operator: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        both = torch.bmm(torch.cat((inputs, state), -1), operator[0])
        length = inputs.shape[-1]
        return both[..., :length], both[..., length:]

    def recurrence(self) -> Recurrence:
        return Recurrence(self.modes())


def _each(width: int, values: np.ndarray) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32).expand(width, -1).clone()


class S4D(StackForecaster):
    """Stacked diagonal state-space layers: normalise, filter every channel linearly, mix channels with a gate, add; trained on increments.

    Equations: for the stream h (H,) and each layer: r = h / rms(h); every channel filters its own r by s_t = exp(dt A) s_{t-1} + r_t,
    v_t = 2 Re(C A^-1 (exp(dt A) - 1) s_t) + D r_t with `modes` complex s and A = -exp(a) + i w; h <- h + glu(W gelu(v) + b). The stream starts as
    E x_t + e and ends as x_{t+1} = x_t + u * (F h / rms(h) + f), u the root mean square increment of the training data per component.
    Method: loss = mean of |increment - prediction|^2 / u^2 over all positions of segments of `segment` samples, `carried` of them in a row with the
    filter state handed on (detached), the first `burn_in` positions of each row left out; input noise; AdamW with a cosine schedule; weights of the
    best valid prediction time on held-out data. Training reads a segment by one product a channel, forecasts run step by step: O(1) a step.
    Filters start at dt log-uniform in [1/32, 1/5] samples and, by `initialisation`, at A_n = -1/2 + i pi n ("lin"), -1/2 + i (N/pi)(N/(2n+1) - 1), N
    twice `modes` ("inv"), the modes of LegS without its rank-one term ("legs"), -(n+1) ("real"), or the eigenvalues of LegS plus a random matrix of
    spectral norm 0.1 ("ptd"). `discretisation`: "zoh" as above, where modes that turn by more than pi a step are silenced; "bilinear", whose modes
    never do; "dss", the weights of a mode normalised over a segment. With unrolled = K > 0 the last quarter of the updates trains on K predictions
    fed back.
    Source: A. Gu, A. Gupta, K. Goel, C. Re, "On the Parameterization and Initialization of Diagonal State Space Models", arXiv:2206.11893.
    Changed: small dt for short segments; the state carried in training, because weights trained from a zero state decay to a fixed point in a long
    rollout (their one-step error grows beyond the segment); root-mean-square instead of layer normalisation and no gains (the filters have them);
    one learning rate for all weights, no weight decay on the filters.
    Measured on Lorenz-63 (noise-free, 100 windows of test data): median valid prediction time 1.5 to 2.3 Lyapunov times over seeds 0 to 4 (5 000
    samples, dt = 0.025); at dt = 0.02 (5 904 samples, seeds 0 to 5) 1.8 to 2.5, closed-loop largest exponent 0.86 to 0.98 (truth 0.906), and 3 of
    120 free runs of 10 000 steps ended on a fixed point. At noise 1e-3, two layers of 32 channels gave 1.5 to 1.7 where one of 64 gave 1.5 to 2.1.
    Cost: 1 200 updates of 16 x 32 samples, 6 to 7 s on one core; a step of five windows takes 0.12 ms, with one tangent 0.22 ms.
    Fails: wide states with few samples (it knows nothing of space: 40 variables from 5 000 samples are forecast for three steps); the filters are
    linear, so memory of the hidden part of the state is linear too; far outside the training data nothing pulls an orbit back.
    """

    family: ClassVar = "state space"
    light: ClassVar = True
    source = "A. Gu, A. Gupta, K. Goel, C. Re, arXiv:2206.11893 (2022)"
    space: ClassVar[Mapping[str, Range | Choice]] = {**SPACE, "modes": Choice((4, 8, 16)), "initialisation": Choice(tuple(DIAGONAL))}

    def __init__(
        self,
        *,
        width: int = 64,
        modes: int = 8,
        layers: int = 1,
        initialisation: str = "lin",
        discretisation: Rule = "zoh",
        updates: int = 1200,
        batch: int = 16,
        segment: int = 32,
        carried: int = 12,
        burn_in: int = 16,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.01,
        noise: float = 1e-2,
        unrolled: int = 0,
    ) -> None:
        positive({"modes": modes})
        one_of("initialisation", initialisation, tuple(DIAGONAL))
        one_of("discretisation", discretisation, _RULES)
        super().__init__(
            width=width,
            layers=layers,
            updates=updates,
            batch=batch,
            segment=segment,
            carried=carried,
            burn_in=burn_in,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            noise=noise,
            unrolled=unrolled,
        )
        self.modes, self.initialisation, self.discretisation = modes, initialisation, discretisation

    def _filters(self, draws: torch.Generator) -> Callable[[torch.Generator], Filter]:
        start = DIAGONAL[self.initialisation](self.modes, np.random.default_rng(draws.initial_seed()))
        return lambda own: _Diagonal(self.width, start, self.discretisation, self.recipe.segment, own)
