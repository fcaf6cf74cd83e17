"""Names of other libraries: each resolves to one definition, and where the library is installed its right-hand side is compared with ours."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from chaosbench import compat
from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.definition import Peer, SystemDefinition
from chaosbench.dynamics.reader import read_definition
from chaosbench.errors import CatalogueError
from chaosbench.expressions.trace import trace_expressions
from chaosbench.initial import draw_initial
from chaosbench.randomness import generator

PAIRS = [(library, name) for library in compat.LIBRARIES for name in compat.names(library)]
NOT_HERE = {
    "dysts": {
        "EndCap": "a name with two parameters in its list of maps, without equations",
        "Zaslavskii": "listed with parameters, without equations",
        "ZeraouliaSprott": "listed with the parameters of de Jong's map, without equations",
    },
    "tsdynamics": {
        "KuramotoSivashinsky": "a partial differential equation",
        "GrayScott": "a partial differential equation",
        "SwiftHohenberg": "a partial differential equation",
        "Lissajous2D": "a curve: its rates are functions of time alone",
        "Lissajous3D": "a curve: its rates are functions of time alone",
        "OrnsteinUhlenbeck": "a stochastic differential equation",
        "GeometricBrownianMotion": "a stochastic differential equation",
        "DoubleWell": "a stochastic differential equation",
    },
    "pynamicalsys": {"leonel map": "its turn 1/abs(y)**gamma diverges inside the chaotic sea"},
}


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


class Places(NamedTuple):
    """Where right-hand sides are compared: states in the other library's coordinates (B, D'), delayed values, their lag, times, periods of angles."""

    states: np.ndarray
    past: np.ndarray | None
    lag: float
    times: np.ndarray
    periods: np.ndarray


def in_coordinates(system: CompiledSystem, entry: Peer) -> tuple[np.ndarray, Places]:
    """Our rates (B, D'; maps: next states) in the coordinates and on the clock of `entry`, at 16 random states."""
    stream = generator(0, "compat", entry.name)
    drawn = draw_initial(system, seed=0, n=16)
    states = drawn.states + 0.05 * (1 + np.abs(drawn.states)) * stream.standard_normal(drawn.states.shape)
    past = None
    if system.delayed:
        past = np.stack([states[:, slot] + 0.3 * stream.standard_normal(len(states)) for slot, _ in system.delayed], axis=1)
    lag = float(system.lags()[0]) if system.delayed else 0.0
    forced = "phase" in system.components
    times = states[:, system.components.index("phase")] if forced else np.zeros(len(states))
    here, rates, periods = states, system.value(states, past=past), system.periods
    if entry.coordinates is not None:
        parameters = system.parameter_values
        quantities = [system.quantity(tree) for tree in entry.coordinates]
        slopes = np.stack([quantity.gradient(states, parameters) for quantity in quantities], axis=1)  # (B, D', D)
        here = np.stack([quantity.value(states, parameters) for quantity in quantities], axis=1)
        periods = np.where(np.isnan(periods), 0.0, slopes[0] * periods).sum(axis=1)
        if system.definition.kind == "maps":
            rates = np.stack([quantity.value(rates, parameters) for quantity in quantities], axis=1)
        else:
            rates = np.einsum("bij,bj->bi", slopes, rates)
    return rates * entry.rate, Places(here, past, lag, times, periods)


def dysts_rates(name: str, definition: SystemDefinition, places: Places) -> np.ndarray | None:
    module = pytest.importorskip(f"dysts.{'maps' if definition.kind == 'maps' else 'flows'}")
    model = getattr(module, name.removeprefix("maps."))()
    if definition.kind == "flows" and model.dimension != places.states.shape[1]:
        return None
    values = [model.params[key] for key in sorted(model.params)]
    if definition.kind == "maps":
        return rows(model._rhs(*state, *values) for state in places.states)
    if places.past is not None:
        assert model.tau == places.lag
        return rows(model._rhs(state[0], delayed[0], 0.0, *values) for state, delayed in zip(places.states, places.past, strict=True))
    return rows(model.rhs(state, time) for state, time in zip(places.states, places.times, strict=True))


def tsdynamics_rates(name: str, definition: SystemDefinition, places: Places) -> np.ndarray | None:
    """Its equations are functions of a state that is called: y(i) is component i now, y(i, t - tau) a time tau ago."""
    model = pytest.importorskip("tsdynamics.registry").get(name).cls()
    if model.dim != places.states.shape[1]:
        return None
    if definition.kind == "maps":
        return rows(model._step(state if model.dim > 1 else state[0], *model.params.as_tuple()) for state in places.states)
    found = []
    for index, (state, time) in enumerate(zip(places.states, places.times, strict=True)):

        def value(component: int, when: float | None = None, state: Any = state, time: float = time, index: int = index) -> float:
            if when is None or when == time:
                return float(state[component])
            assert places.past is not None
            assert float(when) == time - places.lag
            return float(places.past[index, 0])

        found.append([float(rate) for rate in model._equations(value, float(time), **model.params.as_dict())])
    return rows(found)


def pynamicalsys_rates(name: str, definition: SystemDefinition, places: Places) -> np.ndarray | None:
    """Its models have no default parameters; they get ours, in the order in which we list them but for two."""
    library = pytest.importorskip("pynamicalsys")
    model = library.DiscreteDynamicalSystem if definition.kind == "maps" else library.ContinuousDynamicalSystem
    info = model(model=name).info
    function = info["mapping" if definition.kind == "maps" else "equations_of_motion"].py_func
    ours = definition.scalars
    parameters = np.array(
        {
            "duffing": lambda: [ours["delta"], -ours["alpha"], ours["beta"], ours["gamma"], ours["omega"]],
            "rulkov map": lambda: [ours["alpha"], -ours["beta"] / ours["sigma"], ours["sigma"]],
        }.get(name, lambda: list(ours.values())[: info["number_of_parameters"]])()
    )
    if definition.kind == "maps":
        return rows(function(state, parameters) for state in places.states)
    return rows(function(time, state, parameters) for state, time in zip(places.states, places.times, strict=True))


def rows(values: Any) -> np.ndarray:
    return np.array([np.ravel(row) for row in values], dtype=np.float64)


RATES: dict[str, Callable[[str, SystemDefinition, Places], np.ndarray | None]] = {
    "dysts": dysts_rates,
    "tsdynamics": tsdynamics_rates,
    "pynamicalsys": pynamicalsys_rates,
}


@pytest.mark.parametrize(("library", "name"), [pair for pair in PAIRS if pair[0] in RATES])
def test_another_library_has_our_right_hand_side_unless_it_is_wrong(library: str, name: str) -> None:
    """To 1e-12 of the largest rate at random states, angles of maps up to turns; an entry that we call wrong must differ."""
    pytest.importorskip(library)
    system, (_, entry) = compile_system(compat.resolve(name, library=library)), compat.peer(name, library=library)
    ours, places = in_coordinates(system, entry)
    theirs = RATES[library](name, system.definition, places)
    if theirs is None:
        assert entry.wrong_equations  # it has other variables
        return
    difference = ours - theirs
    if system.definition.kind == "maps":
        difference -= np.nan_to_num(places.periods * np.round(difference / np.where(places.periods == 0.0, np.nan, places.periods)))
    relative = np.abs(difference).max(axis=0) / np.abs(ours).max(axis=0).clip(1e-12)
    assert relative.max() > 1e-9 if entry.wrong_equations else relative.max() <= 1e-12


def test_hamiltonian_models_of_pynamicalsys_are_ours() -> None:
    """They stand beside its flows, under the same names."""
    model = pytest.importorskip("pynamicalsys").HamiltonianSystem
    for name in model.available_models():
        system, (_, entry) = compile_system(compat.resolve(name, library="pynamicalsys")), compat.peer(name, library="pynamicalsys")
        ours, places = in_coordinates(system, entry)
        theirs = rows(np.concatenate(model(model=name).info["eom"](*np.split(state, 2))) for state in places.states)
        assert (np.abs(ours - theirs).max(axis=0) <= 1e-12 * np.abs(ours).max(axis=0)).all()


@pytest.mark.parametrize("library", sorted(NOT_HERE))
def test_every_system_of_another_library_has_an_entry_or_a_reason_not_to(library: str) -> None:
    module = pytest.importorskip(library)
    if library == "dysts":
        listed = json.loads((Path(__file__).parents[1] / "docs" / "peers" / "dysts.json").read_text())["systems"]
    elif library == "tsdynamics":
        listed = {entry.name for entry in pytest.importorskip("tsdynamics.registry").all_systems()}
    else:
        kinds = (module.DiscreteDynamicalSystem, module.ContinuousDynamicalSystem, module.HamiltonianSystem)
        listed = {name for kind in kinds for name in kind.available_models()}
    assert set(listed) == {*compat.names(library), *NOT_HERE[library]}
