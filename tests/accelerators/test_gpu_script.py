"""The measurement of an ensemble on a GPU, in a small size on this processor."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chaosbench.accelerators.cuda_driver import Gpu
from chaosbench.accelerators.cuda_host import Host
from chaosbench.accelerators.peak import _device_text, peak
from chaosbench.accelerators.ptx import to_ptx

SCRIPT = Path(__file__).parents[2] / "scripts" / "gpu_ensemble"
SMALL = ["--device", "cpu", "--trajectories", "20", "--steps", "50", "--rounds", "1"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("engine", ["cuda", "torch"])
def test_it_measures_and_writes_what_it_found(engine: str, tmp_path: Path) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    done = run(*SMALL, "--engine", engine, "--json", str(tmp_path / "found.json"))
    assert done.returncode == 0, done.stderr
    assert "% of the peak" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    # Twelve right-hand sides: two fused multiply-adds and four single operations each. DOP853 has 58 weights in twelve stages, for three components.
    assert found["operations_per_step"] == 12 * (2 * 2 + 4) + 3 * (2 * 58 + 12)
    assert (found["trajectories"], found["failed"], found["engine"]) == (20, 0, engine)
    assert found["steps"] == pytest.approx(50, abs=0.1)  # the first right-hand side is a twelfth of a step
    assert found["flops"] == pytest.approx(found["steps_per_second"] * found["operations_per_step"])
    assert found["fraction_of_peak"] == pytest.approx(found["flops"] / found["peak_flops"])
    assert 0.0 < found["fraction_of_peak"] < 1.0


def test_error_control_takes_other_steps() -> None:
    done = run(*SMALL, "--adaptive", "--method", "tsit5")
    assert done.returncode == 0, done.stderr
    assert "tolerance 1e-09" in done.stdout
    refused = run(*SMALL, "--adaptive", "--engine", "torch", "--acceleration", "compile")
    assert refused.returncode != 0
    assert "needs equal steps" in refused.stderr


def test_the_peak_of_a_core_is_that_of_a_core() -> None:
    """Between one multiply-add a nanosecond and 64 operations a cycle at 6 GHz."""
    assert 2e9 < peak(Host()) < 4e11


def test_the_chains_of_the_peak_kernel_stay_apart() -> None:
    ptx = to_ptx(_device_text(), "peak")
    assert ptx.count("fma.rn.f64") >= 12
    assert "mul.rn.f64" not in ptx


def test_the_peak_of_a_gpu_is_above_that_of_a_core(gpu: Gpu) -> None:
    assert peak(gpu) > peak(Host())
