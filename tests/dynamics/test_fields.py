"""Systems of fields: what a file becomes, how equations are taken apart, and what is refused with which words."""

import json
import tomllib
from typing import Any

import numpy as np
import pytest

from chaosbench.dynamics.builder import build_definition
from chaosbench.dynamics.compile import FieldSystem, compile_system
from chaosbench.dynamics.data import definition_from_data, definition_to_data
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.field_numpy import tangents_of
from chaosbench.dynamics.reader import read_definition, read_headline
from chaosbench.errors import DefinitionError
from chaosbench.initial import draw_initial

LINE = """
title = "Line"
summary = "A line."
[domain]
x = { length = "L", points = 24 }
[state]
u = { meaning = "height", mean = 0.5 }
[parameters]
L = { value = 5.0, meaning = "length" }
a = { value = 2.0, meaning = "rate" }
[equations]
u = "-a*u*dx(u) - dx(u, 4)"
[initial]
waves = { u = { amplitude = 0.1, up_to = 4 } }
[[variant]]
name = "fine"
summary = "Twice the points and length."
parameters = { L = 10 }
domain = { x = 48 }
"""
PLANE = """
title = "Plane"
summary = "A plane."
[domain]
x = { length = "2*pi", points = 16 }
y = { length = 3, points = 20 }
[state]
A = { meaning = "amplitude", complex = true }
B = { meaning = "amplitude", complex = true }
[parameters]
b = { value = 0.5, meaning = "rate" }
[terms]
psi = "inverse_laplacian(A) + inverse_helmholtz(A - I*B, b)"
[equations]
A = "I*laplacian(A) + b*dy(B) - conj(A)*dx(psi)*B - 0.1*laplacian(A, 2) + cos(x)*A + sin(x) + I*cos(4*pi*y/3)"
B = "-B + 0.5*re(A)*im(B)*A/(1 + abs2(B))"
[initial.profile]
A = "cos(x) + I*sin(4*pi*y/3)"
"""


def made(text: str, **changes: str) -> SystemDefinition:
    for old, new in changes.items():
        text = text.replace(f"<{old}>", new)
    return build_definition(tomllib.loads(text), name="test", kind="fields", label="test")


def compiled(definition: SystemDefinition) -> FieldSystem:
    found = compile_system(definition)
    assert isinstance(found, FieldSystem)
    return found


def test_a_file_becomes_a_definition_with_its_grid(tmp_path) -> None:
    folder = tmp_path / "fields"
    folder.mkdir()
    path = folder / "plane.toml"
    path.write_text(PLANE)
    definition, headline = read_definition(path), read_headline(path)
    assert (definition.kind, definition.dimension, headline.dimension) == ("fields", 1280, 1280)
    assert definition.components[:2] == ("A_re0", "A_re1")
    assert definition.components[-1] == "B_im319"
    assert compiled(definition).shape == (4, 20, 16)


@pytest.mark.parametrize("text", [LINE, PLANE])
def test_data_bring_back_the_same_definition(text: str) -> None:
    definition = made(text)
    again = definition_from_data(json.loads(json.dumps(definition_to_data(definition))))
    assert (again.identity, again.structure, again.form) == (definition.identity, definition.structure, definition.form)
    assert again.variants == definition.variants


def test_what_decides_numbers_decides_the_identity() -> None:
    line = made(LINE)
    others = [LINE.replace(*pair) for pair in (("points = 24", "points = 30"), ("mean = 0.5", "mean = 0.0"), ("up_to = 4", "up_to = 3"))]
    others.append('dealias = "1/2"\n' + LINE)
    assert len({line.identity, line.variant("fine").identity, *(made(text).identity for text in others)}) == 6
    assert line.variant("fine").dimension == 48


def test_sums_are_taken_apart_and_products_are_not() -> None:
    form = compiled(made(LINE)).equations.form
    assert [(equation, field, operator.dx) for equation, field, _, operator in form.linear] == [(0, 0, 4)]
    assert [(field, [operator.dx for _, operator in parts]) for field, parts in form.inputs] == [(0, [0]), (0, [1])]
    assert (form.degree, form.dealias, len(form.products)) == (2.0, "2/3", 1)
    cubic = compiled(made(LINE.replace("a*u*dx(u)", "a*u*(1 - u**2)"))).equations.form
    assert (cubic.degree, cubic.dealias) == (3.0, "1/2")
    assert compiled(made(LINE.replace("a*u*dx(u)", "a*dx(u)"))).equations.form.dealias == "none"
    assert compiled(made(LINE.replace("a*u*dx(u)", "a*sin(u)"))).equations.form.dealias == "1/2"


def test_a_complex_system_with_every_function_has_the_rates_of_its_text() -> None:
    """Derivatives of the two waves of A and of B = A (1 + i)/2 by hand, as a whole, without the plan."""
    system = compiled(made("dealias = 'none'\n" + PLANE))
    x, y = 2 * np.pi * np.arange(16) / 16, (3 * np.arange(20) / 20)[:, None]
    k, b = 4 * np.pi / 3, 0.5
    across, along = np.cos(x) + 0 * y, 1j * np.sin(k * y) + 0 * x
    a, half = across + along, (1 + 1j) / 2
    lap, lap2 = -across - k**2 * along, across + k**4 * along
    rest = 1 - 1j * half  # A - i B = rest * A
    slope = np.sin(x) * (1 + rest / (1 + b)) + 0 * y
    second = half * a
    first = 1j * lap + b * half * 1j * k * np.cos(k * y) - np.conj(a) * slope * second - 0.1 * lap2 + np.cos(x) * a + np.sin(x) + 1j * np.cos(k * y)
    other = -second + 0.5 * a.real * second.imag * a / (1 + np.abs(second) ** 2)
    state = np.stack([a.real, a.imag, second.real, second.imag]).reshape(1, -1)
    wanted = np.stack([first.real, first.imag, other.real, other.imag]).reshape(1, -1)
    assert np.abs(system.value(state) - wanted).max() < 1e-15 * np.abs(system.plan().linear).max()  # rounding of the highest modes
    direction = np.random.default_rng(0).standard_normal(state.shape)
    slopes = (system.value(state + 1e-6 * direction) - system.value(state - 1e-6 * direction)) / 2e-6
    assert np.abs(tangents_of(system.plan(), state, direction) - slopes).max() < 1e-6 * np.abs(slopes).max()


def test_initial_waves_have_their_amplitude_and_the_mean_is_held() -> None:
    system = compiled(made(LINE))
    states = draw_initial(system, seed=0, n=400).states
    assert states.mean(axis=1) == pytest.approx(np.full(400, 0.5), abs=1e-14)
    # 400 draws of 8 normal amplitudes: the mean square has a relative standard error of sqrt(2 / 3200)
    assert np.mean((states - 0.5) ** 2) == pytest.approx(0.01, rel=4 * np.sqrt(2 / 3200))
    assert np.array_equal(draw_initial(system, seed=0, n=1, first=7).states[0], states[7])


REFUSED = [
    ("points = 24", "points = 25", r"test: domain\.x\.points: 25 is not allowed; rule: an even number .* take 30"),
    ("points = 24", "points = 14", r"no prime factor but 2, 3 and 5; take 16"),
    ('length = "L"', 'length = "M"', r"test: domain\.x\.length: unknown name 'M'"),
    ('length = "L"', 'length = "-L"', r"test: domain\.x\.length: is -5\.0; a length is positive"),
    ("dx(u, 4)", "dy(u)", r"test: equations\.u: dy\(\.\.\.\) is used, but the domain has only x"),
    ("dx(u, 4)", "dx(u, a)", r"the order of dx is not allowed; rule: a whole number from 1 to 16"),
    ("dx(u, 4)", "dx(u, 4, 1)", r"dx\(\.\.\.\) is given 3 arguments; it takes 1 or 2"),
    ("dx(u, 4)", "conj(u)", r"conj\(\.\.\.\) is for complex fields"),
    ("dx(u, 4)", "w", r"test: equations\.u: unknown name 'w'; names here are L, a, u, x, pi"),
    ("dx(u, 4)", "mean(u)", r"mean\(\.\.\.\) stands only in integrals and balances"),
    ("dx(u, 4)", "sum(j, u)", r"cells, sums and delays have no meaning for fields"),
    ("dx(u, 4)", "u*dx(u*u)", r"dx\(\.\.\.\) of a product, .* stands inside a product; rule: .* multiply the derivative out"),
    ("a*u", "u", r"test: parameters\.a: no equation uses it"),
    ("up_to = 4", "up_to = 6", r"test: initial\.waves\.u\.up_to: 6 is too large for 24 points; rule: up_to < 6"),
    ("amplitude = 0.1", "amplitude = 0", r"initial\.waves\.u\.amplitude: 0\.0 is not positive"),
    ("waves =", "centre =", r"initial\.centre: unknown key; keys here are profile, waves"),
    ("mean = 0.5", "mean = 0.5, period = 1", r"state\.u\.period: fields are no angles"),
    ("mean = 0.5", 'complex = "yes"', r"state\.u\.complex: 'yes' is neither true nor false"),
    ("domain = { x = 48 }", "domain = { y = 48 }", r"variant\[0\]\.domain\.y: unknown key; keys here are x"),
    ("[domain]", 'dealias = "all"\n[domain]', r"dealias: 'all' is not known; rule: one of 2/3, 1/2, none"),
    ("u = {", "dx = {", r"'dx' has a meaning of its own|unknown key"),
]


@pytest.mark.parametrize(("old", "new", "message"), REFUSED)
def test_what_is_wrong_is_told_with_place_rule_and_fix(old: str, new: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        compiled(made(LINE.replace(old, new, 1)))


def test_a_complex_number_where_only_real_ones_have_a_meaning_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"a function or comparison is given a complex number; .* take re\(\.\.\.\)"):
        compiled(made(PLANE.replace("conj(A)", "exp(A)"))).equations.tape  # noqa: B018
    with pytest.raises(DefinitionError, match="some fields are complex and some are not"):
        made(PLANE.replace(", complex = true", "", 1))


def test_functions_of_fields_are_unknown_to_other_kinds() -> None:
    data: dict[str, Any] = {
        "title": "t",
        "summary": "s.",
        "state": {"u": {"meaning": "m"}},
        "equations": {"u": "dx(u)"},
        "initial": {"centre": [1.0]},
    }
    with pytest.raises(DefinitionError, match="'dx' is not a function"):
        build_definition(data, name="t", kind="flows", label="t")


def test_too_few_modes_for_what_grows_are_refused() -> None:
    """-dx(u, 2) - dx(u, 4) lets waves below k = 1 grow: 6 of them in 40 units, where 24 points keep 7."""
    text = LINE.replace("- dx(u, 4)", "- dx(u, 2) - dx(u, 4)")
    assert compiled(made(text)).plan().mask.sum() == 8
    with pytest.raises(
        DefinitionError, match=r"24 points keep 7 modes \(2/3 rule\); rule: the linearly unstable modes reach to 6 .* take at least 48"
    ):
        compiled(made(text).with_parameters({"L": 40.0})).plan()


@pytest.mark.parametrize("product", ["a*u*dx(u)", "a*u**3", "a*u*dx(u)**2"])
def test_products_are_free_of_aliases(product: str) -> None:
    """Every kept mode at random: the rates are those of a grid four times as fine, where no product meets the end of the spectrum."""
    text = LINE.replace("a*u*dx(u)", product)
    coarse = compiled(made(text))
    fine = compiled(made('dealias = "none"\n' + text.replace("points = 24", "points = 96")))
    plan, stream = coarse.plan(), np.random.default_rng(0)
    spectrum = plan.mask * (stream.standard_normal(13) + 1j * stream.standard_normal(13))
    spectrum[0] = 0.5 * 24
    rates = [np.fft.rfft(system.value(np.fft.irfft(spectrum, n)[None] * (n / 24))[0]) / n for system, n in ((coarse, 24), (fine, 96))]
    assert np.abs(rates[0] - rates[1][:13] * plan.mask).max() < 1e-14 * np.abs(fine.plan().linear).max()
