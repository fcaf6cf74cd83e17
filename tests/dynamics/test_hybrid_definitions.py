"""Events in definitions: what the grammar takes, what it refuses, and what counts for identity and form."""

import json
from typing import Any

import numpy as np
import pytest

from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.printing import equation_lines, equations_in_latex
from chaosbench.dynamics.reader import definition_from_data, definition_to_data, read_definition, system_from
from chaosbench.dynamics.saltation import saltation_matrices
from chaosbench.errors import DefinitionError
from chaosbench.initial import draw_initial

IMPACT = {"name": "impact", "guard": "x", "direction": "falling", "reset": {"v": "-r*v"}}
HYBRID = [name for name, path in system_files().items() if path.parent.name == "hybrid"]


def ball(**changes: Any):
    """A ball on the floor with entries of its event changed; None removes one."""
    event = {key: value for key, value in {**IMPACT, **changes}.items() if value is not None}
    return system_from({"x": "v", "v": "-1"}, parameters={"r": 0.8}, kind="hybrid", events=[event], name="ball")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"direction": "fallin"}, r"event\[0\].direction: 'fallin' is unknown; directions are rising, falling, both.*did you mean 'falling'"),
        ({"reset": {"w": "-v", "v": "-r*v"}}, r"event\[0\].reset.w: is no variable that can be reset; variables are x, v"),
        ({"guard": "r - 1"}, r"event\[0\].guard: depends on no variable that moves"),
        ({"guard": "y"}, r"event\[0\].guard: unknown name 'y'"),
        ({"guard": None}, r"event\[0\].guard: missing"),
        ({"when": "t"}, r"event\[0\].when: 't' is not known here"),
        ({"name": "Big Bang"}, r"event\[0\].name: 'Big Bang' is not a name"),
        ({"rest": {"below": "v", "reset": {}}}, r"event\[0\].rest.below: unknown name 'v'"),
        ({"rest": {"below": "r - 1", "reset": {}}}, r"rest.below of impact is -0.1999.*; a speed is not negative"),
        ({"rest": {"reset": {}}}, r"event\[0\].rest.below: missing"),
        ({"rset": {}}, r"event\[0\].rset: unknown key.*did you mean 'reset'"),
    ],
)
def test_a_bad_event_is_refused_with_its_place_the_rule_and_the_fix(changes, said):
    with pytest.raises(DefinitionError, match=said):
        ball(**changes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "flows", "events": [IMPACT]}, "event: stands in a file of kind 'flows'"),
        ({"kind": "hybrid"}, "event: is missing"),
        ({"kind": "hybrid", "events": [IMPACT, IMPACT]}, "'impact' is used twice"),
        ({"kind": "flows", "longest_step": "1"}, "longest_step: stands in a file of kind 'flows'"),
        ({"kind": "hybrid", "events": [IMPACT], "forcing_period": "1"}, "forcing_period: no equation or guard uses t"),
        ({"kind": "hybrid", "events": [IMPACT], "state": {"x": {}, "v": {"discrete": True}}}, "equations.v: 'v' is discrete"),
        ({"kind": "flows", "state": {"x": {}, "v": {}, "s": {"discrete": True}}}, "state.s.discrete: stands in a file of kind 'flows'"),
    ],
)
def test_events_and_discrete_variables_belong_to_hybrid_systems(arguments, said):
    with pytest.raises(DefinitionError, match=said):
        system_from({"x": "v", "v": "-r"}, parameters={"r": 0.8}, **arguments)


def test_what_only_events_say_counts_for_identity_and_form():
    plain, harder = ball(), ball(reset={"v": "-r*v - r"})
    armed, resting = ball(when="v + 3"), ball(rest={"below": "r", "reset": {"v": "0"}})
    both = ball(direction="both")
    assert len({system.identity for system in (plain, harder, armed, resting, both)}) == 5
    assert len({system.form for system in (plain, harder, armed, resting, both)}) == 5


def test_the_form_does_not_depend_on_names():
    renamed = system_from(
        {"w": "-1", "height": "w"},
        parameters={"loss": 0.8},
        kind="hybrid",
        events=[{"name": "bang", "guard": "height", "direction": "falling", "reset": {"w": "-w*loss"}}],
    )
    assert renamed.form == ball().form
    assert renamed.identity != ball().identity


def test_json_and_pages_hold_the_events():
    definition = ball(when="v + 3", rest={"below": "1e-8", "reset": {"v": "0"}})
    again = definition_from_data(json.loads(json.dumps(definition_to_data(definition))))
    assert (again.identity, again.structure, again.form) == (definition.identity, definition.structure, definition.form)
    assert equation_lines(definition)[2:] == ("at impact, x falls through 0 while v + 3 > 0: v -> -r*v", "  slower than 1e-8: v -> 0")
    assert r"x \downarrow 0" in equations_in_latex(definition)


@pytest.mark.parametrize("name", HYBRID)
def test_resets_keep_declared_integrals_and_conservative_systems_keep_volumes(name):
    """At states moved onto the guard: resets change no integral, and |det S| = 1 where volumes are conserved."""
    definition = read_definition(system_files()[name])
    compiled, values = compile_system(definition), definition.parameter_values
    drawn = draw_initial(compiled, seed=0, n=8).states
    if definition.forcing_period is not None:
        drawn[:, -1] += np.linspace(0.1, 0.9, 8)  # at the phase 0, where all start, a guard may not depend on the phase
    for event in range(compiled.jumps.count):
        states = on_guard(compiled, event, drawn)
        after, _ = compiled.jumps.reset_at(event, states, values)
        for integral, tree in (definition.integrals or {}).items():
            quantity = compiled.quantity(tree)
            before = quantity.value(states, values)
            assert np.abs(quantity.value(after, values) - before).max() <= 1e-12 * (1 + np.abs(before).max()), integral
        if definition.conservative:
            assert np.abs(np.linalg.det(saltation_matrices(compiled, event, states))) == pytest.approx(1.0, abs=1e-9)


def on_guard(compiled, event: int, states: np.ndarray) -> np.ndarray:
    """States moved along the gradient of a guard until it is 0."""
    states, values = states.copy(), compiled.parameter_values
    for _ in range(60):
        guard, _, _ = compiled.jumps.conditions_at(states, values)
        units = np.eye(states.shape[1])
        gradient = np.stack(
            [compiled.jumps.conditions_at(states, values, np.broadcast_to(unit, states.shape))[2][:, event] for unit in units], axis=1
        )
        states -= guard[:, event, None] * gradient / (gradient**2).sum(axis=1, keepdims=True)
    return states
