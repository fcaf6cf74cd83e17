"""Threads, progress and Ctrl-C."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.demo import _pool
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import IntegrationError
from chaosbench.integrators import _short_runs, _threads
from chaosbench.integrators._drivers import INTERRUPTED, solve_flows
from chaosbench.integrators._memory import kernel_arrays, working_memory
from chaosbench.integrators._threads import THREADS, all_cores, run_blocks
from chaosbench.integrators.base import InitialState, Status


@pytest.fixture(scope="module")
def oscillator() -> CompiledSystem:
    return compile_system(system_from({"x": "v", "v": "-x"}))


@pytest.mark.parametrize(("count", "threads"), [(1, 1), (1, 4), (7, 2), (100, 3), (16, 1)])
def test_blocks_cover_every_trajectory_once(count: int, threads: int) -> None:
    seen = np.zeros(count, dtype=int)

    def task(first: int, beyond: int, stop: np.ndarray) -> None:
        seen[first:beyond] += 1

    run_blocks(task, count, threads)
    np.testing.assert_array_equal(seen, 1)


def test_progress_rises_to_the_number_of_trajectories_on_the_calling_thread(oscillator: CompiledSystem) -> None:
    calls: list[tuple[int, int, int]] = []
    initial = InitialState(np.ones((50, 2)))
    load("integrators", "tsit5")().solve(
        oscillator, initial, np.arange(3.0), threads=2, progress=lambda done, total: calls.append((done, total, threading.get_ident()))
    )
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[-1] == 50
    assert {call[1:] for call in calls} == {(50, threading.get_ident())}


def test_an_exception_in_a_block_reaches_the_caller() -> None:
    def task(first: int, beyond: int, stop: np.ndarray) -> None:
        raise ArithmeticError("from a worker")

    with pytest.raises(ArithmeticError, match="from a worker"):
        run_blocks(task, 3, 2)


def test_ctrl_c_ends_a_long_run_at_once_and_is_raised_on(oscillator: CompiledSystem) -> None:
    """Uninterrupted the run takes ten million steps."""
    out = np.zeros((3, 2, 2))
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    began = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        load("integrators", "tsit5")().solve(oscillator, InitialState(np.ones((3, 2))), np.array([0.0, 1e9]), threads=2, out=out)
    assert time.perf_counter() - began < 5.0
    assert np.isnan(out[:, 1]).all()


def test_the_stop_flag_is_seen_before_the_first_step(oscillator: CompiledSystem) -> None:
    method = load("integrators", "tsit5")
    kernels = oscillator.kernels(method.tableau)
    address, sizes = kernel_arrays(kernels, method.tableau)
    out, final, status, counts = np.zeros((1, 2, 2)), np.zeros((1, 2)), np.zeros(1, dtype=np.int8), np.zeros((1, 2), dtype=np.int64)
    arguments = (np.ones((1, 2)), np.zeros((1, 0)), np.array([[0.0, 1.0]]), working_memory(kernels), out, final, status, counts)
    solve_flows(address, sizes, np.array([1e-9, 1e-12, 0.0]), 10**7, *arguments, np.ones(1, dtype=np.int64), 0, 1)
    assert status[0] == INTERRUPTED == Status.INTERRUPTED
    assert out[0, 0].tolist() == [1.0, 1.0]
    assert np.isnan(out[0, 1]).all()


def test_all_cores_are_used_unless_the_environment_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(THREADS, raising=False)
    assert 1 <= all_cores() <= (os.cpu_count() or 1)
    monkeypatch.setenv(THREADS, "")
    assert 1 <= all_cores() <= (os.cpu_count() or 1)
    monkeypatch.setenv(THREADS, "37")
    assert all_cores() == 37


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5", "²"])
def test_a_malformed_number_of_threads_is_refused_with_the_fix(oscillator: CompiledSystem, monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setenv(THREADS, number)
    with pytest.raises(IntegrationError, match=r"CHAOSBENCH_THREADS is .*must be a whole number of at least 1; unset it"):
        load("integrators", "tsit5")().solve(oscillator, InitialState(np.ones((1, 2))), np.arange(3.0))


def test_no_more_threads_start_than_the_environment_allows(oscillator: CompiledSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Counting(ThreadPoolExecutor):
        def __init__(self, workers: int, **options: str) -> None:
            asked.append(workers)
            super().__init__(workers, **options)

    monkeypatch.setattr(_threads, "ThreadPoolExecutor", Counting)
    monkeypatch.setenv(THREADS, "3")
    for method in ("taylor", "dop853", "rodas5p"):
        load("integrators", method)().solve(oscillator, InitialState(np.ones((100, 2))), np.arange(3.0))
    load("integrators", "dop853")().solve(oscillator, InitialState(np.ones((100, 2))), np.arange(3.0), threads=5)
    assert asked == [3, 3, 3, 5]


@pytest.mark.parametrize("name", ["taylor", "dop853", "tsit5"])
@pytest.mark.parametrize("lanes", [1, 8])
def test_a_short_run_of_few_trajectories_starts_no_thread(oscillator: CompiledSystem, monkeypatch: pytest.MonkeyPatch, name: str, lanes: int) -> None:
    method, initial, calls = load("integrators", name)(), InitialState(np.ones((lanes, 2))), []
    times = np.linspace(0.0, 0.1, 7)
    threaded = method.solve(oscillator, InitialState(np.ones((100, 2))), times)
    with monkeypatch.context() as patch:
        patch.setattr(_threads, "ThreadPoolExecutor", None)
        here = method.solve(oscillator, initial, times, progress=lambda done, total: calls.append((done, total)))
        spent = method.solve(oscillator, initial, np.array([0.0, 1e4]), max_steps=20)
        with pytest.raises(TypeError, match="NoneType"):
            method.solve(oscillator, initial, np.array([0.0, 1e4]))
    assert calls == [(lanes, lanes)]
    np.testing.assert_array_equal(here.states, threaded.states[:lanes])
    np.testing.assert_array_equal(here.evaluations, threaded.evaluations[:lanes])
    assert spent.status.tolist() == [Status.TOO_MANY_STEPS] * lanes


@pytest.mark.parametrize("name", ["taylor", "dop853", "tsit5"])
@pytest.mark.parametrize("lanes", [1, 8])
def test_a_longer_run_is_begun_again_with_fresh_counts(oscillator: CompiledSystem, monkeypatch: pytest.MonkeyPatch, name: str, lanes: int) -> None:
    """At once in a thread, after a few steps in a thread, and after a few steps here: all the same run."""
    method, times = load("integrators", name)(), np.linspace(0.0, 1000.0, 200)
    runs = []
    for most, components in ((0, 0), (64, 20), (20_000, 20)):
        monkeypatch.setattr(_short_runs, "_MANY_STEPS", most)
        monkeypatch.setattr(_short_runs, "_FEW_COMPONENTS", components)
        runs.append(method.solve(oscillator, InitialState(np.ones((lanes, 2))), times))
    for field in ("states", "status", "evaluations", "rejected"):
        np.testing.assert_array_equal(getattr(runs[1], field), getattr(runs[0], field))
        np.testing.assert_array_equal(getattr(runs[2], field), getattr(runs[0], field))


def test_a_run_of_some_thousand_steps_starts_no_thread(oscillator: CompiledSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "ThreadPoolExecutor", None)
    solution = load("integrators", "dop853")().solve(oscillator, InitialState(np.ones((1, 2))), np.linspace(0.0, 1000.0, 200))
    assert solution.evaluations[0] > 12 * 1000


def test_workers_of_a_process_pool_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(THREADS, raising=False)
    with _pool(2) as pool:
        assert pool.submit(all_cores).result() == max(all_cores() // 2, 1)
    assert THREADS not in os.environ
    monkeypatch.setenv(THREADS, "3")
    with _pool(2):
        assert os.environ[THREADS] == "3"
    assert os.environ[THREADS] == "3"
