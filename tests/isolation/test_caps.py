"""Processes, memory, files: what passes a cap ends with a status that says so, and all of it is gone afterwards."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaosbench.isolation.limits import Limits

MB = 1 << 20


def alive(marker: str) -> list[int]:
    """Return the numbers of the processes with `marker` among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker in path.read_bytes().decode().split("\0"):
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def cleaned_up(marker: str) -> Iterator[None]:
    try:
        yield
    finally:
        for number in alive(marker):
            os.kill(number, signal.SIGKILL)


def test_one_that_leaves_its_session_ends_with_the_cell(hostile: Any) -> None:
    marker = f"300.{os.getpid()}"
    code = f"""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                null = os.open(os.devnull, os.O_RDWR)
                for number in range(3): os.dup2(null, number)
                os.closerange(3, 64)
                os.execvp("sleep", ["sleep", {marker!r}])
            os._exit(0)
        time.sleep(0.3)
    """
    with cleaned_up(marker):
        for without in ((), ("users",), ("users", "landlock"), ("processes", "root")):
            assert hostile.run(fit=code, _without=without).status == "ok"
            assert alive(marker) == [], without
        assert hostile.run(fit=code, _confine=False).status == "ok"
        wait_until(lambda: len(alive(marker)) == 1)


def test_a_killed_harness_leaves_nothing_behind(hostile: Any, tmp_path: Path) -> None:
    marker = f"301.{os.getpid()}"
    hostile.run()
    code = f"import subprocess\nsubprocess.Popen(['sleep', {marker!r}])\nimport time\ntime.sleep(60)"
    (hostile.folder / "forecaster.py").write_text(code)
    start = (
        "import sys, tempfile; sys.path[:0] = sys.argv[3:]; tempfile.tempdir = sys.argv[2]\n"
        "from chaosbench.submissions import *\nfrom chaosbench.forecasters.base import Problem\n"
        "SubmittedForecaster(read_submission(sys.argv[1])).unsupported(Problem(1, 1.0, 1, 1, 1))"
    )
    scratch = tmp_path / "of-the-killed"
    scratch.mkdir()
    with cleaned_up(marker), subprocess.Popen([sys.executable, "-c", start, str(hostile.folder), str(scratch), *sys.path]) as harness:
        wait_until(lambda: bool(alive(marker)))
        harness.kill()
        harness.wait()
        wait_until(lambda: not alive(marker))


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "too late"
        time.sleep(0.05)


@pytest.mark.parametrize("without", [(), ("users",)], ids=["confined", "without namespaces"])
def test_one_that_kills_its_parent_and_everyone_hurts_only_itself(hostile: Any, need: Callable[..., None], without: tuple[str, ...]) -> None:
    need("signals")
    code = """
        tried("parent", lambda: os.kill(os.getppid(), signal.SIGKILL))
        tried("everyone", lambda: os.kill(-1, signal.SIGKILL))
        os.killpg(0, signal.SIGKILL)
    """
    ended = hostile.run(fit=code, _without=without)
    assert ended.status == "crash"
    assert "fit: ForecasterError: submission my-forecaster: the process ended during fit (signal SIGKILL)" in ended.reason


def test_more_processes_than_allowed_are_a_crash_that_says_so(hostile: Any) -> None:
    code = """
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
        time.sleep(1)
        tried("fork", lambda: 3)
    """
    ended = hostile.run(fit=code, limits=Limits(processes=4))
    assert (ended.status, "fork GOT" in ended.log) == ("crash", False)
    assert "more than 4 processes; start fewer" in ended.reason
    assert hostile.run(fit=code, _confine=False).got("fork")


@pytest.mark.parametrize("without", [(), ("landlock",)], ids=["confined", "without Landlock"])
def test_it_cannot_make_namespaces_and_file_systems_of_its_own(hostile: Any, need: Callable[..., None], without: tuple[str, ...]) -> None:
    need("process", "files")
    code = """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        def call(name, *arguments):
            if getattr(libc, name)(*arguments) != 0: raise OSError(ctypes.get_errno(), name)
        tried("unshare", lambda: call("unshare", 0x10000000 | 0x20000))
        tried("mount", lambda: call("mount", b"tmpfs", os.getcwd().encode(), b"tmpfs", 0, b""))
    """
    free = hostile.run(fit=code, _confine=False)
    if not (free.got("unshare") and free.got("mount")):
        pytest.skip("this system does not let even unconfined code do that")
    assert not hostile.run(fit=code, _without=without).got("mount")


def test_memory_that_belongs_to_no_process_is_not_to_be_had(hostile: Any, need: Callable[..., None]) -> None:
    need("process")
    code = """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        def segment():
            made = libc.shmget(0, 1 << 20, 0o1600)
            if made < 0: raise OSError(ctypes.get_errno(), "shmget")
            libc.shmctl(made, 0, None)
            return made
        tried("segment", segment)
    """
    assert hostile.run(fit=code, _confine=False).got("segment")
    assert not hostile.run(fit=code).got("segment")


def test_a_fork_bomb_is_over_with_its_cell(hostile: Any, need: Callable[..., None]) -> None:
    need("process")
    ended = hostile.run(fit="while True: os.fork()")
    assert ended.status == "crash"


FILL = f"""
    kept = np.ones({300 * MB} // 8)
    time.sleep(1)
    tried("fill", lambda: kept.nbytes)
"""
CHILDREN = f"""
    for _ in range(3):
        if os.fork() == 0:
            kept = np.ones({100 * MB} // 8)
            time.sleep(3)
            os._exit(0)
    time.sleep(1)
    tried("fill", lambda: 3)
"""
HIDDEN = f"""
    file = os.memfd_create("hidden")
    for _ in range(300): os.write(file, bytes({MB}))
    time.sleep(1)
    tried("fill", lambda: os.fstat(file).st_size)
"""
RESERVE = f"""
    kept = np.empty({3 << 30} // 8)
    tried("fill", lambda: kept.nbytes)
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (FILL, "more than 0.244141 GiB of memory"),
        (CHILDREN, "more than 0.244141 GiB of memory"),
        (HIDDEN, "more than 0.244141 GiB of memory"),
        (RESERVE, "fit raised MemoryError|ArrayMemoryError"),
    ],
    ids=["one process", "children", "unmapped file", "address space"],
)
def test_too_much_memory_is_oom(hostile: Any, need: Callable[..., None], code: str, said: str) -> None:
    need("memory")
    ended = hostile.run(fit=code, limits=Limits(memory=250 * MB))
    assert (ended.status, "fill GOT" in ended.log) == ("oom", False)
    assert re.search(said, ended.reason)
    assert hostile.run(fit=code, _confine=False).got("fill")


@pytest.mark.parametrize("without", [(), ("root",), ("users", "landlock")], ids=["in memory", "on disk", "bare"])
def test_scratch_is_bounded(hostile: Any, without: tuple[str, ...]) -> None:
    code = """
        def many():
            for number in range(5):
                with open(f"{number}.bin", "wb") as file:
                    file.write(bytes(4 << 20))
            time.sleep(1)
            return "20 MB"
        tried("large", lambda: open("large.bin", "wb").write(bytes(20 << 20)))
        os.remove("large.bin")
        tried("many", many)
    """
    bounded = hostile.run(fit=code, limits=Limits(scratch=10 * MB), _without=without)
    assert not bounded.got("large")
    if without:
        assert (bounded.status, "many GOT" in bounded.log) == ("crash", False)
        assert "GiB of files; write less" in bounded.reason
    else:
        assert bounded.status == "ok"
        assert not bounded.got("many")
    free = hostile.run(fit=code, _confine=False)
    assert free.got("large")
    assert free.got("many")
