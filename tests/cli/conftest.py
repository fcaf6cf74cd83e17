"""Run the command line in this process, with a cache that belongs to the tests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chaosbench.cli.main import app

TOY = """
schema = 1
name = "toy"
version = 1
seed = 5
metrics = ["valid_prediction_time", "nrmse@1", "blow_up"]
[[task]]
system = "henon"
training_samples = 200
context = 8
horizon = 4.0
windows = 6
climate_runs = 0
[[task]]
system = "logistic"
training_samples = 200
context = 8
horizon = 4.0
windows = 6
climate_runs = 0
"""


@dataclass(frozen=True)
class Ran:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for all tests here, so that kernels are compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cli_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every command at the shared cache, silence progress, and keep linear algebra on one thread."""
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(shared_cache))
    monkeypatch.setenv("CI", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def cli() -> Cli:
    """Return run(*arguments) -> Ran."""

    def run(*arguments: object) -> Ran:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def toy_suite(tmp_path: Path) -> Path:
    """A suite of two maps, a hundred samples each, without free runs."""
    path = tmp_path / "toy.toml"
    path.write_text(TOY)
    return path
