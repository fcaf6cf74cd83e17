"""Shared by the tests of accelerators: what the machine has."""

import shutil
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

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


@pytest.fixture(scope="session")
def interpreter() -> ModuleType:
    """The interpreter of PTX, tests/oracles/ptx_interpreter.py."""
    specification = spec_from_file_location("ptx_interpreter", Path(__file__).parents[1] / "oracles" / "ptx_interpreter.py")
    assert specification is not None
    assert specification.loader is not None
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
