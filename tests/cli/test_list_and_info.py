"""`list`, `info`, `cite`, `doctor`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaosbench.catalogue import PLUGIN_KINDS, names, system_files
from chaosbench.cli import checks
from chaosbench.dynamics.reader import read_definition
from chaosbench.facts import load_facts

Cli = Callable[..., Any]
MINE = """
title = "Mine"
summary = "A test."
[state]
x = {{ meaning = "position" }}
y = {{ meaning = "velocity" }}
[parameters]
omega = {{ value = 2.0, meaning = "frequency" }}
[equations]
x = "y"
y = "{equation}"
[initial]
centre = [1.0, 0.0]
spread = 0.1
[[source]]
key = "me"
cite = "Nobody, Nowhere (1900)"
"""


def definition_file(folder: Path, equation: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(MINE.format(equation=equation))
    return path


def test_list_names_every_system_once_with_what_it_is_and_what_was_measured(cli: Cli) -> None:
    found = json.loads(cli("list", "--json").out)
    assert [entry["name"] for entry in found] == list(system_files())
    told = {"name", "aliases", "kind", "dimension", "title", "tags", "regime", "exponent"}
    assert all(set(entry) == told for entry in found)
    for entry in found:
        definition = read_definition(system_files()[entry["name"]])
        said = (definition.kind, definition.dimension, definition.title, list(definition.tags), list(definition.aliases))
        assert (entry["kind"], entry["dimension"], entry["title"], entry["tags"], entry["aliases"]) == said
        facts = load_facts(definition)
        known = (None, None) if facts is None else (facts.regime, np.ravel(facts.lyapunov_spectrum.value)[0])
        assert (entry["regime"], entry["exponent"]) == known


def test_the_table_has_one_line_a_system_below_its_heading(cli: Cli) -> None:
    lines = cli("list").out.splitlines()
    assert lines[0].split() == ["name", "kind", "dimension", "regime", "exponent", "title"]
    assert [line.split()[0] for line in lines[1:]] == list(system_files())


def test_kind_and_tag_choose_among_systems(cli: Cli) -> None:
    everything = json.loads(cli("list", "--json").out)
    maps = json.loads(cli("list", "--json", "--kind", "maps").out)
    assert maps == [entry for entry in everything if entry["kind"] == "maps"]
    tag = maps[0]["tags"][0]
    assert json.loads(cli("list", "--json", "--tag", tag).out) == [entry for entry in everything if tag in entry["tags"]]


def test_regime_dimension_and_exponent_choose_among_systems(cli: Cli) -> None:
    everything = json.loads(cli("list", "--json").out)

    def chosen(*words: str) -> list[dict[str, Any]]:
        return json.loads(cli("list", "--json", *words).out)  # type: ignore[no-any-return]

    assert chosen("--regime", "hyperchaotic") == [entry for entry in everything if entry["regime"] == "hyperchaotic"]
    assert chosen("--dimension", "4..6") == [entry for entry in everything if 4 <= entry["dimension"] <= 6]
    assert chosen("--dimension", "3") == [entry for entry in everything if entry["dimension"] == 3]
    assert chosen("--exponent", "1..") == [entry for entry in everything if entry["exponent"] is not None and entry["exponent"] >= 1]
    both = chosen("--kind", "maps", "--exponent", "..0.2", "--dimension", "2..")
    assert both == [entry for entry in everything if entry["kind"] == "maps" and entry["exponent"] <= 0.2 and entry["dimension"] >= 2]
    assert both


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--regime", "chaotc"], "did you mean 'chaotic'?"),
        (["list", "--dimension", "six"], "--dimension six: not a range; write a number, or LOW..HIGH"),
        (["list", "--dimension", "6..3"], "--dimension 6..3: not a range"),
        (["list", "--exponent", ".."], "--exponent ..: not a range"),
        (["atlas", "henonn"], "unknown system 'henonn'; did you mean 'henon'?"),
        (["atlas", "--json", "--csv"], "give at most one of the two"),
        (["list", "systms"], "did you mean 'systems'?"),
        (["list", "--kind", "map"], "choose from flows, maps, delays, fields, stochastic, hybrid; did you mean 'maps'?"),
        (["list", "--tag", "conservativ"], "did you mean 'conservative'?"),
        (["list", "metrics", "--tag", "conservative"], "--tag choose among systems"),
        (["info", "henonn"], "unknown system 'henonn'; did you mean 'henon'?"),
        (["info", "nowhere.toml"], "no definition file at nowhere.toml"),
        (["info", "henon", "--set", "aa=1"], "unknown parameter 'aa'; parameters are a, b; did you mean 'a'?"),
        (["info", "henon", "--set", "a"], "--set a: not NAME=NUMBER"),
        (["info", "henon", "--set", "a=one"], "--set a=one: not NAME=NUMBER"),
        (["info", "henon", "--set", "=1"], "--set =1: not NAME=NUMBER"),
        (["info", "henon", "--set", "a=nan"], "a = nan is not allowed"),
        (["info", "henon", "--set", "a=1", "--set", "a=2"], "a was set to 1 before"),
        (["cite", "henonn"], "did you mean 'henon'?"),
    ],
)
def test_a_mistake_is_one_line_that_offers_the_nearest_name(cli: Cli, words: list[str], said: str) -> None:
    ran = cli(*words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("chaosbench: ")
    assert ran.err.count("\n") == 1
    assert said in ran.err


@pytest.mark.parametrize("kind", [*PLUGIN_KINDS, "suites"])
def test_plug_ins_and_suites_are_listed_with_what_they_are(cli: Cli, kind: str) -> None:
    found = json.loads(cli("list", kind, "--json").out)
    assert found
    assert all(entry["about"].strip() for entry in found)
    if kind in PLUGIN_KINDS:
        assert [entry["name"] for entry in found] == list(names(kind))


def test_info_shows_equations_parameters_published_and_measured_values_sources_and_a_picture(cli: Cli) -> None:
    ran = cli("info", "henon")
    definition = read_definition(system_files()["henon"])
    assert ran.code == 0
    for said in ("x -> 1 - a*x**2 + y", "y -> b*x", "Published", "Measured", "1.4", definition.sources[0].cite, "y (up) against x (right)"):
        assert said in ran.out
    drawn = [line for line in ran.out.splitlines() if line and all(0x2800 <= ord(letter) <= 0x28FF for letter in line)]
    assert (len(drawn), {len(line) for line in drawn}) == (18, {60})
    assert any(letter != "\u2800" for line in drawn for letter in line)


def test_info_shows_what_holds_exactly(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "saddle.toml"
    path.write_text(
        """
title = "A"
summary = "B."
[state]
x = { meaning = "m" }
v = { meaning = "m" }
[parameters]
a = { value = 4.0, meaning = "m" }
[equations]
x = "v"
v = "a*x - x**3 - v"
[initial]
centre = [0, 0]
[identities]
divergence = "-1"
[symmetries]
turn = { x = "-x", v = "-v" }
[balances]
power = "v**2"
[fixed_points]
middle = { x = "0", v = "0" }
right = { x = "sqrt(a)", v = "0" }
"""
    )
    said = cli("info", path, "--no-picture").out
    for line in (
        "divergence     -1",
        "x -> -x, v -> -v",
        "the mean of v**2 is 0",
        "rests at (x = 2, v = 0), 0 unstable directions",
        "1 unstable direction\n",
    ):
        assert line in said
    data = json.loads(cli("info", path, "--json", "--set", "a=-1").out)
    assert data["fixed_points"]["right"] == {"expressions": {"x": "sqrt(a)", "v": "0"}, "value": None, "unstable": None}
    assert data["fixed_points"]["middle"] == {"expressions": {"x": "0", "v": "0"}, "value": [0.0, 0.0], "unstable": 0}
    assert (data["identities"], data["balances"], data["symmetries"]) == ({"divergence": "-1"}, {"power": "v**2"}, {"turn": {"x": "-x", "v": "-v"}})


def test_published_values_are_marked_when_other_parameters_are_shown(cli: Cli) -> None:
    changed = cli("info", "henon", "--no-picture", "--set", "a=1.2").out
    assert "at the default parameters" in changed
    assert "at the default parameters" not in cli("info", "henon", "--no-picture").out
    assert "nothing yet for these parameters" in changed


@pytest.mark.parametrize(
    "name", [name if place % 16 == 0 else pytest.param(name, marks=pytest.mark.slow) for place, name in enumerate(system_files())]
)
def test_info_as_json_says_what_the_definition_says(cli: Cli, name: str) -> None:
    data = json.loads(cli("info", name, "--json").out)
    definition = read_definition(system_files()[name])
    assert (data["name"], data["identity"], data["dimension"]) == (name, definition.identity, definition.dimension)
    assert list(data["equations"]) == [entry.name for entry in definition.state]
    assert [source["key"] for source in data["sources"]] == [source.key for source in definition.sources]
    assert (data["measured"] is None) == (load_facts(definition) is None)
    assert [entry["quantity"] for entry in data["known"]] == [known.quantity for known in definition.known]


def test_a_definition_file_of_ones_own_is_shown_like_any_other(cli: Cli, tmp_path: Path) -> None:
    ran = cli("info", definition_file(tmp_path, "-omega**2*x"), "--no-picture")
    assert ran.code == 0
    assert "dy/dt = -omega**2*x" in ran.out


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        ("-omga**2*x", "equations.y: unknown name 'omga'; names here are omega, x, y; did you mean 'omega'?"),
        ("omega*open(x)", "equations.y: 'open' is not a function"),
        ("omega*__import__('os').system('true')", "equations.y: only named functions can be called"),
        ("omega*x.real", "equations.y: an attribute (a dot after a name) is not allowed"),
        ("(lambda q: q)(x)*omega", "equations.y: only named functions can be called"),
        ("omega*[q for q in x]", "equations.y: "),
        ("omega*x +", "equations.y: 'omega*x +' cannot be read"),
    ],
)
def test_a_bad_definition_is_named_by_file_and_key(cli: Cli, tmp_path: Path, equation: str, said: str) -> None:
    path = definition_file(tmp_path, equation)
    for words in (["info", path], ["generate", path, "-o", tmp_path / "x.zarr"], ["invariants", path]):
        ran = cli(*words)
        assert (ran.code, ran.out) == (1, "")
        assert f"{path}: {said}" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml"]


def test_a_system_that_runs_away_has_a_page_but_no_picture(cli: Cli, tmp_path: Path) -> None:
    ran = cli("info", definition_file(tmp_path, "omega*x**3 + y**3"))
    assert ran.code == 0
    assert "(no picture: " in ran.out


def test_cite_prints_the_sources_of_a_system_a_plug_in_and_the_package(cli: Cli) -> None:
    sources = read_definition(system_files()["henon"]).sources
    assert [entry["cite"] for entry in json.loads(cli("cite", "henon", "--json").out)] == [source.cite for source in sources]
    assert f"https://doi.org/{sources[0].doi}" in cli("cite", "henon").out
    for kind in PLUGIN_KINDS:
        assert cli("cite", names(kind)[0]).out.strip()
    assert "chaosbench" in cli("cite").out


def test_doctor_finds_this_installation_in_order(cli: Cli) -> None:
    ran = cli("doctor", "--json")
    found = {check["name"]: check["state"] for check in json.loads(ran.out)}
    assert ran.code == 0
    assert {name: state for name, state in found.items() if name not in ("torch", "isolation")} == dict.fromkeys(
        ("chaosbench", "packages", "systems", "cache", "integration", "disk"), "ok"
    )
    assert {found["torch"], found["isolation"]} <= {"ok", "missing"}
    assert cli("doctor").out.splitlines()[0].split() == ["what", "seen"]


def test_doctor_names_a_cache_that_cannot_be_written(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "file" / "below"))
    ran = cli("doctor", "--json")
    broken = [check for check in json.loads(ran.out) if check["state"] == "broken"]
    assert ran.code == 1
    assert [check["name"] for check in broken] == ["cache"]
    assert "CHAOSBENCH_CACHE" in broken[0]["seen"]


def test_doctor_says_that_torch_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    found = {check.name: check for check in checks.run_checks()}["torch"]
    assert found.state == "missing"
    assert "pip install 'chaosbench[torch]'" in found.seen
