"""What the new process runs: confine a child, serve in it, and end everything that came of it.

The process that the harness started stays outside. Its child leaves for namespaces of its own, whose first process begins a file system of
its own and has the worker as its child. Nothing foreign is imported before the worker is confined; this module and what it imports belong to
the standard library and to this package.
"""

import contextlib
import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from chaosbench.isolation import kernel, landlock, sight
from chaosbench.isolation.limits import Limits, apply_limits
from chaosbench.isolation.probes import Canaries, levels, set_out
from chaosbench.isolation.root import SCRATCH, build_root
from chaosbench.isolation.tree import descendants

_REFUSED = 99  # exit status of a child that could not enter a user namespace
_PAUSE = 0.05
_STANDARD = 3
_OWN_PID_MAX = (6, 14)  # before that version of Linux the root user would change it for everyone
_WORKER = "chaosbench.worker"


@dataclass
class _Task:
    """What to run and how, and why steps failed, by name."""

    folder: str
    entry: str
    scratch: str
    device: str
    limits: Limits
    canaries: Canaries
    without: tuple[str, ...] = ()  # steps to leave out, so that tests reach the levels of other systems
    why: dict[str, str] = field(default_factory=dict)
    own_users: bool = False
    own_root: bool = False

    def attempt(self, step: str, act: Callable[[], Any]) -> bool:
        """Do `act`; when the system refuses, keep its reason under `step`."""
        try:
            if step in self.without:
                raise OSError(0, "left out")
            act()
        except OSError as reason:
            self.why.setdefault(step, reason.strerror or str(reason))
            return False
        return True


def main(text: str) -> None:
    """Run the worker described by the JSON object `text`: folder, entry, scratch, outside, device, limits, confine, without, harness."""
    told = json.loads(text)
    if not told["confine"]:
        return _serve(told["folder"], told["entry"], {})
    canaries, listeners = set_out(told["outside"], (told["harness"], os.getpid()))
    task = _Task(told["folder"], told["entry"], told["scratch"], told["device"], Limits(**told["limits"]), canaries, tuple(told["without"]))
    task.attempt("orphans", kernel.adopt_orphans)
    reading, writing = os.pipe()
    status = _run(lambda: _leave(task, writing, {writing}))
    os.close(writing)
    if status == _REFUSED:
        said = os.read(reading, 300).decode(errors="replace")
        task.why = dict.fromkeys(("processes", "network", "root"), f"no user namespace: {said}")
        status = _run(lambda: _confined(task))
    for listener in listeners:
        listener.close()
    os._exit(status)


def _run(work: Callable[[], int]) -> int:
    """Do `work` in a child; return its exit status once it and all that came of it have ended, or the harness has gone or let go."""
    child = _fork(work)
    status = 1
    watched = select.poll()
    watched.register(0, 0)  # nothing but the hang-up: what comes in is for the worker
    while True:
        ended, code = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            status = _exit_status(code)
            break
        if not ended and watched.poll(1000 * _PAUSE):
            break
    _end_descendants()
    return status


def _end_descendants() -> None:
    """Kill what is left below this process until nothing is: orphans come here, so none escapes by losing its parent."""
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        for number in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def _leave(task: _Task, answer: int, keep: set[int]) -> int:
    """Enter new namespaces, and run the rest in a child of theirs."""
    _close_others(keep)
    with contextlib.suppress(OSError):
        kernel.die_with_parent()
    try:
        if "users" in task.without:
            raise OSError(0, "left out")
        kernel.enter_user_namespace()
        task.own_users = True
    except OSError as reason:
        if os.geteuid() != 0 or reason.filename != "unshare":  # half-way in, with a user that is mapped to nobody
            os.write(answer, f"{reason.strerror or reason}".encode())
            return _REFUSED
        task.why["users"] = reason.strerror or str(reason)
    os.close(answer)
    task.attempt("network", lambda: kernel.unshare(kernel.NEW_NETWORK))
    task.attempt("segments", lambda: kernel.unshare(kernel.NEW_IPC))
    mounts = task.attempt("root", lambda: kernel.unshare(kernel.NEW_MOUNTS))
    task.attempt("processes", lambda: kernel.unshare(kernel.NEW_PIDS))
    return _wait_for(_fork(lambda: _first(task, mounts)))


def _first(task: _Task, mounts: bool) -> int:
    """Be the first process of the namespace: make its file system, start the worker, collect orphans until it ends."""
    with contextlib.suppress(OSError):
        kernel.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # signals without a handler do not reach the first process from inside
    if os.getpid() == 1:
        if task.own_users:
            _bound_namespaces(task.limits.tasks, task.why)
        if mounts:
            look, devices = sight.readable(task.folder, task.device), sight.devices(task.device)
            task.own_root = task.attempt("root", lambda: build_root(task.scratch, look, devices, task.limits.scratch))
            if task.own_root:
                os.environ.update({name: value.replace(task.scratch, SCRATCH) for name, value in os.environ.items() if task.scratch in value})
                task.scratch = SCRATCH
    worker = _fork(lambda: _confined(task))
    task.attempt("privileges", kernel.drop_privileges)
    return _wait_for(worker)


def _bound_namespaces(tasks: int, why: Mapping[str, str]) -> None:
    """Allow no user namespaces below this one, no memory segments without a process, and so many tasks.

    The last where that is a number of the process namespace and not of the system.
    """
    for name, needed in (("user/max_user_namespaces", "users"), ("kernel/shmmni", "segments")):
        with contextlib.suppress(OSError):
            if needed not in why:
                Path(f"/proc/sys/{name}").write_text("0")
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is not None and (int(release[1]), int(release[2])) >= _OWN_PID_MAX:
        with contextlib.suppress(OSError):
            Path("/proc/sys/kernel/pid_max").write_text(str(tasks))


def _confined(task: _Task) -> int:
    """Give up every right that is left, try whether that holds, and serve."""
    _close_others(set())
    with contextlib.suppress(OSError):
        kernel.die_with_parent()
    os.setsid()  # a signal to its group must not reach the processes that started it
    os.chdir(task.scratch)
    cuda = task.device != "cpu"
    apply_limits(task.limits, reserves_memory=cuda, own_users=task.own_users)
    task.attempt("privileges", kernel.drop_privileges)
    look, change = sight.readable(task.folder, task.device), [task.scratch, *sight.devices(task.device)]
    if task.own_root:
        look, change = [*look, "/proc"], [*change, "/dev/shm"]
    else:
        look += sight.of_proc()
    task.attempt("landlock", lambda: landlock.restrict(look, change))
    found = levels(task.canaries, task.why, address_space=None if cuda else task.limits.address_space)
    _serve(task.folder, task.entry, {"isolation": found, "scratch_in_memory": task.own_root})
    return 0


def _serve(folder: str, entry: str, first_words: dict[str, Any]) -> None:
    sys.dont_write_bytecode = True
    import_module(_WORKER).serve(folder, entry, first_words)


def _fork(work: Callable[[], int]) -> int:
    """Return the number of a child that does `work` and exits with what it returns."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        status = work()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # the child must never run on into its parent's code
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)


def _wait_for(child: int) -> int:
    while True:
        ended, code = os.waitpid(-1, 0)
        if ended == child:
            return _exit_status(code)


def _exit_status(code: int) -> int:
    """Return the exit status, 128 + signal where one ended the process, as a shell does."""
    status = os.waitstatus_to_exitcode(code)
    return status if status >= 0 else 128 - status


def _close_others(keep: set[int]) -> None:
    """Close every file but the standard three and `keep`: sockets opened outside would lead outside."""
    for number in [int(name) for name in os.listdir("/proc/self/fd")] if os.path.isdir("/proc/self/fd") else range(_STANDARD, 256):
        if number >= _STANDARD and number not in keep:
            with contextlib.suppress(OSError):
                os.close(number)
