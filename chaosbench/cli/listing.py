"""Names and one-line descriptions of plug-ins and suites, read from their files without importing them."""

import ast
from importlib.util import find_spec
from pathlib import Path

from chaosbench.catalogue import data_folder, names


def abouts(what: str) -> list[list[str]]:
    """Return [name, first line of the description] for a kind of plug-in or "suites"; empty where the description cannot be seen."""
    if what == "suites":
        return [[path.stem, _first_comment(path)] for path in sorted(data_folder("_suites", "leaderboard/suites").glob("*.toml"))]
    return [[name, _first_line(what, name)] for name in names(what)]


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ") if first.startswith("#") else ""


def _first_line(kind: str, name: str) -> str:
    found = find_spec(f"chaosbench.{kind}.{name}")
    if found is None or found.origin is None:  # provided by another package
        return ""
    tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]
