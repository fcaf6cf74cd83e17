import ctypes
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chaosbench.expressions.tape import Node, Tape, Variable
from chaosbench.folders import cache_folder
from chaosbench.kernels import build as builder
from chaosbench.kernels import cache
from chaosbench.kernels.build import build


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache on disk, and nothing in memory."""
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path))
    builder._remembered.cache_clear()
    yield tmp_path / "kernels"
    builder._remembered.cache_clear()


@pytest.fixture
def compilations(monkeypatch):
    """The list of modules compiled so far."""
    done: list[str] = []
    original = builder.compile_assembly

    def counting(text, cpu):
        done.append(text)
        return original(text, cpu)

    monkeypatch.setattr(builder, "compile_assembly", counting)
    return done


def _value(kernels, u, parameters):
    out, work = np.zeros(kernels.out_size), np.zeros(kernels.work_size)
    arrays = (u, parameters, np.zeros(3), np.zeros(1), work, out)
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(kernels.value)(*(array.ctypes.data for array in arrays))
    return out[: kernels.size].tolist()


def _forget():
    builder._remembered.cache_clear()


def test_sizes_and_addresses_follow_the_tableau(samples, pair, extended_pair):
    polynomial, delays = samples["polynomial"].tape, samples["delays"].tape
    alone = build(polynomial, structure="s")
    assert (alone.step, alone.dense, alone.size, alone.stages, alone.degree, alone.out_size, alone.past_rows) == (0, 0, 3, 0, 0, 3, 0)
    full = build(polynomial, structure="s", tableau=pair, columns=2)
    assert 0 not in (full.value, full.step, full.dense)
    assert (full.size, full.stages, full.degree) == (9, 4, 3)
    assert full.out_size == 9 + 1 + (3 + 1) * 9
    assert full.work_size >= 4 * 9
    late = build(delays, structure="s", tableau=extended_pair)
    assert (late.n_delayed, late.past_rows) == (2, 4 + 1)
    assert build(delays, structure="s").past_rows == 1


def test_the_same_request_gives_the_same_object(samples, pair, compilations):
    tape = samples["polynomial"].tape
    first = build(tape, structure="s", tableau=pair)
    assert build(replace(tape), structure="s", tableau=replace(pair)) is first
    assert len(compilations) == 1
    assert build(tape, structure="s", tableau=pair, columns=1) is not first


def test_the_sign_of_a_zero_makes_another_kernel():
    def reciprocal(zero):
        return Tape((Node("state"), Node("constant", value=zero), Node("div", (0, 1))), (Variable("x", 0),), (2,))

    results = [_value(build(reciprocal(zero), structure="s"), np.ones(1), np.zeros(1)) for zero in (0.0, -0.0)]
    assert results == [[np.inf], [-np.inf]]


def test_a_kernel_from_disk_is_the_compiled_one(samples, pair, compilations, folder):
    for name in ("polynomial", "coupled ring of 19"):
        sample = samples[name]
        u = np.random.default_rng(0).normal(size=3 * sample.tape.dimension)
        compiled = build(sample.tape, structure="s", tableau=pair, columns=2)
        expected, count = _value(compiled, u, sample.parameters), len(compilations)
        _forget()
        loaded = build(sample.tape, structure="s", tableau=pair, columns=2)
        assert len(compilations) == count
        assert _value(loaded, u, sample.parameters) == expected
        assert (loaded.work_size, loaded.out_size) == (compiled.work_size, compiled.out_size)
    assert len(list(folder.iterdir())) == 2


def test_compiling_twice_gives_the_same_bytes(samples, pair, folder):
    contents = []
    for _ in range(2):
        build(samples["trigonometric"].tape, structure="s", tableau=pair, columns=3)
        (file,) = folder.iterdir()
        contents.append(file.read_bytes())
        file.unlink()
        _forget()
    assert contents[0] == contents[1]


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "foreign"])
def test_a_damaged_file_is_compiled_again_and_mended(samples, compilations, folder, damage):
    sample = samples["polynomial"]
    expected = _value(build(sample.tape, structure="s"), np.ones(3), sample.parameters)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(
        {
            "truncated": whole[:-7],
            "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "empty": b"",
            "foreign": b"not a kernel" * 100,
        }[damage]
    )
    _forget()
    assert _value(build(sample.tape, structure="s"), np.ones(3), sample.parameters) == expected
    assert len(compilations) == 2
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_means_no_cache_and_one_warning(samples, compilations, tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "a file"
    blocked.touch()
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(blocked))
    cache._report.cache_clear()
    with caplog.at_level(logging.WARNING):
        for columns in (0, 1):
            build(samples["polynomial"].tape, structure="s", columns=columns)
        _forget()
        build(samples["polynomial"].tape, structure="s")
    assert len(compilations) == 3
    assert [record.getMessage().count("set CHAOSBENCH_CACHE") for record in caplog.records] == [1]


def test_no_temporary_file_is_left_behind_when_the_last_move_fails(samples, folder, monkeypatch, caplog):
    def refuse(source, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    cache._report.cache_clear()
    build(samples["polynomial"].tape, structure="s")
    assert list(folder.iterdir()) == []


def test_another_processor_structure_or_emitter_is_another_file(samples, folder, monkeypatch):
    tape = samples["polynomial"].tape
    build(tape, structure="s")
    build(tape, structure="t")
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    build(tape, structure="s")
    monkeypatch.setattr(builder, "emitter_version", lambda: "another")
    build(tape, structure="s")
    assert len(list(folder.iterdir())) == 4


def test_many_threads_build_and_call_at_once(samples, pair):
    sample = samples["coupled ring of 19"]
    states = np.random.default_rng(0).normal(size=(16, 2 * sample.tape.dimension))

    def work(u):
        return _value(build(sample.tape, structure="s", tableau=pair, columns=1), u, sample.parameters)

    expected = [work(u) for u in states]
    _forget()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, states)) == expected


def test_the_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path
    monkeypatch.delenv("CHAOSBENCH_CACHE")
    assert cache_folder().name == "chaosbench"
    assert cache_folder() != Path(tmp_path)
