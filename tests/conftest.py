"""Shared by all tests: the slow tier, and a cache folder that tests never share with the user's measurements."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: the arrays here are small, and idle threads that spin slow everything down


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="slow; run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """Taylor series and iterations in numbers of any length, tests/oracles/mpmath_taylor.py."""
    specification = importlib.util.spec_from_file_location("mpmath_taylor", Path(__file__).parent / "oracles" / "mpmath_taylor.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
