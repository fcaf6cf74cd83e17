"""The pages of forecasters say what their classes say; a stale one is named."""

import subprocess
import sys
from pathlib import Path

import pytest

from chaosbench.catalogue import names

pytest.importorskip("torch")
ROOT = Path(__file__).parents[1]


def ran(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "scripts" / "model_pages"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "forecasters"
    made = ran("--output", path)
    if "not installed" in made.stderr:
        pytest.skip(made.stderr)
    assert made.returncode == 0, made.stderr
    return path


def test_every_forecaster_has_a_page_and_stands_in_the_index(folder: Path) -> None:
    assert {path.stem for path in folder.glob("*.md")} == {*names("forecasters"), "README"}
    index = (folder / "README.md").read_text(encoding="utf-8")
    for name in names("forecasters"):
        assert f"| [{name}]({name}.md) | " in index
        text = (folder / f"{name}.md").read_text(encoding="utf-8")
        for title in ("Method", "Cost", "Fails", "Options"):
            assert f"\n## {title}\n" in text, f"{name}: no {title}"


def test_options_have_their_defaults_and_what_tuning_chooses(folder: Path) -> None:
    text = (folder / "hopfield.md").read_text(encoding="utf-8")
    assert "| `patterns` | `2000` | 250 to 4000, whole numbers, on a logarithmic scale |" in text
    assert "| `stride` | `1` | `1`, `2`, `4` |" in text
    assert "| `beta` | `None` |  |" in text


def test_a_check_writes_nothing_and_names_what_is_wrong(folder: Path) -> None:
    assert ran("--check", "--output", folder).returncode == 0
    before = (folder / "zeros.md").read_text(encoding="utf-8")
    (folder / "zeros.md").write_text("old", encoding="utf-8")
    (folder / "gone.md").touch()
    found = ran("--check", "--output", folder)
    assert found.returncode == 1
    assert "zeros.md is not what its class says" in found.stderr
    assert "gone.md belongs to no forecaster" in found.stderr
    ran("--output", folder)
    assert (folder / "zeros.md").read_text(encoding="utf-8") == before
    assert not (folder / "gone.md").exists()


def test_the_pages_in_the_repository_are_current() -> None:
    if not (ROOT / "docs" / "forecasters" / "README.md").is_file():
        pytest.skip("no pages were written yet; run scripts/model_pages")
    done = ran("--check")
    assert done.returncode == 0 or "not installed" in done.stderr, done.stderr
