"""The corrections page and the gallery are what their scripts make of the registry."""

import subprocess
import sys
from pathlib import Path

from chaosbench import compat
from chaosbench.catalogue import system_files

ROOT = Path(__file__).parents[1]


def test_the_page_is_what_the_script_writes() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "corrections"), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_known_error_is_on_the_page() -> None:
    page = (ROOT / "docs" / "corrections.md").read_text(encoding="utf-8")
    for library in compat.LIBRARIES:
        for name in compat.names(library):
            for text in compat.problems(name, library=library):
                assert text.replace("|", "\\|").replace("\n", " ") in page, f"{library} {name}"


def test_the_gallery_has_a_picture_of_every_system_and_no_other() -> None:
    folder = ROOT / "docs" / "gallery"
    assert {path.stem for path in folder.glob("*.png")} == set(system_files())
    page = (folder / "index.html").read_text(encoding="utf-8")
    for name, path in system_files().items():
        assert f'src="{name}.png"' in page
        assert f'href="../../systems/{path.parent.name}/{name}.toml"' in page
