"""What `chaosbench info` shows of the statements that hold exactly: divergence, integrals, symmetries, balances and fixed points."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.symbols import PHASE
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Expression, Name, substitute
from chaosbench.identity import plain


def exact_data(definition: SystemDefinition) -> dict[str, Any]:
    """Return the statements as JSON data: expressions as text, fixed points with their values and unstable directions here."""
    return {
        "identities": _texts(definition, definition.identities),
        "integrals": _texts(definition, definition.integrals),
        "symmetries": {name: _images(definition, images) for name, images in (definition.symmetries or {}).items()},
        "balances": _texts(definition, definition.balances),
        "fixed_points": {name: _fixed_point(definition, point) for name, point in (definition.fixed_points or {}).items()},
    }


def exact_lines(definition: SystemDefinition) -> list[str]:
    """Return them as lines for a terminal, none if there are none."""
    data = exact_data(definition)
    lines = [f"  {name:<14} {text}" for name, text in data["identities"].items()]
    lines += [f"  {name:<14} {text} is constant" for name, text in data["integrals"].items()]
    lines += [f"  {name:<14} {', '.join(f'{x} -> {image}' for x, image in images.items())}" for name, images in data["symmetries"].items()]
    lines += [f"  {name:<14} the mean of {text} is 0" for name, text in data["balances"].items()]
    lines += [f"  {name:<14} {_place(point)}" for name, point in data["fixed_points"].items()]
    return ["Exact", *lines, ""] if lines else []


def _texts(definition: SystemDefinition, trees: Mapping[str, Expression] | None) -> dict[str, str]:
    return {name: _text(definition, tree) for name, tree in (trees or {}).items()}


def _text(definition: SystemDefinition, tree: Expression) -> str:
    return to_text(tree if definition.forcing_period is None else substitute(tree, {PHASE: Name("t")}))


def _images(definition: SystemDefinition, images: Mapping[str, Expression]) -> dict[str, str]:
    """The variables that move."""
    shown = {f"{entry.name}[i]" if entry.indexed else entry.name: _text(definition, images[entry.name]) for entry in definition.state}
    return {name: text for name, text in shown.items() if name != text}


def _fixed_point(definition: SystemDefinition, point: Mapping[str, Expression]) -> dict[str, Any]:
    compiled = compile_system(definition)
    anywhere = np.zeros((1, compiled.dimension))
    with np.errstate(all="ignore"):
        values = np.array([compiled.quantity(point[entry.name]).value(anywhere, compiled.parameter_values)[0] for entry in definition.state])
    return {
        "expressions": {entry.name: to_text(point[entry.name]) for entry in definition.state},
        "value": plain(values) if np.isfinite(values).all() else None,
        "unstable": _unstable(definition, values),
    }


def _unstable(definition: SystemDefinition, values: np.ndarray) -> int | None:
    """Number of directions that grow, None for delays and where the point is not real."""
    if definition.kind == "delays" or not np.isfinite(values).all():
        return None
    compiled = compile_system(definition)
    state = np.repeat(values, [variable.slots for variable in definition.scope.variables])[None]
    eigenvalues = np.linalg.eigvals(compiled.jacobian(state)[0])
    growth = np.abs(eigenvalues) - 1.0 if definition.discrete else eigenvalues.real
    return int(np.count_nonzero(growth > 1e-9 * max(1.0, np.abs(eigenvalues).max())))


def _place(point: Mapping[str, Any]) -> str:
    if point["value"] is None:
        return "is not real for these parameters"
    place = ", ".join(f"{name} = {value:.6g}" for name, value in zip(point["expressions"], point["value"], strict=True))
    directions = "1 unstable direction" if point["unstable"] == 1 else f"{point['unstable']} unstable directions"
    return f"rests at ({place})" + ("" if point["unstable"] is None else f", {directions}")
