"""Measured facts: written and read back whole, and never paired with another definition than the one they were measured for."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chaosbench import facts as module
from chaosbench.catalogue import system_files, systems_folder
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import read_definition
from chaosbench.errors import DatasetError
from chaosbench.facts import Confirmation, Facts, Measured, facts_from_json, facts_to_json, load_facts, save_facts

MAP = """
title = "Toy"
summary = "A test."
[state]
x = { meaning = "a number" }
[parameters]
r = { value = 4.0, meaning = "growth" }
[equations]
x = "r*x*(1 - x)"
[initial]
centre = [0.4]
spread = 0.01
[[source]]
key = "me"
cite = "Nobody"
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SystemDefinition:
    """A map in a folder of definitions that belongs to this test alone, with an empty cache."""
    path = tmp_path / "systems" / "maps" / "toy.toml"
    path.parent.mkdir(parents=True)
    path.write_text(MAP)
    monkeypatch.setattr(module, "systems_folder", lambda: tmp_path / "systems")
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "cache"))
    return read_definition(path)


def measured(definition: SystemDefinition) -> Facts:
    return Facts(
        schema=2,
        name=definition.name,
        identity=definition.identity,
        regime="chaotic",
        period=1.0,
        periods=(1.0,),
        mean=(0.5,),
        standard_deviation=(1 / 3,),
        bounds=((0.0, 1.0),),
        divergence=Measured(0.1, 0.01),
        lyapunov_spectrum=Measured((np.log(2),), (1e-3,)),
        kaplan_yorke_dimension=Measured(1.0, 0.0),
        entropy_bound=Measured(np.log(2), 1e-3),
        correlation_dimension=None,
        lifetime=None,
        spread=None,
        stiffness=None,
        positive_exponents=1,
        lyapunov_time=1 / np.log(2),
        transient=1000.0,
        confirmation=Confirmation((0.6931,), (1e-2,), seed=1, rtol=None, transient=10_000.0, distance=0.1),
        integrator="iteration",
        drifting=False,
        mixed=False,
        method="by hand",
        orbits=32,
        duration=1e5,
        rtol=None,
        seed=0,
        versions={"chaosbench": "0"},
    )


def shipped(toy: SystemDefinition) -> Path:
    assert toy.path is not None
    return toy.path.parent.parent / "measured" / "toy.json"


def test_facts_are_read_back_as_they_were_written(toy: SystemDefinition) -> None:
    facts = measured(toy)
    assert facts_from_json(facts_to_json(facts), "here") == facts
    assert facts_to_json(facts_from_json(facts_to_json(facts), "here")) == facts_to_json(facts)


def test_what_does_not_exist_is_read_back_as_not_a_number(toy: SystemDefinition) -> None:
    still = replace(measured(toy), period=float("nan"), periods=(float("nan"),), lyapunov_time=None, divergence=Measured(float("nan"), float("nan")))
    back = facts_from_json(facts_to_json(still), "here")
    assert np.isnan([back.period, *back.periods, back.divergence.value]).all()
    assert back.lyapunov_time is None


def test_a_cached_file_of_another_version_is_as_good_as_absent(toy: SystemDefinition) -> None:
    path = save_facts(measured(toy))
    path.write_text(path.read_text().replace('"schema": 2', '"schema": 1'))
    assert load_facts(toy) is None


def test_the_text_is_sorted_json_with_one_entry_a_line(toy: SystemDefinition) -> None:
    text = facts_to_json(measured(toy))
    keys = [line.strip().split('"')[1] for line in text.splitlines()[1:-1]]
    assert keys == sorted(json.loads(text))
    assert text.endswith("}\n")


def test_shipped_facts_come_first_then_the_cache_then_nothing(toy: SystemDefinition) -> None:
    assert load_facts(toy) is None
    facts = measured(toy)
    path = save_facts(replace(facts, method="cached"))
    assert toy.identity[:16] in path.name
    found = load_facts(toy)
    assert found is not None
    assert found.method == "cached"
    save_facts(facts, shipped(toy))
    assert load_facts(toy) == facts
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # no temporary file is left


def test_other_parameters_have_facts_of_their_own_and_no_warning(toy: SystemDefinition, caplog: pytest.LogCaptureFixture) -> None:
    save_facts(measured(toy), shipped(toy))
    changed = toy.with_parameters({"r": 3.9})
    with caplog.at_level(logging.WARNING):
        assert load_facts(changed) is None
        save_facts(replace(measured(changed), method="at 3.9"))
        found = load_facts(changed)
    assert found is not None
    assert (found.method, caplog.records) == ("at 3.9", [])


def test_facts_of_an_edited_definition_are_ignored_with_a_warning(toy: SystemDefinition, caplog: pytest.LogCaptureFixture) -> None:
    save_facts(measured(toy), shipped(toy))
    assert toy.path is not None
    toy.path.write_text(MAP.replace("r*x*(1 - x)", "r*x*(1 - x*x)"))
    with caplog.at_level(logging.WARNING):
        assert load_facts(read_definition(toy.path)) is None
    assert "was measured for another identity of toy and is ignored; run scripts/measure_registry" in caplog.text


def test_prose_can_be_mended_without_measuring_again(toy: SystemDefinition) -> None:
    save_facts(measured(toy), shipped(toy))
    assert toy.path is not None
    toy.path.write_text(MAP.replace("A test.", "A better sentence."))
    assert load_facts(read_definition(toy.path)) is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.update(schema=1), "schema 1, this version reads 2; measure the system again"),
        (lambda data: data.pop("regime"), r"keys \['regime'\] are missing or unknown"),
        (lambda data: data["confirmation"].pop("seed"), "confirmation needs the keys"),
        (lambda data: data.update(colour="red"), r"keys \['colour'\] are missing or unknown"),
    ],
)
def test_a_file_of_another_schema_or_with_other_keys_is_refused(toy: SystemDefinition, change: object, said: str) -> None:
    data = json.loads(facts_to_json(measured(toy)))
    assert callable(change)
    change(data)
    with pytest.raises(DatasetError, match=f"here: {said}"):
        facts_from_json(json.dumps(data), "here")


def test_a_file_that_is_not_json_is_refused(toy: SystemDefinition) -> None:
    shipped(toy).parent.mkdir()
    shipped(toy).write_text("{")
    with pytest.raises(DatasetError, match=r"toy.json: not JSON \(.*\); measure the system again"):
        load_facts(toy)


SHIPPED = sorted(path.stem for path in (systems_folder() / "measured").glob("*.json"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_measurement_belongs_to_its_definition(name: str, caplog: pytest.LogCaptureFixture) -> None:
    definition = read_definition(system_files()[name])
    with caplog.at_level(logging.WARNING):
        facts = load_facts(definition)
    assert caplog.text == ""
    assert facts is not None
    assert (facts.name, facts.identity) == (name, definition.identity)
    entries = compile_system(definition).shape[0]  # one for each component, or for each field
    assert len(facts.mean) == len(facts.standard_deviation) == len(facts.bounds) == len(facts.periods) == entries
    for value, (low, high) in zip(facts.mean, facts.bounds, strict=True):
        assert np.isnan(value) or low <= value <= high
