"""What all commands share: JSON, tables, `--set`, seeds, progress."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaosbench.cli.output import echo_json, echo_table, number, progress, seed_list, settings
from chaosbench.cli.picture import braille
from chaosbench.errors import DefinitionError

Cli = Callable[..., Any]


def test_json_keeps_lists_of_numbers_on_one_line_and_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"value": [1.5, None, -2], "nested": [{"a": []}, [[1, 2], [3, 4]]], "empty": {}, "text": 'Rössler "x"', "flag": True}
    echo_json(data)
    text = capsys.readouterr().out
    assert json.loads(text) == data
    assert '  "value": [1.5, null, -2],\n' in text
    assert "Rössler" in text


def test_json_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        echo_json({"value": float("nan")})


def test_table_columns_are_aligned_and_the_last_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table([["a", "1", "a long last cell"], ["abc", "22", ""]], ["name", "n", "why"])
    assert capsys.readouterr().out == "name  n   why\na     1   a long last cell\nabc   22\n"


def test_numbers_have_five_digits_and_lists_are_cut() -> None:
    assert number(0.123456789) == "0.12346"
    assert number(None) == "none"
    assert number([1.0, None]) == "[1, none]"
    assert number(list(range(9))) == "[0, 1, 2, 3, 4, 5, 6, 7, ...]"


def test_settings_read_numbers_with_signs_exponents_and_spaces() -> None:
    assert settings(["a=1", "b = -2.5e-3"]) == {"a": 1.0, "b": -0.0025}


@pytest.mark.parametrize("pair", ["a", "a=", "=1", "a=1=2", "a=1,b=2", " =3", "a=8/3"])
def test_settings_refuse_what_is_not_a_name_and_a_number(pair: str) -> None:
    with pytest.raises(DefinitionError, match="not NAME=NUMBER; write for example --set rho=30"):
        settings([pair])


def test_seeds_are_whole_numbers() -> None:
    assert seed_list("0, 7,12") == (0, 7, 12)
    for text in ("", "1.5", "-1", "1,,2", "1,1", "1,01"):
        with pytest.raises(DefinitionError, match="seeds are whole numbers, none negative, none twice"):
            seed_list(text)


class Terminal:
    """Stands for stderr: keeps what is written, and says whether it is a terminal."""

    def __init__(self, live: bool) -> None:
        self.live, self.text = live, ""

    def isatty(self) -> bool:
        return self.live

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


@pytest.mark.parametrize(
    ("live", "ci", "written"), [(False, False, "work: 100 % done [0 s]\n"), (False, True, ""), (True, False, "\rwork: 100 % done [0 s]\r")]
)
def test_progress_is_one_line_on_a_terminal_seldom_in_a_log_and_none_in_ci(
    monkeypatch: pytest.MonkeyPatch, live: bool, ci: bool, written: str
) -> None:
    terminal = Terminal(live)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", "1")
    with progress("work") as report:
        if not live:
            report(0.0, "begun")
        report(1.0, "done")
    assert terminal.text.startswith(written)
    assert terminal.text.replace(" ", "").endswith("\r\r" if live else written.replace(" ", ""))


def test_a_line_of_progress_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(True)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    with progress("work") as report:
        report(1.0, "x" * 200)
    assert max(len(line) for line in terminal.text.split("\r")) == 39


def test_a_picture_has_one_dot_a_point_y_upwards() -> None:
    corners = braille(np.array([0.0, 1.0]), np.array([0.0, 1.0]), columns=2, rows=2).splitlines()
    assert [[ord(letter) - 0x2800 for letter in line] for line in corners] == [[0, 0x08], [0x40, 0]]  # top right dot, bottom left dot
    assert braille(np.array([np.nan]), np.array([1.0])) == "(nothing to draw: no finite point)"


def test_an_operating_system_error_is_one_line_with_the_path(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = cli("submit", "new", tmp_path / "file" / "below")
    assert ran.code == 1
    assert ran.err.startswith(f"chaosbench: {tmp_path / 'file' / 'below'}: Not a directory; check the path")
