"""Drawing initial fields. Cosines and sines come from compiled kernels and are added in a fixed order, so the bits depend on no library."""

from functools import lru_cache
from itertools import product

import numpy as np

from chaosbench.dynamics.field_build import FieldEquations
from chaosbench.dynamics.field_complex import to_pair
from chaosbench.dynamics.field_grid import coordinates_of, values_at
from chaosbench.dynamics.field_rule import FieldRule, Waves
from chaosbench.expressions.tree import ZERO, Call, Expression, Name


def draw_fields(equations: FieldEquations, rule: FieldRule, parameters: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Return one flat state (D,), not yet projected; parameters (P,)."""
    space, names = equations.space, equations.names
    trees = []
    for name in names.fields:
        pair = to_pair(rule.profile.get(name, ZERO), {}, f"{equations.label}: initial.profile.{name}")
        trees += [pair.re, pair.im or ZERO][: len(space.parts)]
    state = np.zeros((len(trees), *space.shape))
    if rule.profile:
        state += _profile(equations, tuple(trees), parameters.tobytes())
    for place, name in enumerate(names.fields):
        if name in rule.waves:
            for part in range(len(space.parts)):
                state[place * len(space.parts) + part] += _waves(rule.waves[name], space.shape, stream) / np.sqrt(len(space.parts))
    return state.ravel()


@lru_cache(maxsize=8)
def _profile(equations: FieldEquations, trees: tuple[Expression, ...], parameters: bytes) -> np.ndarray:
    """Return the profiles (fields and parts, *shape): the same for every trajectory of one set of parameters."""
    numbers, names, space = np.frombuffer(parameters), equations.names, equations.space
    values = dict(zip(names.parameters, numbers.tolist(), strict=True))
    points = coordinates_of(space.shape, space.lengths(values, equations.label))
    return values_at(trees, names.coordinates, points, equations.slots, numbers).T.reshape(len(trees), *space.shape)


def _waves(waves: Waves, shape: tuple[int, ...], stream: np.random.Generator) -> np.ndarray:
    """Return a sum of random waves on the grid, as `Waves` says."""
    numbers = _wave_numbers(waves, len(shape))
    amplitudes = waves.amplitude / np.sqrt(len(numbers)) * stream.standard_normal((len(numbers), 2))
    total = np.zeros(shape)
    cosines, sines = zip(*(_circle(points, waves.up_to) for points in shape), strict=True)
    for number, (a, b) in zip(numbers, amplitudes, strict=True):
        if len(shape) == 1:
            total += a * cosines[0][number[0]] + b * sines[0][number[0]]
            continue
        ny, nx = number
        c_y, s_y = cosines[0][abs(ny)][:, None], sines[0][abs(ny)][:, None]
        c_x, s_x = cosines[1][abs(nx)], sines[1][abs(nx)] * np.sign(nx)
        total += a * (c_x * c_y - s_x * s_y) + b * (s_x * c_y + c_x * s_y)
    return total


def _wave_numbers(waves: Waves, axes: int) -> list[tuple[int, ...]]:
    """One of each pair +-n, in a fixed order."""
    reach = range(-waves.up_to, waves.up_to + 1)
    found = [number for number in product(reach, repeat=axes) if number > (0,) * axes]
    return [number for number in found if waves.above**2 < sum(n * n for n in number) <= waves.up_to**2]


@lru_cache(maxsize=32)
def _circle(points: int, up_to: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cos and sin of 2 pi n i / points, each (up_to + 1, points)."""
    turns = np.arange(up_to + 1)[:, None] * np.arange(points)[None, :] % points
    angles = 2.0 * np.pi * (turns / points)
    found = values_at([Call("cos", (Name("x"),)), Call("sin", (Name("x"),))], ["x"], angles.reshape(-1, 1), {}, np.zeros(0))
    cosines, sines = found.T.reshape(2, *angles.shape)
    return cosines, sines
