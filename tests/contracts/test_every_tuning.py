"""What may be tuned is declared sensibly, and every tuning in leaderboard/tuning is the reason for the defaults, or says why not."""

import inspect
from pathlib import Path

import pytest

from chaosbench.catalogue import load, names
from chaosbench.errors import NotInstalledError
from chaosbench.forecasters.base import Choice, Forecaster
from chaosbench.identity import plain
from chaosbench.suites import read_suite, suite_names
from chaosbench.trials import read_tuning

FOLDER = Path(__file__).parents[2] / "leaderboard" / "tuning"
FILES = sorted(FOLDER.glob("*.jsonl"))


def kind_of(name: str) -> type[Forecaster]:
    try:
        found: type[Forecaster] = load("forecasters", name)
    except NotInstalledError as missing:
        pytest.skip(str(missing))
    return found


@pytest.mark.parametrize("name", names("forecasters"))
def test_a_space_names_options_and_has_more_than_one_value_of_each(name: str) -> None:
    kind = kind_of(name)
    parameters = inspect.signature(kind).parameters
    for option, allowed in kind.space.items():
        assert option in parameters, option
        if isinstance(allowed, Choice):
            assert len({str(value) for value in allowed.options}) == len(allowed.options) > 1
        else:
            assert allowed.low < allowed.high
            assert allowed.low > 0 or not allowed.log
            assert not allowed.whole or (int(allowed.low) == allowed.low and int(allowed.high) == allowed.high)


@pytest.mark.parametrize("name", names("forecasters"))
def test_the_edges_of_a_space_can_be_constructed(name: str) -> None:
    kind = kind_of(name)
    for option, allowed in kind.space.items():
        if isinstance(allowed, Choice):
            values = list(allowed.options)
        else:
            values = [int(bound) if allowed.whole else float(bound) for bound in (allowed.low, allowed.high)]
        for value in values:
            kind(**{option: value})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_defaults_are_the_best_that_was_found(path: Path) -> None:
    tuning = read_tuning(path)
    assert path.stem == tuning.study["forecaster"]
    assert tuning.study["suite"] in suite_names()
    assert tuning.study["suite_sha256"] == read_suite(tuning.study["suite"]).sha256
    best = tuning.best
    assert best is not None
    parameters = inspect.signature(kind_of(path.stem)).parameters
    shipped = {option: plain(parameters[option].default) for option in best.options}
    assert shipped == dict(best.options) or len(tuning.defaults_kept) > 20, "take the best options as defaults, or say why not in the file"
