"""One record, whoever runs its cells: this process, a pool of processes, a cluster of Dask, or jobs that share the work."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest

from chaosbench.evaluation import evaluate
from chaosbench.records import joined
from chaosbench.suites import Suite, TaskSpec

SHARED = {"training_samples": 200, "context": 5, "horizon": 3.0, "windows": 6, "climate_runs": 0}
TASKS = tuple(TaskSpec(name, **SHARED) for name in ("henon", "logistic", "lozi"))  # type: ignore[arg-type]
SUITE = Suite("toy", 1, 0, ("valid_prediction_time", "blow_up"), TASKS)
SEEDS = (0, 1)


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@contextmanager
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@contextmanager
def cluster() -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made, distributed.Client(made) as client:
        yield client.get_executor()


@pytest.fixture(scope="module")
def expected() -> str:
    return evaluate("ngrc", SUITE, seeds=SEEDS).sha256


@pytest.mark.parametrize("maker", [processes, threads, cluster], ids=lambda maker: maker.__name__)
def test_every_executor_makes_the_same_record(maker: Callable[[], AbstractContextManager[Executor]], expected: str, tmp_path: Path) -> None:
    with maker() as executor:
        assert evaluate("ngrc", SUITE, seeds=SEEDS, executor=executor, cache=tmp_path).sha256 == expected
    kept: list[str] = []
    again = evaluate("ngrc", SUITE, seeds=SEEDS, cache=tmp_path, progress=lambda done, sentence: kept.append(sentence))
    assert again.sha256 == expected
    assert all(sentence.endswith("kept") for sentence in kept)  # cells that another process finished are found


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_shards_in_any_order_join_to_the_whole(count: int, expected: str) -> None:
    parts = [evaluate("ngrc", SUITE, seeds=SEEDS, shard=(index, count)) for index in range(count, 0, -1) if index <= 6]
    assert sum(len(part.cells) for part in parts) == 6
    assert joined(parts, [task.label for task in TASKS]).sha256 == expected
