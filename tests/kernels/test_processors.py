import hashlib
import platform

import numpy as np
import pytest

from chaosbench.kernels.target import Processor, processor

FORCED = [Processor("generic"), Processor("haswell")] if platform.machine() in {"x86_64", "AMD64"} else [Processor("generic")]


@pytest.mark.parametrize("columns", [0, 2])
def test_every_processor_gives_the_same_bits(sample, modes, runner, extended_pair, columns):
    for straight in modes(sample):
        results = []
        for cpu in [processor(), *FORCED]:
            run = runner(sample, extended_pair, columns=columns, straight=straight, cpu=cpu)
            rng = np.random.default_rng(4)
            run.past[:] = rng.normal(size=run.past.shape)
            u = rng.normal(size=run.kernels.size)
            results.append((run.value(u).tobytes(), run.step(u, 0.03)[0].tobytes(), run.out[u.size], run.stages().tobytes(), run.dense().tobytes()))
        assert results[1:] == results[:1] * len(FORCED)


GOLDEN = "2bbaef7e66e3edb5d3610c64d3aad89c5343cde0f9330c011e5f3dd4d8a44701"


@pytest.mark.parametrize("straight", [False, True])
@pytest.mark.parametrize("cpu", [None, *FORCED])
def test_a_system_with_elementary_functions_has_the_same_bits_on_every_machine(samples, runner, extended_pair, cpu, straight):
    run = runner(samples["trigonometric"], extended_pair, columns=2, straight=straight, cpu=cpu)
    u = np.array([0.75, -1.5, 1.0, 0.0, 0.0, 1.0])
    digest = hashlib.sha256()
    for _ in range(200):
        u, error = run.step(u, 0.0625)
        digest.update(u.tobytes() + np.float64(error).tobytes() + run.dense().tobytes())
    assert np.isfinite(u).all()
    assert digest.hexdigest() == GOLDEN


def test_the_processor_is_this_machine_unless_the_environment_names_another(monkeypatch):
    monkeypatch.delenv("NUMBA_CPU_NAME", raising=False)
    monkeypatch.delenv("NUMBA_CPU_FEATURES", raising=False)
    host = processor()
    assert host.name
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert processor() == Processor("generic", "")
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2")
    assert processor() == Processor("generic", "+avx2")
    monkeypatch.setenv("NUMBA_CPU_NAME", host.name)
    monkeypatch.delenv("NUMBA_CPU_FEATURES")
    assert processor() == host
