"""Every broken rule of the grammar is an error that names the file, the key, what is wrong and how to mend it."""

import copy

import pytest

from chaosbench.dynamics.builder import build_definition
from chaosbench.dynamics.reader import read_definition, system_from
from chaosbench.errors import DefinitionError

GOOD = {
    "title": "A",
    "summary": "B.",
    "state": {"x": {"meaning": "m"}, "y": {"meaning": "m"}},
    "parameters": {"sigma": {"value": 1.0, "meaning": "m"}},
    "equations": {"x": "sigma*y", "y": "-x"},
    "initial": {"centre": [0, 0]},
    "source": [{"key": "s", "cite": "c"}],
}
SIZED = {**GOOD, "size": {"N": 5}, "state": {"u[i]": {"meaning": "m"}}, "equations": {"u[i]": "sigma*u[i+1]"}, "initial": {"centre": [0]}}
DELAY = {**GOOD, "equations": {"x": "delay(y, sigma)", "y": "-x"}, "initial": {"history": {"x": "1", "y": "t"}}}
FORCED = {**GOOD, "forcing_period": "2*pi", "equations": {"x": "sigma*y", "y": "cos(t)"}}
KNOWN = {"quantity": "largest_exponent", "value": 0.1, "tolerance": 0.01, "source": "s"}
SPECTRUM = {**KNOWN, "quantity": "lyapunov_spectrum", "value": [0.1, -0.2]}

BROKEN = [
    # base, kind, path to the changed entry, new value, words of the message
    (GOOD, "flows", ["colour"], "red", "f.toml: colour: unknown key; keys here are"),
    (GOOD, "flows", ["equatons"], {}, "did you mean 'equations'?"),
    (GOOD, "flows", ["title"], "", "f.toml: title: '' is not text"),
    (GOOD, "flows", ["tags"], "chaos", "f.toml: tags: 'chaos' is not a list"),
    (GOOD, "flows", ["tags"], ["a", "a"], "repeats an entry"),
    (GOOD, "flows", ["conservative"], "yes", "neither true nor false"),
    (GOOD, "flows", ["state"], {}, "state: is empty"),
    (GOOD, "flows", ["state", "x"], {}, "f.toml: state.x.meaning: missing"),
    (GOOD, "flows", ["state", "x"], "position", "is not a table"),
    (GOOD, "flows", ["state", "x", "colour"], "red", "f.toml: state.x.colour: unknown key"),
    (GOOD, "flows", ["state", "x", "period"], "2*pi/omega", "state.x.period: unknown name 'omega'"),
    (GOOD, "flows", ["state", "x", "period"], "-sigma", "a period is positive"),
    (GOOD, "flows", ["state", "u[i]"], {"meaning": "m"}, "the system has no size"),
    (GOOD, "flows", ["parameters", "x"], {"value": 1, "meaning": "m"}, "'x' is used twice"),
    (GOOD, "flows", ["parameters", "lambda"], {"value": 1, "meaning": "m"}, "no reserved words of Python"),
    (GOOD, "flows", ["parameters", "t"], {"value": 1, "meaning": "m"}, "'t' has a meaning of its own"),
    (GOOD, "flows", ["parameters", "sin"], {"value": 1, "meaning": "m"}, "'sin' has a meaning of its own"),
    (GOOD, "flows", ["parameters", "spare"], {"value": 1, "meaning": "m"}, "parameters.spare: no equation uses it"),
    (GOOD, "flows", ["parameters", "sigma", "value"], "8/0", "parameters.sigma.value: has no finite value"),
    (GOOD, "flows", ["parameters", "sigma", "value"], "2*pie", "did you mean 'pi'?"),
    (GOOD, "flows", ["parameters", "sigma", "value"], float("nan"), "is not finite"),
    (GOOD, "flows", ["parameters", "sigma", "value"], True, "is not a number"),
    (GOOD, "flows", ["parameters", "sigma"], {"meaning": "m"}, "parameters.sigma.value: missing"),
    (GOOD, "flows", ["parameters", "sigma", "chaotic"], [2, 1], "chaotic: [2.0, 1.0] is empty"),
    (GOOD, "flows", ["parameters", "sigma"], {"formula": "i", "shape": "N", "meaning": "m"}, "the system has no size"),
    (GOOD, "flows", ["equations", "y"], "siggma*x", "f.toml: equations.y: unknown name 'siggma'; names here are sigma, x, y; did you mean 'sigma'?"),
    (GOOD, "flows", ["equations", "z"], "x", "f.toml: equations.z: unknown key; keys here are x, y"),
    (GOOD, "flows", ["equations"], {"x": "sigma*y"}, "f.toml: equations.y: missing"),
    (GOOD, "flows", ["equations", "y"], 3, "equations.y: 3 is not text"),
    (GOOD, "flows", ["equations", "y"], "cos(t)", "give forcing_period"),
    (GOOD, "flows", ["equations", "y"], "x[i]", "used with an index"),
    (GOOD, "flows", ["equations", "y"], "sum(j, x)", "needs cells"),
    (GOOD, "flows", ["equations", "y"], "delay(x, sigma)", "only in the equations of a system of kind 'delays'"),
    (GOOD, "flows", ["terms"], {"w": "x"}, "f.toml: terms.w: no formula uses it"),
    (GOOD, "flows", ["terms"], {"x": "1"}, "'x' is used twice"),
    (GOOD, "flows", ["terms"], {"w": "v", "v": "x"}, "f.toml: terms.w: unknown name 'v'"),
    (GOOD, "flows", ["terms"], {"w[i]": "x"}, "indexed terms need cells"),
    (GOOD, "flows", ["terms"], {"w": "t"}, "give forcing_period"),
    (SIZED, "flows", ["terms"], {"u[i]": "1"}, "'u' is used twice"),
    (GOOD, "flows", ["forcing_period"], "2*pi", "no equation uses t"),
    (GOOD, "flows", ["hamiltonian"], "x*y", "stands beside [equations]"),
    (GOOD, "flows", ["boundary"], "zero", "in a file with [size]"),
    (GOOD, "flows", ["initial"], {}, "gives none of centre, box, points, history"),
    (GOOD, "flows", ["initial"], {"centre": [0, 0], "box": [[0, 1], [0, 1]]}, "gives centre and box of"),
    (GOOD, "flows", ["initial"], {"centre": [0]}, "1 entries for the variables x, y"),
    (GOOD, "flows", ["initial"], {"centre": [0, 0], "spread": -1}, "is negative"),
    (GOOD, "flows", ["initial"], {"centre": [0, 0], "spread": [1]}, "initial.spread: 1 entries"),
    (GOOD, "flows", ["initial"], {"box": [[0, 1], [1, 0]]}, "initial.box[1]: [1.0, 0.0] is empty"),
    (GOOD, "flows", ["initial"], {"box": [[0, 1], [1, 2]], "spread": 1}, "has no meaning with box"),
    (GOOD, "flows", ["initial"], {"points": [[1, 2, 3]]}, "a point has 3 numbers for 2 components"),
    (GOOD, "flows", ["initial"], {"history": {"x": "1", "y": "1"}}, "delays start from a history"),
    (GOOD, "flows", ["initial"], {"centre": [0, 0], "on": {"E": "1/8"}}, "initial.on.E: unknown key"),
    (GOOD, "flows", ["initial", "center"], [0, 0], "did you mean 'centre'?"),
    (GOOD, "flows", ["identities"], {"determinant": "1"}, "f.toml: identities.determinant: unknown key; keys here are divergence"),
    (GOOD, "maps", ["identities"], {"divergence": "1"}, "keys here are determinant"),
    (GOOD, "flows", ["integrals"], {"E": "x + q"}, "integrals.E: unknown name 'q'"),
    (GOOD, "flows", ["symmetries"], {"turn": {"z": "-z"}}, "symmetries.turn.z: unknown key"),
    (GOOD, "flows", ["known"], [{**KNOWN, "source": "other"}], "f.toml: known[0].source: no [[source]] has the key 'other'"),
    (GOOD, "flows", ["known"], [{**KNOWN, "quantity": "lyapunov"}], "known[0].quantity: 'lyapunov' is not known"),
    (GOOD, "flows", ["known"], [{**KNOWN, "parameters": {"rho": 1}}], "known[0].parameters.rho: unknown key"),
    (GOOD, "flows", ["known"], [{**KNOWN, "size": {"N": 4}}], "known[0].size.N: unknown key"),
    (GOOD, "flows", ["known"], [{**KNOWN, "value": [1]}], "does not fit largest_exponent"),
    (GOOD, "flows", ["known"], [{**SPECTRUM, "value": [-0.2, 0.1]}], "not in descending order"),
    (GOOD, "flows", ["known"], [{**SPECTRUM, "tolerance": [0.1]}], "tolerance: (0.1,) does not fit the value"),
    (GOOD, "flows", ["known"], [{"quantity": "largest_exponent", "value": 1, "source": "s"}], "known[0].tolerance: missing"),
    (GOOD, "flows", ["known"], KNOWN, "write [[known]] above each entry"),
    (GOOD, "flows", ["source"], [{"key": "s", "cite": "c"}, {"key": "s", "cite": "d"}], "'s' is used twice"),
    (GOOD, "flows", ["source"], [{"key": "s"}], "source[0].cite: missing"),
    (GOOD, "flows", ["variant"], [{"name": "v", "summary": "s", "regime": "odd"}], "variant[0].regime: 'odd' is not known"),
    (GOOD, "flows", ["variant"], [{"name": "v", "summary": "s", "parameters": {"sigm": 1}}], "did you mean 'sigma'?"),
    (GOOD, "delays", ["title"], "T", "no delay(...) occurs"),
    (SIZED, "flows", ["size"], {"N": 0}, "size.N: 0 is not allowed"),
    (SIZED, "flows", ["size"], {"N": 5, "M": 6}, "a system has one size"),
    (SIZED, "flows", ["size"], {"N": 1}, "N = 1 is too small; the equations reach over 2 cells"),
    (SIZED, "flows", ["boundary"], "open", "rule: 'periodic' or 'zero'"),
    (SIZED, "flows", ["equations", "u[i]"], "sigma*u", "write u[i]"),
    (SIZED, "flows", ["equations", "u[i]"], "sigma*u[j]", "outside sum(j, ...)"),
    (SIZED, "flows", ["equations", "u[i]"], "sigma*sum(j, sum(j, u[j]))", "sum inside sum"),
    (SIZED, "flows", ["equations", "u[i]"], "sigma*j", "'j' is not bound here"),
    (SIZED, "flows", ["equations", "u[i]"], "sigma[i]", "one number and is used with an index"),
    (SIZED, "flows", ["equations", "u[i]"], "mean(sigma)", "has no cells"),
    (SIZED, "flows", ["state", "u3"], {"meaning": "m"}, "also the name of a cell"),
    (SIZED, "flows", ["parameters", "w"], {"formula": "k", "shape": "N", "meaning": "m"}, "parameters.w.formula: unknown name 'k'"),
    (SIZED, "flows", ["parameters", "w"], {"normal": [0, 1], "shape": "N", "meaning": "m"}, "parameters.w.seed: None is not allowed"),
    (SIZED, "flows", ["parameters", "w"], {"normal": [0, -1], "shape": "N", "seed": 1, "meaning": "m"}, "standard deviation >= 0"),
    (SIZED, "flows", ["parameters", "w"], {"formula": "i", "normal": [0, 1], "shape": "N", "meaning": "m"}, "gives formula and normal"),
    (SIZED, "flows", ["parameters", "w"], {"formula": "i", "shape": "M", "meaning": "m"}, "shapes are 'N'"),
    (DELAY, "delays", ["initial"], {"centre": [0, 0]}, "delays start from a history"),
    (DELAY, "delays", ["initial", "history"], {"x": "1"}, "initial.history.y: missing"),
    (DELAY, "delays", ["initial", "history"], {"x": "x", "y": "1"}, "initial.history.x: unknown name 'x'"),
    (DELAY, "delays", ["equations", "x"], "delay(y, x)", "lag of delay(y, ...): unknown name 'x'"),
    (DELAY, "delays", ["equations", "x"], "delay(sigma, 1)", "unknown name 'sigma'"),
    (DELAY, "delays", ["equations", "x"], "delay(y, -sigma)", "a lag is a positive time"),
    (FORCED, "flows", ["state", "phase"], {"meaning": "m"}, "'phase' has a meaning of its own"),
    (FORCED, "flows", ["forcing_period"], "2*pi/x", "forcing_period: unknown name 'x'"),
    (FORCED, "flows", ["forcing_period"], "-1", "a period is positive"),
    (FORCED, "maps", ["title"], "T", "maps have no time"),
]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: f"{'.'.join(case[2])}: {case[4][:30]}")
def test_a_broken_rule_is_named_with_its_place_and_its_mending(case):
    base, kind, path, value, words = case
    data = copy.deepcopy(base)
    table = data
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    with pytest.raises(DefinitionError) as caught:
        build_definition(data, name="f", kind=kind, label="f.toml")
    message = str(caught.value)
    assert words in message
    assert message.startswith(("f.toml: ", "f: "))
    assert ";" in message, "what is wrong; rule; fix"


@pytest.mark.parametrize(("data", "kind"), [(GOOD, "flows"), (GOOD, "maps"), (SIZED, "flows"), (DELAY, "delays"), (FORCED, "flows")])
def test_the_unbroken_definitions_are_accepted(data, kind):
    assert build_definition(data, name="f", kind=kind, label="f.toml").kind == kind


def test_a_hamiltonian_needs_as_many_momenta_as_positions():
    with pytest.raises(DefinitionError, match="hamiltonian: state q, p, r is not positions followed by"):
        system_from(hamiltonian="q*p*r", state=["q", "p", "r"])


def test_a_second_integral_called_h_is_refused():
    with pytest.raises(DefinitionError, match=r"integrals\.H: the Hamiltonian is an integral called H already"):
        system_from(hamiltonian="p**2/2 + q**2/2", state=["q", "p"], integrals={"H": "p"})


def test_an_unknown_kind_is_refused():
    with pytest.raises(DefinitionError, match="'flow' is not known; kinds are flows, maps, delays.*; did you mean 'flows'"):
        system_from({"x": "-x"}, kind="flow")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sigm": 1.0}, "unknown parameter 'sigm'; parameters are sigma, w, N; did you mean 'sigma'?"),
        ({"sigma": float("inf")}, "parameters are finite numbers"),
        ({"sigma": "2"}, "parameters are finite numbers"),
        ({"sigma": True}, "parameters are finite numbers"),
        ({"w": 1.0}, "'w' is a vector or matrix"),
        ({"N": 2.5}, "the size is a whole number"),
        ({"N": 3}, "N = 3 is too small"),
    ],
)
def test_parameters_are_replaced_by_name_only(values, words):
    parameters = {"sigma": 1.0, "w": {"formula": "i", "shape": "N"}}
    definition = system_from({"x[i]": "(x[i+1] - x[i-2])*w[i]*sigma"}, parameters=parameters, size={"N": 5})
    with pytest.raises(DefinitionError, match="custom: ") as caught:
        definition.with_parameters(values)
    assert words in str(caught.value)


def test_points_no_longer_fit_another_size():
    definition = system_from({"x[i]": "-x[i]"}, size={"N": 2}, initial={"points": [[1, 2]]})
    with pytest.raises(DefinitionError, match="a point has 2 numbers for 3 components"):
        definition.with_parameters({"N": 3})


def test_an_unknown_variant_names_the_known_ones():
    with pytest.raises(DefinitionError, match="unknown variant 'a'; variants are none"):
        system_from({"x": "-x"}).variant("a")


@pytest.mark.parametrize(
    ("name", "content", "words"), [("Bad Name.toml", b"", "file name"), ("a.toml", b"x = [", "is not TOML"), ("a.toml", b"\xff", "not UTF-8")]
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DefinitionError, match=words):
        read_definition(path)


@pytest.mark.parametrize(
    ("terms", "equation", "message"),
    [
        ({"w[i]": "u[i-1]"}, "w", "'w' is indexed and stands without an index"),
        ({"w": "sigma"}, "w[i]", "'w' is one number and is used with an index"),
        ({"w[i]": "sum(j, u[j])*u[i]"}, "sum(j, w[j])", "only one running index exists"),
        ({"w[i]": "sum(j, A[i,j]*u[j])"}, "w[i+1]", "whose rows cannot be moved"),
    ],
)
def test_a_term_used_against_its_kind(terms, equation, message):
    matrix = {"A": {"formula": "i", "shape": "NN"}}
    with pytest.raises(DefinitionError) as caught:
        system_from({"u[i]": f"{equation} - sigma*u[i] + sum(j, A[i,j])"}, parameters={"sigma": 1.0, **matrix}, size={"N": 5}, terms=terms)
    assert message in str(caught.value)
