"""Reading [terms]: names for parts of equations that an author writes once and uses often. They are replaced where they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosbench.dynamics.discrete import event_texts
from chaosbench.dynamics.fields import table_of
from chaosbench.errors import DefinitionError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import Scope, Use, check
from chaosbench.expressions.tree import Binary, Call, Element, Expression, Index, Name, Sum, names_in, number, rebuild, walk


@dataclass(frozen=True)
class Term:
    """One abbreviation: as written, and with earlier ones in it replaced; indexed: its key ends with [i]."""

    written: Expression
    tree: Expression
    indexed: bool


def read_terms(data: Mapping[str, Any], scope: Scope, *, time: bool, delays: bool, label: str) -> dict[str, Term]:
    """Return [terms] by name, in order; a term may use those above it."""
    found: dict[str, Term] = {}
    for key, text in table_of(data, "terms", f"{label}: ").items():
        where, indexed = f"{label}: terms.{key}", key.endswith("[i]")
        if indexed and not scope.size:
            raise DefinitionError(f"{where}: is indexed, but the system has no size; indexed terms need cells; add [size] with N = ...")
        written = parse(text, where=where)
        tree = replace_terms(written, found, scope, where)
        check(tree, scope, where, Use(index=indexed, time=time, delays=delays))
        found[key.removesuffix("[i]")] = Term(written, tree, indexed)
    return found


def replace_terms(tree: Expression, terms: Mapping[str, Term], scope: Scope, where: str) -> Expression:
    """Return `tree` with every term in it replaced; x[i+1] of a term is the term with all its indices one further."""
    if not terms:
        return tree
    match tree:
        case Name(name) if name in terms:
            if terms[name].indexed:
                raise DefinitionError(f"{where}: {name!r} is indexed and stands without an index; one cell is {name}[i]; write {name}[i]")
            return terms[name].tree
        case Element(name, index, offset) if name in terms:
            if not terms[name].indexed:
                raise DefinitionError(f"{where}: {name!r} is one number and is used with an index; write {name}")
            return _moved(terms[name].tree, index, offset, f"{where}: {name}[{index}{offset:+d}]")
        case Call("mean", (Name(name),)) if name in terms and terms[name].indexed:
            return Binary("div", Sum(_moved(terms[name].tree, "j", 0, f"{where}: mean({name})")), Name(scope.size_name))
    return rebuild(tree, lambda part: replace_terms(part, terms, scope, where))


def check_terms_used(terms: Mapping[str, Term], data: Mapping[str, Any], label: str) -> None:
    """Raise DefinitionError for a term that occurs in no formula."""
    if not terms:
        return
    tables = [table_of(data, key, f"{label}: ") for key in ("equations", "terms", "integrals", "identities", "balances")]
    noise = table_of(data, "diffusion", f"{label}: ").values()
    tables += [{"": part} if isinstance(part, str) else part for part in noise if isinstance(part, str | Mapping)]
    texts = [data.get("hamiltonian", "0"), *(text for table in tables for text in table.values()), *event_texts(data)]
    for name in terms:
        if not any(name in names_in(parse(text, where=label)) for text in texts):
            raise DefinitionError(f"{label}: terms.{name}: no formula uses it; a term saves writing; remove it or use it")


def _moved(tree: Expression, index: Index, offset: int, where: str) -> Expression:
    """Return `tree` with i replaced by `index` + `offset`."""
    if index == "i" and offset == 0:
        return tree
    if index == "j" and any(isinstance(part, Sum) for part in walk(tree)):
        raise DefinitionError(f"{where}: a term with a sum stands inside a sum; only one running index exists; write the sum as an equation's own")
    match tree:
        case Element(name, "i", there, None):
            return Element(name, index, there + offset)
        case Element(_, "i", _, "j"):
            raise DefinitionError(f"{where}: the term has a matrix, whose rows cannot be moved; use the term at [i] only")
        case Name("i"):
            return Binary("add", Name(index), number(offset)) if offset else Name(index)
    return rebuild(tree, lambda part: _moved(part, index, offset, where))
