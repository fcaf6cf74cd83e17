"""Hostile submissions, each run twice where that can be done: confined the act fails, unprotected the same code succeeds."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaosbench.catalogue import data_folder
from chaosbench.evaluation import evaluate
from chaosbench.isolation.limits import Limits
from chaosbench.isolation.probes import LAYERS
from chaosbench.isolation.process import WorkerProcess
from chaosbench.submissions import entrant_class, read_submission
from chaosbench.suites import Suite, TaskSpec

MB = 1 << 20
SUITE = Suite("toy", 1, 0, ("nrmse@1",), (TaskSpec("henon", training_samples=200, context=8, horizon=4.0, windows=6, climate_runs=0),))
CODE = """
import os, signal, socket, subprocess, sys, time
import numpy as np
from chaosbench.forecasters.base import Forecaster

def tried(name, act):
    try:
        print(name, "GOT", act(), flush=True)
    except BaseException as error:
        print(name, "DENIED", type(error).__name__, flush=True)

def opened(path, mode="rb"):
    with open(path, mode) as file:
        return file.read(6) if mode == "rb" else file.write("changed")

{top}

class MyForecaster(Forecaster):
    rollout = "direct"
    source = "a test"
    def fit(self, training, *, seed, device="cpu", budget=None):
{fit}
    def forecast(self, context, horizon, *, times=None, parameters=None, n_samples=1, seed=0):
        answer = np.repeat(context[:, None, -1:, :], horizon, axis=2)
{forecast}
        return answer
"""


@dataclass(frozen=True)
class Ended:
    """How a cell ended: status and reason of the record, the end of what the submission printed, its isolation."""

    status: str
    reason: str
    log: str
    isolation: Mapping[str, str]

    def got(self, act: str) -> bool:
        """Whether `act` of the submission succeeded; it must have been tried."""
        found = re.search(rf"^{act} (GOT|DENIED)", self.log, re.MULTILINE)
        assert found is not None, self.log
        return found[1] == "GOT"


class Hostile:
    """A submission folder whose code is given by a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in (data_folder("_site", "leaderboard/site") / "submission").glob("*.toml"):
            (folder / path.name).write_text(path.read_text())

    def run(self, *, top: str = "", fit: str = "pass", forecast: str = "pass", **how: Any) -> Ended:
        """Evaluate the code on one small task."""
        how = {"fit_deadline": 60.0, "forecast_deadline": 60.0, **how}
        inside = {name: textwrap.indent(textwrap.dedent(text).strip(), 8 * " ") for name, text in (("fit", fit), ("forecast", forecast))}
        (self.folder / "forecaster.py").write_text(CODE.format(top=textwrap.dedent(top), **inside))
        record = evaluate(entrant_class(read_submission(self.folder), how), SUITE)
        volatile = record.volatile["cells"]["henon/0"]
        cell = record.cells[0]
        assert len(volatile["log"]) <= 4096
        if how.get("_confine", True):
            assert record.environment["isolation"] == volatile["isolation"]
        return Ended(cell["status"], cell["reason"], volatile["log"], volatile["isolation"])


@pytest.fixture
def hostile(tmp_path: Path, scratch_parent: Path) -> Hostile:
    folder = tmp_path / "hostile"
    folder.mkdir()
    return Hostile(folder)


@pytest.fixture
def scratch_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where scratch folders are made during a test; none may be left behind."""
    folder = tmp_path / "scratches"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    worker = WorkerProcess(tmp_path_factory.mktemp("nothing"), "nothing:Nothing", device="cpu", limits=Limits())
    worker.stop()
    return worker.isolation


def need(reached: Mapping[str, str], *layers: str) -> None:
    for layer in layers:
        if reached[layer] != "on":
            pytest.skip(f"{layer}: {reached[layer]}")


@dataclass
class World:
    """What stands outside of a submission: a secret in a folder of others, a process of others, and sockets that listen."""

    folder: Path
    victim: subprocess.Popen[bytes]
    tcp: socket.socket
    udp: socket.socket
    named: socket.socket
    abstract: socket.socket

    @property
    def secret(self) -> Path:
        return self.folder / "truth.txt"

    def acts(self) -> str:
        """Return code that tries everything on this world, each under a name, what kills last."""
        return f"""
            here, victim = {str(self.folder)!r}, {self.victim.pid}
            address = ("127.0.0.1", {self.tcp.getsockname()[1]})
            def connect(family, where, kind=socket.SOCK_STREAM):
                with socket.socket(family, kind) as caller:
                    caller.settimeout(2)
                    caller.connect(where)
                    return caller.send(b"canary")
            tried("read", lambda: opened(here + "/truth.txt"))
            tried("list", lambda: os.listdir(here))
            tried("through-link", lambda: os.symlink(here + "/truth.txt", "link") or opened("link"))
            tried("write", lambda: opened(here + "/new.txt", "w"))
            tried("append", lambda: opened(here + "/truth.txt", "a"))
            tried("mode", lambda: os.chmod(here + "/truth.txt", 0o640))
            tried("times", lambda: os.utime(here + "/truth.txt", (1, 1)))
            tried("rename", lambda: os.rename(here + "/other.txt", here + "/moved.txt"))
            tried("remove", lambda: os.remove(here + "/third.txt"))
            tried("own-folder", lambda: opened(os.path.dirname(__file__) + "/added.txt", "w"))
            tried("settings-of-system", lambda: open("/proc/sys/kernel/core_pattern", "a").close())
            tried("environment", lambda: opened(f"/proc/{{victim}}/environ"))
            tried("memory", lambda: open(f"/proc/{{victim}}/mem", "rb").close())
            tried("root-of-other", lambda: os.listdir(f"/proc/{{victim}}/root" + here))
            tried("environment-of-harness", lambda: opened("/proc/{os.getpid()}/environ"))
            tried("memory-of-harness", lambda: open("/proc/{os.getpid()}/mem", "rb").close())
            tried("tcp", lambda: connect(socket.AF_INET, address))
            tried("udp", lambda: connect(socket.AF_INET, ("127.0.0.1", {self.udp.getsockname()[1]}), socket.SOCK_DGRAM))
            tried("abstract", lambda: connect(socket.AF_UNIX, {self.abstract.getsockname()!r}))
            tried("named", lambda: connect(socket.AF_UNIX, {self.named.getsockname()!r}))
            tried("stop", lambda: os.kill(victim, signal.SIGSTOP))
            tried("group", lambda: os.killpg(victim, signal.SIGCONT))
            tried("kill", lambda: os.kill(victim, signal.SIGKILL))
        """


@contextlib.contextmanager
def a_world(folder: Path) -> Iterator[World]:
    folder.mkdir()
    for name in ("truth", "other", "third"):
        (folder / f"{name}.txt").write_text("secret")
    with contextlib.ExitStack() as stack:

        def listening(family: int, kind: int, address: Any) -> socket.socket:
            made = stack.enter_context(socket.socket(family, kind))
            made.settimeout(0.0)
            made.bind(address)
            if kind == socket.SOCK_STREAM:
                made.listen(4)
            return made

        short = stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))  # the path of a socket must be short
        sockets = (
            listening(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            listening(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            listening(socket.AF_UNIX, socket.SOCK_STREAM, f"{short}/s"),
            listening(socket.AF_UNIX, socket.SOCK_STREAM, f"\0test-{os.path.basename(short)}"),
        )
        victim = subprocess.Popen(
            [sys.executable, "-I", "-c", "import time; print(flush=True); time.sleep(120)"],
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={"SECRET": "canary"},
        )
        assert victim.stdout is not None
        victim.stdout.readline()
        try:
            yield World(folder, victim, *sockets)
        finally:
            victim.kill()
            victim.wait()
            victim.stdout.close()


ACTS = {
    "files": (
        *("read", "list", "through-link", "write", "append", "mode", "times", "rename", "remove", "own-folder", "settings-of-system"),
        *("environment", "memory", "root-of-other", "environment-of-harness", "memory-of-harness"),
    ),
    "network": ("tcp", "udp", "abstract", "named"),
    "signals": ("stop", "group", "kill"),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, tuple[Ended, World, set[str], bool]]:
    """{confined: (how it ended, the world, files of the world afterwards, whether the victim lives)}."""
    found = {}
    for confined in (True, False):
        place = tmp_path_factory.mktemp("hostile")
        with a_world(tmp_path_factory.mktemp("world") / "others") as world:
            ended = Hostile(place).run(fit=world.acts(), _confine=confined)
            time.sleep(0.1)
            found[confined] = (ended, world, {path.name for path in world.folder.iterdir()}, world.victim.poll() is None)
    return found


@pytest.mark.parametrize(("layer", "act"), [(layer, act) for layer, acts in ACTS.items() for act in acts])
def test_an_act_on_the_world_outside_fails_confined_and_succeeds_otherwise(
    both: Mapping[bool, Any], reached: Mapping[str, str], layer: str, act: str
) -> None:
    need(reached, layer)
    if not both[False][0].got(act):
        pytest.skip("this system does not let even unconfined code do that")
    assert not both[True][0].got(act)


def test_the_world_is_as_it_was_and_the_submission_carried_on(both: Mapping[bool, Any], reached: Mapping[str, str]) -> None:
    need(reached, "files", "signals")
    ended, world, files, alive = both[True]
    assert (ended.status, ended.reason) == ("ok", "")
    assert files == {"truth.txt", "other.txt", "third.txt"}
    assert world.secret.read_text() == "secret"
    assert alive
    ended, world, files, alive = both[False]
    assert ended.status == "ok"
    assert files == {"truth.txt", "new.txt", "moved.txt"}
    assert world.secret.read_text() == "secretchanged"
    assert not alive


def test_the_level_reached_is_in_the_record_and_a_rerun_differs_in_nothing_hashed(hostile: Hostile, reached: Mapping[str, str]) -> None:
    assert tuple(reached) == LAYERS
    first, again = hostile.run(), hostile.run(_without=("landlock",))
    assert first.isolation == reached
    assert (first.status, first.reason) == (again.status, again.reason) == ("ok", "")


def test_what_is_not_confined_is_not_called_so(hostile: Hostile) -> None:
    ended = hostile.run(_confine=False)
    assert ended.isolation == {}


@pytest.mark.parametrize(
    ("without", "open_layers"),
    [
        (("landlock",), set()),
        (("root",), {"files", "network"}),
        (("root", "landlock"), {"files", "network"}),
        (("users", "landlock"), {"process", "files", "network", "signals"}),
        (("network", "root", "landlock"), {"files", "network"}),
        (("processes", "root", "landlock"), {"process", "files", "network", "signals"}),
        (("network",), set()),
    ],
    ids=" ".join,
)
def test_a_missing_step_is_found_out_by_the_probes(
    hostile: Hostile, reached: Mapping[str, str], without: tuple[str, ...], open_layers: set[str]
) -> None:
    need(reached, *LAYERS)
    ended = hostile.run(_without=without)
    assert ended.status == "ok"
    found = {layer for layer, said in ended.isolation.items() if said != "on"}
    assert found >= open_layers, ended.isolation
    assert all("left out" in ended.isolation[layer] for layer in open_layers), ended.isolation


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


def test_one_that_leaves_its_session_ends_with_the_cell(hostile: Hostile, reached: Mapping[str, str]) -> None:
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


def test_a_killed_harness_leaves_nothing_behind(hostile: Hostile, tmp_path: Path) -> None:
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
def test_one_that_kills_its_parent_and_everyone_hurts_only_itself(hostile: Hostile, reached: Mapping[str, str], without: tuple[str, ...]) -> None:
    need(reached, "signals")
    code = """
        tried("parent", lambda: os.kill(os.getppid(), signal.SIGKILL))
        tried("everyone", lambda: os.kill(-1, signal.SIGKILL))
        os.killpg(0, signal.SIGKILL)
    """
    ended = hostile.run(fit=code, _without=without)
    assert ended.status == "crash"
    assert "fit: ForecasterError: submission my-forecaster: the process ended during fit (signal SIGKILL)" in ended.reason


def test_more_processes_than_allowed_are_a_crash_that_says_so(hostile: Hostile) -> None:
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
def test_it_cannot_make_namespaces_and_file_systems_of_its_own(hostile: Hostile, reached: Mapping[str, str], without: tuple[str, ...]) -> None:
    need(reached, "process", "files")
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


def test_memory_that_belongs_to_no_process_is_not_to_be_had(hostile: Hostile, reached: Mapping[str, str]) -> None:
    need(reached, "process")
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


def test_a_fork_bomb_is_over_with_its_cell(hostile: Hostile, reached: Mapping[str, str]) -> None:
    need(reached, "process")
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
def test_too_much_memory_is_oom(hostile: Hostile, reached: Mapping[str, str], code: str, said: str) -> None:
    need(reached, "memory")
    ended = hostile.run(fit=code, limits=Limits(memory=250 * MB))
    assert (ended.status, "fill GOT" in ended.log) == ("oom", False)
    assert re.search(said, ended.reason)
    assert hostile.run(fit=code, _confine=False).got("fill")


@pytest.mark.parametrize("without", [(), ("root",), ("users", "landlock")], ids=["in memory", "on disk", "bare"])
def test_scratch_is_bounded(hostile: Hostile, without: tuple[str, ...]) -> None:
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


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ({"fit": "time.sleep(60)"}, "timeout", "fit took longer than its deadline of 1.5 s and was stopped"),
        ({"top": "time.sleep(60)"}, "timeout", "unsupported took longer than its deadline of 1.5 s and was stopped"),
        ({"fit": "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass"}, "timeout", "fit took longer than its deadline of 1.5 s"),
        ({"fit": "while True: print('x' * 100)"}, "timeout", "fit took longer than its deadline of 1.5 s and was stopped"),
        ({"fit": "raise SystemExit(3)"}, "crash", "fit raised SystemExit: 3"),
        ({"top": "raise SystemExit(3)"}, "crash", "unsupported raised SystemExit: 3"),
        ({"fit": "raise KeyboardInterrupt"}, "crash", "fit raised KeyboardInterrupt"),
        ({"fit": "os._exit(7)"}, "crash", "the process ended during fit (exit status 7)"),
        ({"fit": "import ctypes; ctypes.string_at(0)"}, "crash", "the process ended during fit (signal SIGSEGV)"),
        ({"fit": "os.abort()"}, "crash", "the process ended during fit (signal SIGABRT)"),
        ({"fit": "os.closerange(0, 64)"}, "crash", "the process ended during fit"),
        ({"fit": "raise ValueError('x' * 10_000_000)"}, "crash", "fit raised ValueError: xxx"),
        ({"fit": "raise MemoryError('all')"}, "oom", "fit raised MemoryError: all"),
        ({"fit": "raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory: you tried')"}, "oom", "fit raised RuntimeError"),
        ({"forecast": "answer = answer.tolist()"}, "invalid_output", "forecast returned list; a NumPy array of floats"),
        ({"forecast": "answer = answer.astype(object)"}, "invalid_output", "forecast returned an array of dtype object; real numbers"),
        ({"forecast": "answer = answer.astype('U8')"}, "invalid_output", "forecast returned an array of dtype <U8; real numbers"),
        ({"forecast": "answer = answer[:, 0]"}, "invalid_output", "returned shape (6, "),
        ({"forecast": "answer = np.zeros((1_000_000,))"}, "invalid_output", "arrays of 8000000 bytes; at most"),
        ({"forecast": "answer[0, 0, 0, 0] = np.nan"}, "nonfinite", "1 of 6 windows left the attractor's range, the first at sample 0 (1 non-finite)"),
        ({"fit": "sys.stdout.close(); os.close(1)"}, "ok", ""),
        ({"fit": "sys.stderr.close(); os.close(2)"}, "ok", ""),
        ({"fit": "sys.stdin.read()"}, "ok", ""),
    ],
    ids=lambda value: next(iter(value.values()))[:40] if isinstance(value, dict) else "",
)
def test_every_end_has_its_status(hostile: Hostile, code: dict[str, str], status: str, reason: str) -> None:
    seconds = 1.5 if status == "timeout" else 60.0
    ended = hostile.run(**code, fit_deadline=seconds, forecast_deadline=seconds)
    assert ended.status == status
    assert reason in ended.reason
    assert "\n" not in ended.reason


def test_all_calls_together_have_a_deadline(hostile: Hostile) -> None:
    ended = hostile.run(fit="time.sleep(1)", forecast="time.sleep(60)", cell_deadline=2.5)
    assert ended.status == "timeout"
    assert "forecast took longer than the 2.5 s of all calls and was stopped" in ended.reason


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("struct.pack('<Q', 1 << 40)", "invalid_output", "left no readable answer (a header of 1099511627776 bytes"),
        ("struct.pack('<Q', 3) + b'{{{'", "invalid_output", "left no readable answer (not a message"),
        ("pickle.dumps(print)", "invalid_output", "left no readable answer (a header of"),
        ('framed(\'{"arrays": [["<f8", [1e999]]]}\')', "invalid_output", "left no readable answer (not a message"),
        ('framed(\'{"arrays": [["|O", [1000000]]]}\')', "invalid_output", "left no readable answer (an array of dtype |O"),
    ],
)
def test_what_it_writes_into_the_pipe_itself_harms_nobody(hostile: Hostile, words: str, status: str, said: str) -> None:
    code = f"""
        import pickle, struct
        def framed(text): return struct.pack("<Q", len(text)) + text.encode()
        for number in range(3, 32):
            try: os.write(number, {words})
            except OSError: pass
        time.sleep(5)
    """
    ended = hostile.run(fit=code)
    assert (ended.status, said in ended.reason) == (status, True), ended.reason


def test_thirty_megabytes_of_printing_leave_their_last_words(hostile: Hostile) -> None:
    ended = hostile.run(fit="for _ in range(300): print('x' * 100_000)\nprint('last words', flush=True)")
    assert (ended.status, ended.reason) == ("ok", "")
    assert ended.log.endswith("last words")


def test_the_environment_holds_nothing_of_the_users(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    ended = hostile.run(fit="print(*sorted(os.environ)); print(os.getcwd() == os.environ['HOME'], os.listdir('.'))")
    assert "SECRET_TOKEN" not in ended.log
    assert "True []" in ended.log


@pytest.mark.slow
def test_numba_works_inside_and_keeps_its_cache_in_the_scratch(hostile: Hostile) -> None:
    top = """
        import numba
        @numba.njit(cache=True)
        def repeated(context, horizon):
            answer = np.empty((len(context), 1, horizon, context.shape[2]))
            for window in range(len(context)):
                answer[window, 0] = context[window, -1]
            return answer
    """
    ended = hostile.run(top=top, forecast="answer = repeated(context, horizon); print(os.listdir(os.environ['NUMBA_CACHE_DIR']) != [])")
    assert (ended.status, ended.reason) == ("ok", "")
    assert ended.log.endswith("True")


@pytest.mark.slow
def test_torch_works_inside(hostile: Hostile) -> None:
    pytest.importorskip("torch")
    fit = """
        import torch
        states = torch.as_tensor(training.states[0].copy())
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(states), batch_size=50, num_workers=1)
        print("batches", sum(1 for _ in loader))  # through /dev/shm, from a process of its own; before any thread starts
        sys.stdout.flush()
        self.model = torch.nn.Linear(2, 2).double()
        optimiser = torch.optim.Adam(self.model.parameters())
        for _ in range(3):
            optimiser.zero_grad()
            (self.model(states[:-1]) - states[1:]).square().mean().backward()
            optimiser.step()
    """
    ended = hostile.run(fit=fit, fit_deadline=20.0)
    assert (ended.status, ended.reason) == ("ok", ""), ended.log
    assert re.search(r"batches [1-9]", ended.log)
