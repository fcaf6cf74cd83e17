"""What a submission does to the world outside: confined every act fails, unprotected the same code succeeds."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaosbench.isolation.probes import LAYERS


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
def both(tmp_path_factory: pytest.TempPathFactory, submission_in: Callable[[Path], Any]) -> Mapping[bool, tuple[Any, World, set[str], bool]]:
    """{confined: (how it ended, the world, files of the world afterwards, whether the victim lives)}."""
    found = {}
    for confined in (True, False):
        place = tmp_path_factory.mktemp("hostile")
        with a_world(tmp_path_factory.mktemp("world") / "others") as world:
            ended = submission_in(place).run(fit=world.acts(), _confine=confined)
            time.sleep(0.1)
            found[confined] = (ended, world, {path.name for path in world.folder.iterdir()}, world.victim.poll() is None)
    return found


@pytest.mark.parametrize(("layer", "act"), [(layer, act) for layer, acts in ACTS.items() for act in acts])
def test_an_act_on_the_world_outside_fails_confined_and_succeeds_otherwise(
    both: Mapping[bool, Any], need: Callable[..., None], layer: str, act: str
) -> None:
    need(layer)
    if not both[False][0].got(act):
        pytest.skip("this system does not let even unconfined code do that")
    assert not both[True][0].got(act)


def test_the_world_is_as_it_was_and_the_submission_carried_on(both: Mapping[bool, Any], need: Callable[..., None]) -> None:
    need("files", "signals")
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


def test_the_level_reached_is_in_the_record_and_a_rerun_differs_in_nothing_hashed(hostile: Any, reached: Mapping[str, str]) -> None:
    assert tuple(reached) == LAYERS
    first, again = hostile.run(), hostile.run(_without=("landlock",))
    assert first.isolation == reached
    assert first.sha256 == again.sha256 == hostile.run(_confine=False).sha256
    assert (first.status, first.reason) == (again.status, again.reason) == ("ok", "")


def test_what_is_not_confined_is_not_called_so(hostile: Any) -> None:
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
    ids=lambda names: " ".join(sorted(names)),
)
def test_a_missing_step_is_found_out_by_the_probes(hostile: Any, need: Callable[..., None], without: tuple[str, ...], open_layers: set[str]) -> None:
    need(*LAYERS)
    ended = hostile.run(_without=without)
    assert ended.status == "ok"
    found = {layer for layer, said in ended.isolation.items() if said != "on"}
    assert found >= open_layers, ended.isolation
    assert all("left out" in ended.isolation[layer] for layer in open_layers), ended.isolation
