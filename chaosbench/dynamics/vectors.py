"""Vector and matrix parameters from their recipe: a formula in i and j, or a seeded draw. Remade whenever N changes."""

from collections.abc import Mapping
from typing import Any, Literal

from chaosbench.dynamics.fields import check_keys, numbers_of, text_of, whole_of
from chaosbench.errors import DefinitionError
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.parse import parse
from chaosbench.randomness import generator

RECIPES = ("formula", "normal", "uniform")


def check_recipe(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the recipe in `data` (formula, or normal or uniform with a seed, and the shape), checked."""
    given = [key for key in RECIPES if key in data]
    if len(given) != 1:
        raise DefinitionError(
            f"{where}: gives {' and '.join(given) or 'no value'}; a parameter has exactly one of value, {', '.join(RECIPES)}; keep one"
        )
    way = given[0]
    check_keys(data, {way, "shape", "meaning", "unit"} | (set() if way == "formula" else {"seed"}), where)
    shape = text_of(data, "shape", where)
    if shape not in ("N", "NN"):
        raise DefinitionError(f"{where}.shape: {shape!r} is not a shape; shapes are 'N' (one per cell) and 'NN' (one per pair); write one of them")
    if way == "formula":
        return {"formula": text_of(data, "formula", where), "shape": shape}
    first, second = numbers_of(data[way], f"{where}.{way}", length=2)
    if (way == "normal" and second < 0) or (way == "uniform" and second <= first):
        rule = "normal = [mean, standard deviation >= 0]" if way == "normal" else "uniform = [low, high] with low < high"
        raise DefinitionError(f"{where}.{way}: [{first}, {second}] is not allowed; rule: {rule}; correct the numbers")
    return {way: [first, second], "shape": shape, "seed": whole_of(data.get("seed"), f"{where}.seed", least=0)}


def make_vector(name: str, recipe: Mapping[str, Any], size: tuple[str, int], where: str) -> tuple[float, ...]:
    """Return the flat values of one vector (N) or matrix (N*N, row-major) parameter."""
    size_name, cells = size
    count = cells if recipe["shape"] == "N" else cells * cells
    if "formula" in recipe:
        tree = parse(recipe["formula"], where=f"{where}.formula")
        return tuple(constant_value(tree, names, where=f"{where}.formula") for names in _cells(recipe["shape"], size_name, cells))
    random = generator(recipe["seed"], "parameter", name)
    if "normal" in recipe:
        mean, deviation = recipe["normal"]
        return tuple(random.normal(mean, deviation, count).tolist())
    low, high = recipe["uniform"]
    return tuple(random.uniform(low, high, count).tolist())


def _cells(shape: Literal["N", "NN"], size_name: str, cells: int) -> list[dict[str, float]]:
    if shape == "N":
        return [{"i": i, size_name: cells} for i in range(cells)]
    return [{"i": i, "j": j, size_name: cells} for i in range(cells) for j in range(cells)]
