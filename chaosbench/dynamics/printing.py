"""The equations of a system as a reader wants to see them: plain lines or LaTeX."""

from collections.abc import Mapping

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.noise_printing import noisy_latex, noisy_line
from chaosbench.dynamics.parts import StateVariable
from chaosbench.dynamics.symbols import PHASE
from chaosbench.expressions.latex import latex, symbol
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Expression, Name, substitute

_COMMA = ",\\ "
_THROUGH = {"rising": "rises through 0", "falling": "falls through 0", "both": "passes through 0"}


def equation_lines(definition: SystemDefinition) -> tuple[str, ...]:
    """Return lines such as "dx/dt = sigma*(y - x)", for a map "x -> ...", with the Hamiltonian and abbreviations first if there are any.

    A forced system is shown with t, as its author wrote it.
    """
    lines = [f"H = {to_text(_shown(definition, definition.hamiltonian))}"] if definition.hamiltonian is not None else []
    lines += [f"{key} = {to_text(tree)}" for key, tree in (definition.terms or {}).items()]
    for entry in _variables(definition):
        name = f"{entry.name}[i]" if entry.indexed else entry.name
        drift = (definition.written or definition.equations)[entry.name]
        if definition.noise is not None:
            lines.append(noisy_line(definition.noise, entry, drift, lambda tree: to_text(_shown(definition, tree))))
            continue
        left = f"{name} ->" if definition.kind == "maps" else f"d{name}/dt ="
        lines.append(f"{left} {to_text(_shown(definition, drift))}")
    return (*lines, *event_lines(definition))


def event_lines(definition: SystemDefinition) -> list[str]:
    """Return lines such as "at impact, x falls through 0: v -> -r*v" for the events of a hybrid system."""
    lines = []
    for event in definition.events:
        armed = "" if event.when is None else f" while {to_text(_shown(definition, event.when))} > 0"
        head = f"at {event.name}, {to_text(_shown(definition, event.guard))} {_THROUGH[event.direction]}{armed}:"
        lines.append(f"{head} {_images(definition, event.reset)}")
        if event.rest is not None:
            lines.append(f"  slower than {to_text(event.rest.below)}: {_images(definition, event.rest.reset)}")
    return lines


def _images(definition: SystemDefinition, reset: Mapping[str, Expression]) -> str:
    return ", ".join(f"{name} -> {to_text(_shown(definition, tree))}" for name, tree in reset.items()) or "nothing changes"


def equations_in_latex(definition: SystemDefinition) -> str:
    """Return an `aligned` environment with one line for each equation, the Hamiltonian and abbreviations first if there are any."""
    lines = [f"H &= {latex(_shown(definition, definition.hamiltonian))}"] if definition.hamiltonian is not None else []
    for key, tree in (definition.terms or {}).items():
        lines.append(f"{symbol(key.removesuffix('[i]'), 'i' if key.endswith('[i]') else '')} &= {latex(tree)}")
    for entry in _variables(definition):
        name = symbol(entry.name, "i" if entry.indexed else "")
        if definition.noise is not None:
            drift = (definition.written or definition.equations)[entry.name]
            lines.append(noisy_latex(definition.noise, entry, drift, lambda tree: latex(_shown(definition, tree))))
            continue
        letter, mark, subscript = name.partition("_{")
        left = f"{name} &\\mapsto" if definition.kind == "maps" else f"\\dot{{{letter}}}{mark}{subscript} &="
        lines.append(f"{left} {latex(_shown(definition, (definition.written or definition.equations)[entry.name]))}")
    lines += _events_in_latex(definition)
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _events_in_latex(definition: SystemDefinition) -> list[str]:
    lines = []
    for event in definition.events:
        guard, arrow = latex(_shown(definition, event.guard)), {"rising": "\\uparrow", "falling": "\\downarrow", "both": "\\updownarrow"}
        armed = "" if event.when is None else f",\\ {latex(_shown(definition, event.when))} > 0"
        images = [f"{symbol(name, '')} \\mapsto {latex(_shown(definition, tree))}" for name, tree in event.reset.items()]
        lines.append(f"{guard} {arrow[event.direction]} 0{armed}: &\\quad {_COMMA.join(images)}")
    return lines


def _variables(definition: SystemDefinition) -> list[StateVariable]:
    appended = PHASE if definition.forcing_period is not None else None
    return [entry for entry in definition.state if not entry.discrete and entry.name != appended]


def _shown(definition: SystemDefinition, tree: Expression) -> Expression:
    return tree if definition.forcing_period is None else substitute(tree, {PHASE: Name("t")})
