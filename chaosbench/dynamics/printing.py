"""The equations of a system as a reader wants to see them: plain lines or LaTeX."""

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.noise_printing import noisy_latex, noisy_line
from chaosbench.dynamics.parts import StateVariable
from chaosbench.dynamics.symbols import PHASE
from chaosbench.expressions.latex import latex, symbol
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Expression, Name, substitute


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
    return tuple(lines)


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
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _variables(definition: SystemDefinition) -> list[StateVariable]:
    return [entry for entry in definition.state if not (definition.forcing_period is not None and entry.name == PHASE)]


def _shown(definition: SystemDefinition, tree: Expression) -> Expression:
    return tree if definition.forcing_period is None else substitute(tree, {PHASE: Name("t")})
