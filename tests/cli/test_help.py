"""Every command has help, and neither help nor listing loads anything heavy."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer

from chaosbench.cli.main import app

Cli = Callable[..., Any]
HEAVY = ("numpy", "numba", "llvmlite", "torch", "xarray", "zarr", "pandas", "scipy")


def commands(group: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, groups included."""
    yield above
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*above, name))


EVERY = list(commands(typer.main.get_command(app)))


def test_the_commands_are_those_the_guide_promises() -> None:
    promised = {
        *("list", "info", "cite", "generate", "invariants", "evaluate", "demo", "doctor"),
        *("dataset verify", "submit new", "submit check", "submit run", "leaderboard build", "leaderboard show"),
        *("leaderboard compare", "leaderboard diff"),
    }
    assert promised <= {" ".join(words) for words in EVERY}


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_says_what_a_command_does_and_explains_every_option(cli: Cli, words: tuple[str, ...]) -> None:
    ran = cli(*words, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage:")
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    assert command.help
    assert [parameter.name for parameter in command.params if not getattr(parameter, "help", None)] == []


@pytest.mark.parametrize("words", [words for words in EVERY if words], ids=" ".join)
def test_the_list_of_commands_shows_a_whole_sentence_for_each(cli: Cli, words: tuple[str, ...]) -> None:
    listing = cli(*words[:-1], "--help").out
    line = next(line for line in listing.splitlines() if line.strip().startswith(f"{words[-1]} "))
    assert "..." not in line.removesuffix("metrics, invariants ...")


def test_without_a_command_the_help_appears(cli: Cli) -> None:
    assert "Commands:" in cli().out + cli().err


def test_the_version_is_the_packages(cli: Cli) -> None:
    from chaosbench import __version__

    assert cli("--version").out.strip() == __version__


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "--json"], ["list", "forecasters"], ["list", "suites"], ["generate", "--help"]])
def test_help_and_listing_load_nothing_heavy(words: list[str]) -> None:
    script = (
        "import sys\nfrom chaosbench.cli.main import main\n"
        f"sys.argv = ['chaosbench', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_python_minus_m_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "chaosbench", "list", "metrics", "--json"], capture_output=True, text=True, check=True)
    assert {"name", "about"} == set(json.loads(done.stdout)[0])


@pytest.mark.parametrize("words", [["nonsense"], ["list", "--nonsense"], ["generate", "henon"], ["generate", "henon", "-n", "four", "-o", "x"]])
def test_wrong_usage_is_exit_code_2_and_says_so_on_stderr(cli: Cli, words: list[str]) -> None:
    ran = cli(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "Error:" in ran.err
