"""Plug-ins are found by file stem, entry point and path; mistakes name the nearest thing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosbench import catalogue
from chaosbench.catalogue import PLUGIN_KINDS, load, names, system_file, system_files
from chaosbench.errors import CatalogueError

ONE_FORECASTER = """
import numpy as np
from chaosbench.forecasters.base import Forecaster

class {name}(Forecaster):
    rollout = "direct"
    source = "a test"
    def fit(self, training, *, seed, device="cpu", budget=None): ...
    def forecast(self, context, horizon, *, times=None, parameters=None, n_samples=1, seed=0):
        return np.zeros((len(context), 1, horizon, context.shape[2]))
"""


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_listing_gives_sorted_names_without_shared_cores(kind: str) -> None:
    found = names(kind)
    assert found
    assert list(found) == sorted(found)
    assert not [name for name in found if name.startswith("_") or name == "base"]


def test_an_unknown_plug_in_offers_the_nearest_name() -> None:
    known = names("forecasters")[0]
    with pytest.raises(CatalogueError, match=f"did you mean '{known}'"):
        load("forecasters", known + "x")


def test_an_unknown_system_offers_the_nearest_name() -> None:
    known = next(iter(system_files()))
    with pytest.raises(CatalogueError, match=f"did you mean '{known}'"):
        system_file(known + "z")


def test_a_forecaster_can_be_loaded_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(ONE_FORECASTER.format(name="Mine"))
    assert load("forecasters", path).__name__ == "Mine"


def test_a_file_with_two_public_forecasters_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.py"
    path.write_text(ONE_FORECASTER.format(name="One") + ONE_FORECASTER.format(name="Two"))
    with pytest.raises(CatalogueError, match="holds 2 public subclasses of Forecaster; exactly one is needed"):
        load("forecasters", path)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no file at .*absent\.py"):
        load("forecasters", tmp_path / "absent.py")


def test_an_unknown_kind_lists_the_kinds() -> None:
    with pytest.raises(CatalogueError, match="kinds are integrators, invariants, forecasters, metrics"):
        names("oracles")


@pytest.fixture
def installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of somebody else's on the path, with entry points for a forecaster and a folder of systems."""
    (tmp_path / "other_models.py").write_text(ONE_FORECASTER.format(name="Other"))
    (tmp_path / "other_systems" / "maps").mkdir(parents=True)
    (tmp_path / "other_systems" / "__init__.py").touch()
    shutil.copyfile(system_file("henon"), tmp_path / "other_systems" / "maps" / "borrowed.toml")
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    points = "[chaosbench.forecasters]\nother = other_models:Other\n[chaosbench.systems]\nothers = other_systems\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    for remembered in (catalogue._sources, catalogue._system_folders):
        remembered.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    for remembered in (catalogue._sources, catalogue._system_folders):
        remembered.cache_clear()


def test_a_forecaster_of_another_package_is_found_by_its_entry_point(installed_package: Path) -> None:
    assert "other" in names("forecasters")
    assert load("forecasters", "other").__name__ == "Other"


def test_systems_of_another_package_are_found_by_their_entry_point(installed_package: Path) -> None:
    assert system_file("borrowed") == installed_package / "other_systems" / "maps" / "borrowed.toml"


def test_an_entry_point_that_hides_a_name_names_both(installed_package: Path) -> None:
    points = installed_package / "other-1.0.dist-info" / "entry_points.txt"
    known = names("metrics")[0]
    points.write_text(f"[chaosbench.metrics]\n{known} = other_models:Other\n")
    catalogue._sources.cache_clear()
    with pytest.raises(CatalogueError, match=f"entry point '{known}' .* hides .*{known}.py; rename it"):
        names("metrics")
