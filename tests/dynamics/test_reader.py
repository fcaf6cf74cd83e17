"""Reading definition files and strings: what every part of a file becomes."""

import math
import subprocess
import sys

import numpy as np
import pytest

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.printing import equation_lines
from chaosbench.dynamics.reader import definition_from_data, definition_to_data, read_definition, read_headline, system_from
from chaosbench.errors import DefinitionError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.text import to_text
from chaosbench.randomness import generator

FLOW = """
title = "Lorenz 1963"
summary = '''Convection.
[state] is a word here.'''
tags = ["climate", "dissipative"]
[state]
x = { meaning = "motion" }
y = { meaning = "temperature", unit = "K" }
z = { meaning = "profile" }
[parameters]
sigma = { value = 10.0, meaning = "Prandtl number" }
rho = { value = 28, meaning = "Rayleigh number", chaotic = [24.74, 100.0] }
beta = { value = "8/3", meaning = "aspect ratio" }
[equations]
x = "sigma*(y - x)"
y = "x*(rho - z) - y"
z = "x*y - beta*z"
[initial]
centre = [1.0, 1, "3/2"]
spread = 1.0
[identities]
divergence = "-(sigma + 1 + beta)"
[symmetries]
rotation = { x = "-x", y = "-y" }
[[known]]
quantity = "lyapunov_spectrum"
value = [0.9056, 0.0, -14.5723]
tolerance = [0.003, 0.003, 0.006]
source = "book"
[[source]]
key = "book"
cite = "A book"
[[variant]]
name = "laminar"
summary = "Two fixed points."
parameters = { rho = 10 }
regime = "fixed point"
"""
FORCED = """
kind = "flows"
title = "Duffing"
summary = "Forced."
forcing_period = "2*pi/omega"
[state]
x = { meaning = "position" }
v = { meaning = "velocity" }
[parameters]
delta = { value = 0.3, meaning = "damping" }
omega = { value = 1.2, meaning = "frequency" }
[equations]
x = "v"
v = "-delta*v + x - x**3 + 0.5*cos(omega*t)"
[initial]
centre = [0, 0]
spread = 0.5
[symmetries]
half = { x = "-x", v = "-v", phase = "phase + pi/omega" }
"""


def written(folder, text, name="some_system.toml"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_becomes_a_definition_with_all_its_parts(tmp_path):
    (tmp_path / "flows").mkdir()
    definition = read_definition(written(tmp_path / "flows", FLOW))
    assert (definition.name, definition.kind, definition.title, definition.dimension) == ("some_system", "flows", "Lorenz 1963", 3)
    assert definition.components == ("x", "y", "z")
    assert definition.state[1].unit == "K"
    assert definition.parameter_names == ("sigma", "rho", "beta")
    assert definition.parameter_values.tolist() == [10.0, 28.0, 8 / 3]
    assert definition.parameters[1].chaotic == (24.74, 100.0)
    assert np.isnan(definition.periods).all()
    assert definition.initial.centre == (1.0, 1.0, 1.5)
    assert definition.initial.spread == 1.0
    assert to_text(definition.identities["divergence"]) == "-(sigma + 1 + beta)"
    assert {name: to_text(tree) for name, tree in definition.symmetries["rotation"].items()} == {"x": "-x", "y": "-y", "z": "z"}
    assert definition.known[0].value == (0.9056, 0.0, -14.5723)
    assert definition.sources[0].key == definition.known[0].source == "book"
    assert definition.variant("laminar").scalars["rho"] == 10.0
    assert not definition.conservative


def test_the_headline_agrees_with_the_definition(tmp_path):
    for text in (FLOW, FORCED):
        path = written(tmp_path, text)
        headline, definition = read_headline(path), read_definition(path)
        assert (headline.name, headline.kind, headline.title) == (definition.name, definition.kind, definition.title)
        assert (headline.tags, headline.dimension) == (definition.tags, definition.dimension)


def test_the_folder_gives_the_kind_and_a_key_may_not_contradict_it(tmp_path):
    (tmp_path / "maps").mkdir()
    with pytest.raises(DefinitionError, match="'flows' disagrees with the folder 'maps'"):
        read_definition(written(tmp_path / "maps", FORCED))
    assert read_definition(written(tmp_path, FORCED)).kind == "flows"


def test_time_becomes_the_variable_phase(tmp_path):
    definition = read_definition(written(tmp_path, FORCED))
    assert definition.components == ("x", "v", "phase")
    assert definition.dimension == 3
    assert to_text(definition.equations["v"]) == "-delta*v + x - x**3 + 0.5*cos(omega*phase)"
    assert to_text(definition.equations["phase"]) == "1"
    assert definition.periods[2] == 2 * math.pi / 1.2
    assert definition.initial.centre == (0.0, 0.0, 0.0)
    assert definition.initial.spread == (0.5, 0.5, 0.0)
    assert to_text(definition.symmetries["half"]["phase"]) == "phase + pi/omega"
    assert definition.with_parameters({"omega": 2.0}).periods[2] == math.pi
    value = compile_system(definition).value(np.array([[0.5, 2.0, 1.0]]))
    assert value[0].tolist() == pytest.approx([2.0, -0.3 * 2.0 + 0.5 - 0.125 + 0.5 * math.cos(1.2), 1.0], rel=1e-15)


@pytest.mark.parametrize(
    ("initial", "expected"),
    [
        ({"centre": [1, 2], "spread": [0.1, 0.2]}, {"centre": (1.0, 2.0, 0.0), "spread": (0.1, 0.2, 0.0)}),
        ({"centre": [1, 2, 3], "spread": 0.1}, {"centre": (1.0, 2.0, 3.0), "spread": (0.1, 0.1, 0.0)}),
        ({"box": [[0, 1], [2, 3]]}, {"box": ((0.0, 1.0), (2.0, 3.0), (0.0, 0.0))}),
        ({"box": [[0, 1], [2, 3], [0, "2*pi"]]}, {"box": ((0.0, 1.0), (2.0, 3.0), (0.0, 2 * math.pi))}),
        ({"points": [[1, 2], [3, 4]]}, {"points": ((1.0, 2.0, 0.0), (3.0, 4.0, 0.0))}),
    ],
)
def test_the_phase_starts_at_zero_unless_listed(initial, expected):
    definition = system_from({"x": "v", "v": "cos(t) - x"}, forcing_period="2*pi", initial=initial)
    assert {key: getattr(definition.initial, key) for key in expected} == expected


def test_a_delay_system_lists_its_lags_once_and_starts_from_a_history():
    definition = system_from(
        {"x": "b*delay(x, tau)/(1 + delay(x, tau)**2) - x", "y": "delay(x, 2*tau) - delay(y, tau)*cos(t)"},
        parameters={"b": 2.0, "tau": 1.5},
        kind="delays",
        forcing_period="2*pi",
        initial={"history": {"x": "1 + 0.1*sin(t)", "y": "0.5"}, "spread": 0.1},
    )
    assert [to_text(lag) for lag in definition.lags] == ["tau", "2*tau"]
    compiled = compile_system(definition)
    assert compiled.delayed == ((0, 0), (0, 1), (1, 0))
    assert compiled.lags().tolist() == [1.5, 3.0]
    assert compiled.lags(np.array([[1.0, 1.0], [1.0, 4.0]])).tolist() == [[1.0, 2.0], [4.0, 8.0]]
    assert {name: to_text(tree) for name, tree in definition.initial.history.items()} == {"x": "1 + 0.1*sin(t)", "y": "0.5", "phase": "t"}
    assert definition.initial.spread == (0.1, 0.1, 0.0)
    value = compiled.value(np.array([[0.5, 2.0, 1.0]]), past=np.array([[3.0, 5.0, 7.0]]))
    assert value[0].tolist() == pytest.approx([2.0 * 3.0 / 10.0 - 0.5, 5.0 - 7.0 * math.cos(1.0), 1.0], rel=1e-15)


def test_strings_get_sensible_defaults():
    flow = system_from({"x": "v", "v": "-x"})
    assert (flow.initial.centre, flow.initial.spread) == ((0.1, 0.1), 0.01)
    assert flow.name == "custom"
    delay = system_from({"x": "delay(x, 2)"}, kind="delays")
    assert delay.initial.history == {"x": parse("0.1", where="t")}


def test_vectors_follow_their_recipe_and_the_size():
    parameters = {
        "w": {"formula": "1 + i/N", "shape": "N"},
        "A": {"formula": "where(abs(i - j) <= 1, 1, 0)", "shape": "NN"},
        "g": {"normal": [1.0, 0.5], "shape": "N", "seed": 3},
        "h": {"uniform": [-1, 1], "shape": "NN", "seed": 4},
        "F": 8.0,
    }
    definition = system_from({"x[i]": "w[i]*sum(j, A[i,j]*x[j]) + g[i] + F*sum(j, h[i,j])"}, parameters=parameters, size={"N": 4})
    values = dict(zip(definition.parameter_names, definition.parameter_values, strict=True))
    assert definition.components == ("x0", "x1", "x2", "x3")
    assert [values[f"w[{i}]"] for i in range(4)] == [1.0, 1.25, 1.5, 1.75]
    assert [[values[f"A[{i},{j}]"] for j in range(4)] for i in range(4)] == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]
    assert [values[f"g[{i}]"] for i in range(4)] == generator(3, "parameter", "g").normal(1.0, 0.5, 4).tolist()
    assert values["h[3,3]"] == generator(4, "parameter", "h").uniform(-1, 1, 16)[15]
    larger = definition.with_parameters({"N": 6, "F": 2.0})
    assert larger.dimension == 6
    assert len(larger.parameter_values) == 6 + 36 + 6 + 36 + 1
    assert larger.parameter_values[1] == 1 + 1 / 6
    assert larger.scalars == {"F": 2.0, "N": 6.0}


def test_a_sized_right_hand_side_is_the_rolled_array():
    definition = system_from({"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + F"}, parameters={"F": 8}, size={"N": 9})
    x = np.random.default_rng(0).normal(size=(5, 9))
    expected = (np.roll(x, -1, 1) - np.roll(x, 2, 1)) * np.roll(x, 1, 1) - x + 8.0
    np.testing.assert_array_equal(compile_system(definition).value(x), expected)


def test_terms_are_replaced_where_they_stand_and_shown_as_written():
    equations = {"x[i]": "m[i+1]*a - x[i] + sum(j, m[j-1]) + mean(m)"}
    short = system_from(equations, parameters={"F": 8}, size={"N": 5}, terms={"a": "F/2", "m[i]": "x[i-1] + i*a"})
    whole = system_from(
        {"x[i]": "(x[i] + (i + 1)*(F/2))*(F/2) - x[i] + sum(j, x[j-2] + (j - 1)*(F/2)) + sum(j, x[j-1] + j*(F/2))/N"},
        parameters={"F": 8},
        size={"N": 5},
    )
    x = np.random.default_rng(0).normal(size=(3, 5))
    np.testing.assert_allclose(compile_system(short).value(x), compile_system(whole).value(x), rtol=1e-14)
    assert equation_lines(short) == ("a = F/2", "m[i] = x[i-1] + i*a", "dx[i]/dt = m[i+1]*a - x[i] + sum(j, m[j-1]) + mean(m)")
    again = definition_from_data(definition_to_data(short))
    assert (again.identity, again.terms, again.written) == (short.identity, short.terms, short.written)


def test_a_term_serves_a_hamiltonian_and_balances():
    definition = system_from(hamiltonian="kinetic + q**2/2", state=["q", "p"], terms={"kinetic": "p**2/2"}, integrals={"twice": "2*kinetic + q**2"})
    assert definition.identity == system_from(hamiltonian="p**2/2 + q**2/2", state=["q", "p"]).identity
    assert to_text(definition.integrals["twice"]) == "2*(p**2/2) + q**2"
    assert definition_from_data(definition_to_data(definition)).identity == definition.identity
    only = system_from({"x": "v", "v": "-x"}, terms={"half": "v**2/2"}, integrals={"E": "half + x**2/2"})
    assert definition_from_data(definition_to_data(only)).integrals == only.integrals


def test_reading_loads_no_heavy_package(tmp_path):
    path = written(tmp_path, FLOW)
    code = (
        "import sys; from chaosbench.dynamics.reader import read_definition; "
        f"d = read_definition({str(path)!r}); d.identity, d.form; "
        "print([m for m in ('numba', 'llvmlite', 'scipy', 'torch', 'xarray', 'pandas', 'zarr') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
