"""Nonlinear parts of a layer in two forms: on rows of a batch, and on a row with its tangents.

The second form takes rows (1 + K, H): row 0 is the point, the K others are tangents there. Linear parts need no second form.
"""

import math

import torch
from torch import Tensor, nn

_EPSILON = 1e-6  # keeps a silent stream finite


def normalise(stream: Tensor, axis: int) -> Tensor:
    """Divide by the root mean square over the channels, which lie on `axis`; gains are left to the weights that follow."""
    length: Tensor = torch.linalg.vector_norm(stream, dim=axis, keepdim=True)
    return stream * (math.sqrt(stream.shape[axis]) / (length + _EPSILON))


def normalise_tangents(rows: Tensor) -> Tensor:
    """Return `normalise` of row 0 and its derivative along the other rows."""
    point = rows[:1]
    length: Tensor = torch.linalg.vector_norm(point, dim=1, keepdim=True)
    scale = math.sqrt(rows.shape[1]) / (length + _EPSILON)
    after = rows * scale
    after[1:] -= point * ((rows[1:] * point).sum(1, keepdim=True) * (scale / ((length + _EPSILON) * length)))
    return after


def gelu_tangents(rows: Tensor) -> Tensor:
    """Return x Phi(x) of row 0, Phi the normal distribution function, and its derivative along the other rows."""
    point = rows[:1]
    below = 0.5 * torch.erfc(point * -math.sqrt(0.5))
    slope = torch.addcmul(below, point, torch.exp(-0.5 * point * point), value=1.0 / math.sqrt(2.0 * math.pi))
    after = rows * slope
    after[:1] = nn.functional.gelu(point)
    return after


def glu_tangents(rows: Tensor) -> Tensor:
    """Return the gated linear unit (first half times the logistic function of the second) of row 0 and its derivative along the other rows."""
    value, gate = rows.chunk(2, 1)
    opened = torch.sigmoid(gate[:1])
    after = value * opened
    after[1:] += gate[1:] * (after[:1] * (1.0 - opened))
    return after
