"""Reading systems: from a definition file, from the catalogue by name, or from strings in a program."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chaosbench.catalogue import system_file
from chaosbench.dynamics.builder import build_definition
from chaosbench.dynamics.data import definition_from_data, definition_to_data
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.field_builder import KIND as FIELDS
from chaosbench.dynamics.headline import Headline, kind_of, label_of, load_toml, read_headline
from chaosbench.errors import DefinitionError

__all__ = ["Headline", "definition_from_data", "definition_to_data", "read_definition", "read_headline", "system", "system_from"]


def system(name: str, parameters: Mapping[str, float] = {}) -> SystemDefinition:
    """Return the system called `name` (or the definition file at that path), with `parameters` replaced.

    Raises CatalogueError for an unknown name, DefinitionError for an unknown parameter.
    """
    definition = read_definition(system_file(name))
    return definition.with_parameters(parameters) if parameters else definition


def read_definition(path: str | Path) -> SystemDefinition:
    """Return the definition in the TOML file at `path`, named by its stem.

    A file in a folder called flows, maps, delays or fields has that kind; elsewhere the key `kind` says it, flows if absent.
    Raises DefinitionError "file: key: what is wrong; rule; fix".
    """
    path = Path(path)
    label = label_of(path)
    name = path.stem
    if not (name.isascii() and name.replace("_", "a").isalnum() and name == name.lower() and name[0].isalpha()):
        raise DefinitionError(f"{label}: the file name {path.name!r} is not allowed; rule: lower-case letters, digits and _ before .toml; rename it")
    data = load_toml(path.read_bytes(), label)
    return build_definition(data, name=name, kind=kind_of(path, data, label), label=label, path=path)


def system_from(
    equations: Mapping[str, str] | None = None,
    *,
    parameters: Mapping[str, Any] = {},
    kind: str = "flows",
    state: Sequence[str] | Mapping[str, Mapping[str, str]] | None = None,
    initial: Mapping[str, Any] | None = None,
    name: str = "custom",
    hamiltonian: str | None = None,
    forcing_period: str | None = None,
    size: Mapping[str, int] | None = None,
    boundary: str | None = None,
    terms: Mapping[str, str] = {},
    integrals: Mapping[str, str] = {},
    conservative: bool = False,
    domain: Mapping[str, Mapping[str, Any]] | None = None,
) -> SystemDefinition:
    """Return a system written as strings, by the rules of a definition file.

    Parameters
    ----------
    equations: {"x": "sigma*(y - x)", ...} in the order of the components; indexed variables as "x[i]". None with a Hamiltonian.
    parameters: numbers, constant text such as "8/3", or the table of a vector or matrix ({"formula": ..., "shape": "N"}).
    state: names in order, or {name: {"meaning": ..., "period": ...}}; default the keys of `equations`. Needed with a Hamiltonian.
    initial: the table of a definition file; default centre 0.1 with a spread of 0.01 for every variable (near the origin, where most
        systems start well, and small because the basin is unknown), for delays a constant history with the same numbers, for fields random waves.
    The other arguments have the meaning of the keys of the same name.

    Raises DefinitionError "name: key: what is wrong; rule; fix".
    """
    entries = state if isinstance(state, Mapping) else {key: {} for key in (state if state is not None else equations or {})}
    data: dict[str, Any] = {
        "title": name,
        "summary": "Given as strings to system_from.",
        "state": {key: {"meaning": key, **entry} for key, entry in entries.items()},
        "parameters": {key: {"meaning": key, **(value if isinstance(value, Mapping) else {"value": value})} for key, value in parameters.items()},
        "equations": dict(equations or {}),
        "terms": dict(terms),
        "integrals": dict(integrals),
        "conservative": conservative,
    }
    optional = {"domain": domain, "hamiltonian": hamiltonian, "forcing_period": forcing_period, "size": size, "boundary": boundary}
    data.update({key: value for key, value in optional.items() if value is not None})
    if kind == FIELDS:
        data["initial"] = dict(initial) if initial is not None else {"waves": {key: {"amplitude": 0.1, "up_to": 3} for key in entries}}
        return build_definition(data, name=name, kind=kind, label=name)
    start = {"history": dict.fromkeys(entries, "0.1")} if kind == "delays" else {"centre": [0.1] * len(entries)}
    data["initial"] = dict(initial) if initial is not None else {**start, "spread": 0.01}
    return build_definition(data, name=name, kind=kind, label=name)
