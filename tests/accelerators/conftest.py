"""Shared by the tests of accelerators: what the machine has."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from chaosbench.accelerators.cuda_driver import Gpu
from chaosbench.errors import ChaosbenchError


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    """A GPU; without one the test is skipped."""
    try:
        return Gpu()
    except ChaosbenchError as error:
        pytest.skip(f"needs a GPU: {error}")


@pytest.fixture(scope="session")
def ptxas() -> str:
    """NVIDIA's assembler, from the PATH or from the package nvidia-cuda-nvcc."""
    found = shutil.which("ptxas")
    spec = find_spec("nvidia")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = found or next(map(str, Path(folder).glob("*/bin/ptxas")), None)
    if found is None:
        pytest.skip("needs ptxas: pip install nvidia-cuda-nvcc-cu12, or a CUDA toolkit on the PATH")
    return found
