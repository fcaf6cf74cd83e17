"""Equations with noise as a reader wants to see them: dX = f dt + g dW, with a ring before dW for Stratonovich."""

from collections.abc import Callable
from typing import Any

from chaosbench.dynamics.noise import Noise, Process
from chaosbench.dynamics.parts import StateVariable
from chaosbench.expressions.latex import symbol
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import ONE, Binary, Expression

Show = Callable[[Expression], str]


def noisy_line(noise: Noise, entry: StateVariable, drift: Expression, show: Show) -> str:
    """Return a line such as "dx = (x - x**3) dt + s dW_x", for a noisy map "x -> 1 - a*x**2 + s n_x"."""
    name = f"{entry.name}[i]" if entry.indexed else entry.name
    kick = "n" if noise.discrete else "dB" if noise.hurst is not None else "dW"
    ring = "o " if noise.calculus == "stratonovich" else ""
    parts = [f"{_factor(tree, show)}{ring}{kick}_{process.name}{'[i]' if process.per_cell else ''}" for process, tree in _driving(noise, entry.name)]
    if noise.discrete:
        return " + ".join([f"{name} -> {show(drift)}", *parts])
    return " + ".join([f"d{name} = ({show(drift)}) dt", *parts])


def noisy_latex(noise: Noise, entry: StateVariable, drift: Expression, show: Show) -> str:
    """Return one line of an `aligned` environment."""
    name = symbol(entry.name, "i" if entry.indexed else "")
    kick = "n" if noise.discrete else "\\mathrm{d}B" if noise.hurst is not None else "\\mathrm{d}W"
    ring = "\\circ " if noise.calculus == "stratonovich" else ""
    parts = []
    for process, tree in _driving(noise, entry.name):
        subscript = symbol(process.name) + (",i" if process.per_cell else "")
        factor = "" if tree == ONE else f"\\left({show(tree)}\\right) "
        parts.append(f"{factor}{ring}{kick}_{{{subscript}}}")
    left = f"{name} &\\mapsto {show(drift)}" if noise.discrete else f"\\mathrm{{d}}{name} &= \\left({show(drift)}\\right) \\mathrm{{d}}t"
    return " + ".join([left, *parts])


def noise_sentence(noise: Noise) -> str:
    """Return what the letters of the noise mean."""
    if noise.discrete:
        return "n are independent standard normals, drawn anew at every iteration"
    if noise.hurst is not None:
        return f"B are independent fractional Brownian motions with the Hurst exponent {to_text(noise.hurst)}"
    calculus = "Stratonovich: o dW" if noise.calculus == "stratonovich" else "Ito"
    return f"W are independent Wiener processes ({calculus})"


def noise_data(noise: Noise) -> dict[str, Any]:
    """Return the noise as JSON data, expressions as text."""
    return {
        "calculus": noise.calculus or None,
        "discrete": noise.discrete,
        "hurst": None if noise.hurst is None else to_text(noise.hurst),
        "processes": {
            process.name: {"per_cell": process.per_cell, "drives": {name: to_text(tree) for name, tree in process.coefficients.items()}}
            for process in noise.processes
        },
    }


def _driving(noise: Noise, name: str) -> list[tuple[Process, Expression]]:
    return [(process, process.coefficients[name]) for process in noise.processes if name in process.coefficients]


def _factor(tree: Expression, show: Show) -> str:
    if tree == ONE:
        return ""
    text = show(tree)
    bracket = text.startswith("-") or (isinstance(tree, Binary) and tree.op in ("add", "sub"))
    return f"({text}) " if bracket else f"{text} "
