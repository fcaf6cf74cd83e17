"""What changes identity, structure and form, and what does not."""

import itertools
import json

import numpy as np
import pytest

from chaosbench.dynamics import form
from chaosbench.dynamics.builder import build_definition
from chaosbench.dynamics.reader import definition_from_data, definition_to_data, system_from

LORENZ = {
    "title": "Lorenz",
    "summary": "Prose.",
    "state": {"x": {"meaning": "m"}, "y": {"meaning": "m"}, "z": {"meaning": "m"}},
    "parameters": {"s": {"value": 10.0, "meaning": "m"}, "r": {"value": 28.0, "meaning": "m"}, "b": {"value": "8/3", "meaning": "m"}},
    "equations": {"x": "s*(y - x)", "y": "x*(r - z) - y", "z": "x*y - b*z"},
    "initial": {"centre": [1, 1, 1], "spread": 1.0},
}
ROSSLER = system_from({"x": "-y - z", "y": "x + a*y", "z": "b + z*(x - c)"}, parameters={"a": 0.2, "b": 0.2, "c": 5.7})


def lorenz(**changes):
    return build_definition({**LORENZ, **changes}, name="lorenz", kind="flows", label="lorenz")


def test_prose_and_annotations_are_outside_identity():
    other = lorenz(
        title="Other",
        summary="Other.",
        tags=["a"],
        aliases=["b"],
        identities={"divergence": "-(s + 1 + b)"},
        symmetries={"turn": {"x": "-x", "y": "-y"}},
        source=[{"key": "k", "cite": "c"}],
        known=[{"quantity": "largest_exponent", "value": 0.9, "tolerance": 0.1, "source": "k"}],
        variant=[{"name": "v", "summary": "s", "parameters": {"r": 10}}],
        state={name: {"meaning": "other", "unit": "K"} for name in "xyz"},
    )
    assert other.identity == lorenz().identity
    assert other.structure == lorenz().structure


def test_how_a_number_is_written_is_outside_identity():
    assert lorenz(equations={**LORENZ["equations"], "y": "x*(r - z) - 1.0*y"}).identity == (
        lorenz(equations={**LORENZ["equations"], "y": "x*(r - z) - 1e0*y"}).identity
    )


CHANGES = {
    "order of terms": {"equations": {**LORENZ["equations"], "z": "-b*z + x*y"}},
    "brackets that change the order of operations": {"equations": {**LORENZ["equations"], "y": "x*r - x*z - y"}},
    "order of equations": {"state": {name: {"meaning": "m"} for name in "zyx"}},
    "an angle": {"state": {**LORENZ["state"], "x": {"meaning": "m", "period": "2*pi"}}},
    "another variable name": {
        "state": {name: {"meaning": "m"} for name in "uyz"},
        "equations": {"u": "s*(y - u)", "y": "u*(r - z) - y", "z": "u*y - b*z"},
    },
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_decides_bits_or_meaning_changes_identity_and_structure(change):
    assert lorenz(**change).identity != lorenz().identity
    assert lorenz(**change).structure != lorenz().structure


@pytest.mark.parametrize("change", [{"initial": {"centre": [1, 1, 2], "spread": 1.0}}, {"initial": {"box": [[0, 1]] * 3}}])
def test_initial_states_change_identity_but_not_structure(change):
    assert lorenz(**change).identity != lorenz().identity
    assert lorenz(**change).structure == lorenz().structure


def test_parameters_and_size_in_identity_and_structure():
    assert lorenz().with_parameters({"r": 29.0}).identity != lorenz().identity
    assert lorenz().with_parameters({"r": 29.0}).structure == lorenz().structure
    assert lorenz().with_parameters({"r": 28}).identity == lorenz().identity
    sized = system_from({"x[i]": "x[i+1] - x[i]"}, size={"N": 5})
    assert sized.with_parameters({"N": 6}).structure != sized.structure
    assert sized.with_parameters({"N": 6}).form == sized.form


def test_definitions_of_one_identity_can_share_a_dictionary_key():
    assert {lorenz(): 1}[lorenz()] == 1
    assert lorenz() == lorenz()


DEFINITIONS = [
    lorenz(),
    ROSSLER,
    system_from(
        {"x": "v", "v": "-x**3 + cos(w*t)"}, parameters={"w": 1.1}, forcing_period="2*pi/w", initial={"centre": [1, 2, 3], "spread": [1, 2, 0]}
    ),
    system_from({"x": "delay(x, tau) - x"}, parameters={"tau": 2}, kind="delays"),
    system_from({"x": "delay(x, 2) - cos(t)"}, kind="delays", forcing_period="2*pi"),
    system_from(hamiltonian="(p**2 + q**2)/2 + q**3/3", state=["q", "p"], initial={"box": [[0, 0.1], [0, 0.1]], "on": {"H": "1/100"}}),
    system_from(hamiltonian="p**2/2 + cos(q - t)", state={"q": {"period": "2*pi"}, "p": {}}, forcing_period="2*pi"),
    system_from(
        {"x[i]": "w[i]*x[i+1] - x[i]", "m": "mean(x)"},
        parameters={"w": {"normal": [0, 1], "shape": "N", "seed": 5}},
        size={"N": 6},
        boundary="zero",
        initial={"points": [[1, 2, 3, 4, 5, 6, 7]]},
    ),
    system_from({"x": "(x + a) % 1"}, parameters={"a": "1/3"}, kind="maps", integrals={"c": "floor(x)"}),
]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: "+".join(definition.equations))
def test_json_brings_back_the_same_definition(definition):
    again = definition_from_data(json.loads(json.dumps(definition_to_data(definition))))
    assert again == definition
    assert (again.identity, again.structure, again.form) == (definition.identity, definition.structure, definition.form)


def test_json_keeps_annotations():
    definition = lorenz(
        tags=["a"],
        aliases=["b"],
        conservative=True,
        identities={"divergence": "-(s + 1 + b)"},
        symmetries={"turn": {"x": "-x", "y": "-y"}},
        source=[{"key": "k", "cite": "c", "doi": "d"}],
        known=[{"quantity": "lyapunov_spectrum", "value": [0.9, 0], "tolerance": [0.1, 0], "source": "k", "parameters": {"r": 30}, "note": "n"}],
        variant=[{"name": "v", "summary": "s", "parameters": {"r": 10}, "regime": "periodic"}],
    )
    assert definition_from_data(json.loads(json.dumps(definition_to_data(definition)))) == definition


# form


def test_form_ignores_names_order_and_brackets():
    renamed = system_from({"w": "-k*w + u*v", "u": "p*v - p*u", "v": "-v + q*u - w*u"}, parameters={"k": 1.0, "p": 2.0, "q": 3.0})
    assert renamed.form == lorenz().form
    assert lorenz().with_parameters({"r": 99.0}).form == lorenz().form


def test_different_systems_have_different_forms():
    sprott_b = system_from({"x": "y*z", "y": "x - y", "z": "1 - x*y"})
    sprott_c = system_from({"x": "y*z", "y": "x - y", "z": "1 - x**2"})
    one_sign = system_from({"x": "s*(y - x)", "y": "x*(r - z) + y", "z": "x*y - b*z"}, parameters={"s": 1, "r": 1, "b": 1})
    swapped = system_from({"x": "s*(y - x)", "y": "x*(s - z) - y", "z": "x*y - b*z"}, parameters={"s": 1, "b": 1})
    forms = [definition.form for definition in (lorenz(), ROSSLER, sprott_b, sprott_c, one_sign, swapped)]
    assert len(set(forms)) == len(forms)


EQUAL = [
    ("a*(x + y)**2/2", "0.5*a*x**2 + a*x*y + a*y*y/2"),
    ("x/(1 + y**2)", "x*(y*y + 1)**-1"),
    ("sqrt(x)", "x**0.5"),
    ("x**-2/a", "1/(a*x*x)"),
    ("where(x > y, 1, 2)", "where(y - x < 0, 1, 2)"),
    ("min(x, y)", "min(y, x)"),
    ("sin(x + y)", "sin(y + x)"),
    ("x - x + y", "y"),
    ("0.1*x", "x/10"),
]
UNEQUAL = [
    ("sin(x)", "cos(x)"),
    ("2*x", "a*x"),
    ("x**2", "x**3"),
    ("atan2(x, y)", "atan(x/y)"),
    ("x % 1", "x % 2"),
    ("where(x > y, 1, 2)", "where(x >= y, 1, 2)"),
]


def one_line(text):
    parameters = {"a": 1.0} if "a*" in text or "/a" in text or "(a" in text else {}
    return system_from({"x": text, "y": "3*y"}, parameters=parameters)


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_equal_expressions_have_equal_forms(left, right):
    assert one_line(left).form == one_line(right).form


@pytest.mark.parametrize(("left", "right"), UNEQUAL)
def test_unequal_expressions_have_unequal_forms(left, right):
    assert one_line(left).form != one_line(right).form


def test_sums_over_cells_are_compared_by_what_they_add_up():
    size = {"N": 4}
    first = system_from({"x[i]": "K*sum(j, sin(x[j] - x[i]))/N + mean(x)"}, parameters={"K": 1}, size=size)
    second = system_from({"u[i]": "sum(j, u[j])/M + sum(j, q/M*sin(-u[i] + u[j]))"}, parameters={"q": 1}, size={"M": 4})
    third = system_from({"u[i]": "sum(j, u[j])/M + sum(j, q*sin(-u[i] + u[j]))"}, parameters={"q": 1}, size={"M": 4})
    assert first.form == second.form
    assert first.form != third.form


def test_every_renaming_of_a_symmetric_system_has_one_form():
    """Cyclic and fully symmetric systems, where refinement alone cannot tell the variables apart."""
    ring = {"x": "sin(y) - b*x", "y": "sin(z) - b*y", "z": "sin(w) - b*z", "w": "sin(x) - b*w"}
    forms = set()
    for names in itertools.permutations("xyzw"):
        rename = str.maketrans("xyzw", "".join(names))
        forms.add(
            system_from(
                {k.translate(rename): v.replace("sin", "SIN").translate(rename).replace("SIN", "sin") for k, v in ring.items()}, parameters={"b": 1}
            ).form
        )
    assert len(forms) == 1
    two_rings = {"x": "sin(y) - b*x", "y": "sin(x) - b*y", "z": "sin(w) - b*z", "w": "sin(z) - b*w"}
    assert system_from(two_rings, parameters={"b": 1}).form not in forms, "equal neighbourhoods, different wiring"


def test_many_interchangeable_variables_have_one_form_after_few_leaves(monkeypatch):
    """Three triangles and a hexagon look alike from every vertex; 15 552 labellings keep their equations."""
    monkeypatch.setattr(form, "MAX_LEAVES", 4)
    rings = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11, 12, 13, 14)]
    sides = [(ring[k], ring[k - 1]) for ring in rings for k in range(len(ring))]
    forms = set()
    for seed in range(4):
        label = np.random.default_rng(seed).permutation(15)
        near = {k: [f"v{label[a + b - k]}" for a, b in sides if k in (a, b)] for k in range(15)}
        equations = {f"v{label[k]}": f"{' + '.join(near[k])} - v{label[k]}**3" for k in range(15)}
        forms.add(system_from(dict(sorted(equations.items()))).form)
    assert len(forms) == 1


def test_random_renamings_and_reorderings_of_random_systems_keep_the_form():
    random = np.random.default_rng(0)
    for _ in range(20):
        names, parameters = list("xyzw"), ["a", "b", "c"]
        terms = [[f"{random.choice([*parameters, '2'])}*{random.choice(names)}*{random.choice([*names, '1'])}" for _ in range(3)] for _ in names]
        equations = dict(zip(names, terms, strict=True))
        used = {p for p in parameters if any(p in term for row in terms for term in row)}
        swap = dict(zip(names + parameters, [*random.permutation(names), *random.permutation(parameters)], strict=True))
        table = str.maketrans({old: str(new) for old, new in swap.items()})
        plain = system_from({k: " + ".join(v) for k, v in equations.items()}, parameters=dict.fromkeys(sorted(used), 1.0))
        changed = {k.translate(table): " + ".join(random.permutation([term.translate(table) for term in v])) for k, v in equations.items()}
        assert system_from(changed, parameters=dict.fromkeys(sorted(p.translate(table) for p in used), 1.0)).form == plain.form


def test_kind_and_boundary_are_part_of_the_form():
    flow, mapping = system_from({"x": "1 - x**2"}), system_from({"x": "1 - x**2"}, kind="maps")
    assert flow.form != mapping.form
    assert system_from({"x[i]": "x[i+1]"}, size={"N": 4}).form != system_from({"x[i]": "x[i+1]"}, size={"N": 4}, boundary="zero").form


def test_a_product_too_long_to_expand_is_still_compared():
    """14 two-term factors would give 16 384 terms: the product stays closed, and renaming and signs are still seen."""
    first = "*".join(f"({p} + {q})" for p, q in itertools.permutations(["x", "a", "b", "c"], 2)) + "*(x + 1)*(x + 2)"
    renamed = first.translate(str.maketrans("xabc", "uqrs"))
    forms = [system_from({"x": first}, parameters=dict.fromkeys("abc", 1)).form, system_from({"u": renamed}, parameters=dict.fromkeys("qrs", 1)).form]
    assert forms[0] == forms[1]
    assert system_from({"x": first.replace("(x + 2)", "(x - 2)")}, parameters=dict.fromkeys("abc", 1)).form != forms[0]
