"""The guide cannot go stale: its Python runs, and its commands and links exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from chaosbench.catalogue import PLUGIN_KINDS, names, system_files
from chaosbench.cli.main import app
from chaosbench.suites import suite_names

ROOT = Path(__file__).parents[2]
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [*GUIDE, ROOT / "README.md"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    """Return every `chaosbench ...` line of the page's shell blocks, without prompt and comment."""
    lines = [line.removeprefix("$ ") for line in "\n".join(blocks(page, "(?:console|sh)") or []).splitlines()]
    return [line.partition("  #")[0].strip() for line in lines if line.startswith("chaosbench ") and not line.startswith("chaosbench: ")]


def parsed(line: str) -> Any:
    """Parse a command as the shell and the command line would, without running it; usage errors raise."""
    words = shlex.split(line)[1:]
    command: Any = typer.main.get_command(app)
    context: Any = None
    while hasattr(command, "commands"):
        context = command.make_context(words[0], [words[0]], parent=context, resilient_parsing=True)
        command, words = command.commands[words[0]], words[1:]
    return command.make_context("chaosbench", words, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_in_the_text_is_one_that_the_program_takes(page: Path) -> None:
    for line in commands(page):
        parsed(line)


def test_every_command_has_an_example_in_the_guide() -> None:
    shown = {" ".join(line.split()[1:3]) for line in commands(ROOT / "docs" / "guide" / "command-line.md")}
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        for words in [f"{name} {below}" for below in command.commands] if hasattr(command, "commands") else [name]:
            assert any(f"{example} ".startswith(f"{words} ") for example in shown), words


@pytest.mark.parametrize("page", [page for page in GUIDE if blocks(page, "python")], ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), space)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_inside_the_guide_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]+\.md)(?:#([\w-]+))?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).is_file()
        heads = re.findall(r"^#+ (.*)$", (page.parent / target).read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {head.lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", GUIDE, ids=lambda page: page.stem)
def test_names_in_examples_are_names_of_the_catalogue(page: Path) -> None:
    known = {*system_files(), *suite_names(), *(name for kind in PLUGIN_KINDS for name in names(kind))}
    for line in commands(page):
        context = parsed(line)
        for key in ("what", "suite", "integrator"):
            value = context.params.get(key)
            if value and context.info_name and value not in ("systems", *PLUGIN_KINDS, "suites"):
                assert value.endswith(".toml") or set(value.split(",")) <= known, line
