"""Names of other libraries: each resolves to one definition, and where the library is installed its right-hand side is compared with ours."""

from typing import Any

import numpy as np
import pytest

from chaosbench import compat
from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import read_definition
from chaosbench.errors import CatalogueError
from chaosbench.expressions.trace import trace_expressions
from chaosbench.initial import draw_initial
from chaosbench.randomness import generator

PAIRS = [(library, name) for library in compat.LIBRARIES for name in compat.names(library)]


@pytest.mark.parametrize(("library", "name"), PAIRS)
def test_a_name_of_another_library_gives_our_system_at_its_parameters(library: str, name: str) -> None:
    definition, peer = compat.peer(name, library=library)
    found = compat.resolve(name, library=library)
    assert (found.name, found.form) == (definition.name, definition.form)
    assert {key: found.scalars[key] for key in peer.parameters} == dict(peer.parameters)
    if peer.coordinates is not None:
        assert trace_expressions(list(peer.coordinates), definition.scope).outputs


def test_every_peer_entry_resolves() -> None:
    entries = [(peer.library, peer.name) for path in system_files().values() for peer in read_definition(path).peers]
    assert sorted(entries) == sorted(PAIRS)


def test_the_lorenz_system_of_dysts_has_its_rounded_constant() -> None:
    assert compat.resolve("Lorenz").scalars["beta"] == 2.667


def test_what_is_wrong_is_told() -> None:
    assert compat.problems("Lorenz") == ()
    assert any("energy" in text for text in compat.problems("DoublePendulum"))


def test_an_unknown_name_or_library_is_answered_by_the_nearest() -> None:
    with pytest.raises(CatalogueError, match=r"dysts has no system 'Lorentz' that is known here; did you mean 'Lorenz'\?"):
        compat.resolve("Lorentz")
    with pytest.raises(CatalogueError, match=r"library 'dyst' is not known; libraries are .* did you mean 'dysts'\?"):
        compat.names("dyst")


@pytest.mark.parametrize("name", compat.names("dysts"))
def test_dysts_has_our_right_hand_side_unless_it_is_wrong(name: str) -> None:
    """To 1e-12 of the largest rate at random states, in its coordinates; an entry that we call wrong must differ."""
    pytest.importorskip("dysts")
    system, (_, entry) = compile_system(compat.resolve(name)), compat.peer(name)
    wrong, variables = bool(entry.wrong_equations), len(entry.coordinates or system.definition.components)
    if wrong and system.definition.kind == "flows" and model_of("flows", name).dimension != variables:
        return  # it has other variables
    ours, theirs = in_coordinates(system, entry.coordinates, name)
    difference = np.abs(ours - theirs).max(axis=0) / np.abs(ours).max(axis=0).clip(1e-12)
    assert difference.max() > 1e-9 if wrong else difference.max() <= 1e-12


def in_coordinates(system: CompiledSystem, coordinates: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The rates (B, D') (maps: next states) by our definition and by dysts, at 16 random states."""
    stream = generator(0, "compat", name)
    drawn = draw_initial(system, seed=0, n=16)
    states = drawn.states + 0.05 * (1 + np.abs(drawn.states)) * stream.standard_normal(drawn.states.shape)
    past = None
    if system.delayed:
        past = np.stack([states[:, slot] + 0.3 * stream.standard_normal(len(states)) for slot, _ in system.delayed], axis=1)
    parameters = system.parameter_values
    here, rates = states, system.value(states, past=past)
    if coordinates is not None:
        quantities = [system.quantity(tree) for tree in coordinates]
        here = np.stack([quantity.value(states, parameters) for quantity in quantities], axis=1)
        if system.definition.kind == "maps":
            rates = np.stack([quantity.value(rates, parameters) for quantity in quantities], axis=1)
        else:
            rates = np.stack([(quantity.gradient(states, parameters) * rates).sum(axis=1) for quantity in quantities], axis=1)
    return rates * compat.peer(name)[1].rate, their_rates(system.definition.kind, name, here, past)


def model_of(kind: str, name: str) -> Any:
    module = pytest.importorskip(f"dysts.{'maps' if kind == 'maps' else 'flows'}")
    return getattr(module, name.removeprefix("maps."))()


def their_rates(kind: str, name: str, states: np.ndarray, past: np.ndarray | None) -> np.ndarray:
    model = model_of(kind, name)
    values = [model.params[key] for key in sorted(model.params)]
    rows = []
    for index, state in enumerate(states):
        if kind == "maps":
            rows.append(model._rhs(*state, *values))
        elif past is not None:
            rows.append(model._rhs(state[0], past[index, 0], 0.0, *values))
        else:
            rows.append(model.rhs(state, 0.0))
    return np.array(rows, dtype=np.float64).reshape(len(states), -1)
