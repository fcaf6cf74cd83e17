import ctypes
import hashlib
import logging
import os
import subprocess
import sys
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
    past = np.linspace(-1.0, 1.0, kernels.n_delayed * kernels.size)  # as many columns as there may be, and more
    arrays = (u, parameters, np.zeros(3), past, work, out)
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


@pytest.mark.parametrize("order", ["lengths", "bits"])
def test_no_damage_anywhere_in_a_file_goes_unseen(samples, folder, order):
    """Cut to any length, or with one bit flipped in any byte, it counts as absent."""
    build(samples["polynomial"].tape, structure="s")
    (file,) = folder.iterdir()
    whole, key = file.read_bytes(), file.stem
    assert cache.read_entry(key) is not None
    for place in range(len(whole)):
        damaged = whole[:place] if order == "lengths" else whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :]
        assert cache.decoded(key, damaged) is None
    assert cache.decoded(key, whole + b"x") is None


def test_a_whole_file_of_another_key_is_not_executed(samples, compilations, folder):
    """Copied over by hand, or by a tool that renames: its checksum is right and its content is not."""
    first, second = samples["polynomial"], samples["trigonometric"]
    expected = _value(build(first.tape, structure="s"), np.ones(3), first.parameters)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    build(second.tape, structure="s")
    [other] = set(folder.iterdir()) - {file}
    file.write_bytes(other.read_bytes())
    _forget()
    assert _value(build(first.tape, structure="s"), np.ones(3), first.parameters) == expected
    assert len(compilations) == 3
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "payload", [b"", b"\n", b"no json\ncode", b"[1]\ncode", b'{"key": "k"}\ncode', b'{"key": "k", "work_size": "8"}\ncode', b"\xff\ncode"]
)
def test_a_right_checksum_over_a_wrong_head_counts_as_absent(payload):
    assert cache.decoded("k", hashlib.sha256(payload).digest() + payload) is None


WRITER = """
import sys
import numpy as np
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system_from
system = compile_system(system_from({"x": "y", "y": "-sin(x)"}))
sys.stdin.readline()
kernels = system.taylor_kernels(9, 1)
print(kernels.sizes.work)
"""


def test_processes_that_write_the_same_kernel_at_once_leave_one_whole_file(folder):
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert {process.communicate()[0] for process in processes} == {"20\n"}
    assert [process.returncode for process in processes] == [0, 0, 0]
    [file] = folder.iterdir()
    assert cache.read_entry(file.stem) is not None


def test_another_compiler_is_another_file(samples, folder, monkeypatch, compilations):
    build(samples["polynomial"].tape, structure="s")
    monkeypatch.setattr(builder, "toolchain", lambda: "llvmlite 99 llvm (99, 0, 0) another triple")
    _forget()
    build(samples["polynomial"].tape, structure="s")
    assert len(compilations) == 2
    assert len(list(folder.iterdir())) == 2


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
