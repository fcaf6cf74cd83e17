"""Noise in definitions: what is read, what it changes, how it is shown, and what is refused."""

import json

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.printing import equation_lines, equations_in_latex
from chaosbench.dynamics.reader import definition_from_data, definition_to_data, read_definition, system_from
from chaosbench.errors import DefinitionError


def noisy(diffusion: dict | None, calculus: str | None = "ito", equations: dict[str, str] | None = None, **others) -> SystemDefinition:
    return system_from(equations or {"x": "-a*x", "y": "-y"}, kind="stochastic", calculus=calculus, diffusion=diffusion or {}, **others)


def compiled(diffusion: dict, equations: dict[str, str] | None = None, **others) -> CompiledSystem:
    return compile_system(noisy(diffusion, equations=equations or {"x": "-x", "y": "-y"}, **others))


@pytest.mark.parametrize(
    ("diffusion", "structure"),
    [
        ({"x": "2", "w": {"x": "1", "y": "3"}}, "additive"),
        ({"x": "x", "y": "y**2"}, "diagonal"),
        ({"w": {"x": "y", "y": "x"}}, "scalar"),
        ({"x": "y"}, "scalar"),
        ({"k": {"x": "x", "y": "y"}, "l": {"x": "x", "y": "-y"}}, "commuting"),
        ({"k": {"x": "y"}, "l": {"y": "x"}}, "general"),
        ({"x": "y", "y": "x"}, "general"),
    ],
)
def test_the_structure_of_noise_is_found_by_inspection(diffusion: dict, structure: str) -> None:
    assert compiled(diffusion).diffusion.structure == structure


def test_cells_have_processes_of_their_own_and_may_share_others() -> None:
    system = compiled({"u[i]": "s*u[i]", "w": {"u[i]": "1"}}, {"u[i]": "-u[i]"}, size={"N": 3}, parameters={"s": 0.5})
    assert system.diffusion.names == ("u0", "u1", "u2", "w")
    states, weights = np.array([[1.0, 2.0, 3.0]]), np.array([1.0, 10.0, 100.0, 7.0])
    assert system.diffusion.value(states, weights) == pytest.approx(np.array([[0.5 + 7, 10 + 7, 150 + 7]]))


def test_the_correction_is_the_sum_of_the_coefficients_along_themselves() -> None:
    """g = (x y, y): J g = (y x y + x y, y); two processes add up."""
    states = np.array([[2.0, 3.0], [-1.0, 0.5]])
    x, y = states.T
    found = compiled({"w": {"x": "x*y", "y": "y"}, "v": {"y": "x"}}).diffusion.correction(states)
    assert found == pytest.approx(np.stack([x * y * y + x * y, y], axis=1))  # v = (0, x) does not change along itself


def test_noise_is_part_of_identity_structure_and_form() -> None:
    plain = noisy({"x": "s"}, parameters={"a": 1.0, "s": 0.5})
    for other in (
        noisy({"y": "s"}, parameters={"a": 1.0, "s": 0.5}),
        noisy({"x": "s"}, "stratonovich", parameters={"a": 1.0, "s": 0.5}),
        noisy({"x": "s", "y": "s"}, parameters={"a": 1.0, "s": 0.5}),
        noisy({"w": {"x": "s", "y": "s"}}, parameters={"a": 1.0, "s": 0.5}),
    ):
        assert len({plain.identity, other.identity}) == len({plain.structure, other.structure}) == len({plain.form, other.form}) == 2
    renamed = noisy({"p": "r"}, equations={"p": "-b*p", "q": "-q"}, parameters={"b": 1.0, "r": 0.5})
    assert renamed.form == plain.form


def test_a_system_without_noise_says_nothing_about_it() -> None:
    assert "noise" not in system_from({"x": "-x"})._skeleton()


@pytest.mark.parametrize(
    "definition",
    [
        noisy({"x": "s", "w": {"x": "x", "y": "-y"}}, parameters={"a": 1.0, "s": 0.5}),
        noisy({"x": "s*cos(t)"}, "stratonovich", {"x": "-x + sin(t)"}, parameters={"s": 1.0}, forcing_period="2*pi"),
        noisy({"x": "0.1"}, None, {"x": "x/2"}, time="discrete"),
        noisy({"x": "1"}, None, {"x": "-x"}, hurst="H", parameters={"H": 0.3}),
        noisy({"u[i]": "u[i]"}, "ito", {"u[i]": "-u[i]"}, size={"N": 3}),
        noisy({"x": "w*x"}, "ito", {"x": "-w*x"}, terms={"w": "1 + x**2"}),
    ],
)
def test_json_brings_back_the_same_noise(definition: SystemDefinition) -> None:
    again = definition_from_data(json.loads(json.dumps(definition_to_data(definition))))
    assert (again.identity, again.structure, again.form) == (definition.identity, definition.structure, definition.form)
    assert again.noise == definition.noise


def test_noise_may_be_all_that_depends_on_time() -> None:
    breathing = compiled({"x": "1 + cos(2*pi*t)/2"}, forcing_period="1")
    assert breathing.definition.state[-1].name == "phase"
    states = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
    assert breathing.diffusion.value(states, np.ones(1))[:, 0] == pytest.approx([1.5, 0.5])
    with pytest.raises(DefinitionError, match="no equation uses t"):
        compiled({"x": "1"}, forcing_period="1")


def test_equations_are_shown_with_their_noise() -> None:
    ring = noisy({"w": {"x": "-s*y", "y": "s*x + 1"}}, "stratonovich", parameters={"a": 1.0, "s": 0.5})
    assert equation_lines(ring) == ("dx = (-a*x) dt + (-s*y) o dW_w", "dy = (-y) dt + (s*x + 1) o dW_w")
    assert "\\circ \\mathrm{d}W_{w}" in equations_in_latex(ring)
    assert equation_lines(noisy({"x": "0.1"}, None, {"x": "x/2"}, time="discrete")) == ("x -> x/2 + 0.1 n_x",)
    assert "dB_x" in equation_lines(noisy({"x": "2"}, None, {"x": "-x"}, hurst="0.3"))[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"diffusion": {"x": "1"}, "calculus": None}, 'calculus: missing.*write calculus = "ito"'),
        ({"diffusion": {"x": "1"}, "calculus": "itto"}, "calculus: 'itto' is not known.*did you mean 'ito'"),
        ({"diffusion": {}}, "diffusion: missing"),
        ({"diffusion": {"z": "1"}}, "diffusion.z: 'z' is no state variable"),
        ({"diffusion": {"x": {"y": "1"}}}, "diffusion.x: is a table under the name of a variable"),
        ({"diffusion": {"w": {}}}, "diffusion.w: drives no variable"),
        ({"diffusion": {"w": {"z": "1"}}}, "diffusion.w.z: unknown key"),
        ({"diffusion": {"a": {"x": "1"}}}, "diffusion.a: 'a' cannot name a process"),
        ({"diffusion": {"x": "sigmma"}}, "diffusion.x: unknown name 'sigmma'"),
        ({"diffusion": {"x": "delay(x, 1)"}}, "diffusion.x: delay"),
        ({"diffusion": {"x": "1"}, "time": "discrete"}, "calculus: 'ito' is given, but a map has no calculus"),
        ({"diffusion": {"x": "1"}, "time": "weekly", "calculus": None}, "time: 'weekly' is not known"),
        ({"diffusion": {"x": "1"}, "hurst": "0.7", "calculus": None, "time": "discrete"}, "hurst: is given for a map"),
        ({"diffusion": {"x": "1"}, "hurst": "0.7"}, "calculus: 'ito' is given, but fractional noise is additive"),
        ({"diffusion": {"x": "1"}, "hurst": "1.2", "calculus": None}, "hurst is 1.2; a Hurst exponent lies between 0 and 1"),
        (
            {"diffusion": {"x": "x"}, "hurst": "0.7", "calculus": None},
            "diffusion.x: depends on x, but with hurst the noise must be.*rough",
        ),
    ],
)
def test_bad_noise_is_refused_with_the_place_and_the_fix(given: dict, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        noisy(parameters={"a": 1.0}, **given)


def test_noise_outside_its_kind_and_hamiltonians_with_noise_are_refused() -> None:
    with pytest.raises(DefinitionError, match=r"diffusion: is given for a system of kind 'flows'.*kind 'stochastic'"):
        system_from({"x": "-x"}, diffusion={"x": "1"})
    with pytest.raises(DefinitionError, match="calculus: is given for a system of kind 'maps'"):
        system_from({"x": "-x"}, kind="maps", calculus="ito")
    with pytest.raises(DefinitionError, match="hamiltonian: stands beside"):
        system_from(kind="stochastic", state=["q", "p"], hamiltonian="p**2/2 + q**2/2", calculus="ito", diffusion={"p": "1"})
    with pytest.raises(DefinitionError, match="no equation uses it"):
        noisy({"x": "1"}, equations={"x": "-x"}, parameters={"s": 1.0})


def test_a_file_without_a_folder_says_its_kind(tmp_path) -> None:
    text = 'kind = "stochastic"\ntitle = "t"\nsummary = "s."\ncalculus = "ito"\n[state]\nx = { meaning = "what" }\n[equations]\nx = "-x"\n'
    path = tmp_path / "one.toml"
    path.write_text(text + '[diffusion]\nx = "1"\n[initial]\ncentre = [0.0]\n')
    assert read_definition(path).noise.calculus == "ito"
