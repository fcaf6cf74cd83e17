"""Is it really confined? Canaries set out before, and attempts on them after, that must fail. A level is "on" only if they did."""

import contextlib
import mmap
import os
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LAYERS = ("process", "memory", "network", "files", "signals")
UNCONFINED = "not confined"
_LOOPBACK = "127.0.0.1"
_PATIENCE = 0.5


@dataclass(frozen=True)
class Canaries:
    """What stands outside: a file, sockets of four kinds that listen (None where the system has none), and processes by their number."""

    file: str
    tcp: int | None
    udp: int | None
    named_socket: str | None
    abstract_socket: str | None
    processes: tuple[int, ...]


def set_out(folder: str, processes: tuple[int, ...]) -> tuple[Canaries, list[socket.socket]]:
    """Make a file and sockets that a confined process must not reach; return also the sockets, to be kept open by one outside."""
    handle, path = tempfile.mkstemp(dir=folder)
    os.write(handle, b"canary")
    os.close(handle)
    name = os.path.basename(path)
    kept: list[socket.socket] = []

    def listening(family: int, kind: int, address: object) -> bool:
        listener = socket.socket(family, kind)
        try:
            listener.bind(address)  # type: ignore[arg-type]
            if kind == socket.SOCK_STREAM:
                listener.listen(8)
        except OSError:
            listener.close()
            return False
        kept.append(listener)
        return True

    tcp = kept[-1].getsockname()[1] if listening(socket.AF_INET, socket.SOCK_STREAM, (_LOOPBACK, 0)) else None
    udp = kept[-1].getsockname()[1] if listening(socket.AF_INET, socket.SOCK_DGRAM, (_LOOPBACK, 0)) else None
    with contextlib.chdir(folder):  # the path of a socket must be short
        named = f"{path}.s" if listening(socket.AF_UNIX, socket.SOCK_STREAM, f"{name}.s") else None
    abstract = f"\0chaosbench-{name}" if listening(socket.AF_UNIX, socket.SOCK_STREAM, f"\0chaosbench-{name}") else None
    return Canaries(path, tcp, udp, named, abstract, processes), kept


def levels(canaries: Canaries, why: Mapping[str, str], *, address_space: int | None) -> dict[str, str]:
    """Return for each layer "on", or what is open and why.

    why: reasons of failed steps by name (processes, network, root, landlock, privileges). address_space: the cap that must hold, None where it
    says nothing.
    """
    alone = os.getppid() == 1 and os.getpid() == 2  # the first two of a process namespace of its own
    numbers = [number for number in canaries.processes if not (alone and number <= 2)]
    found = {
        "process": _process(alone, why),
        "memory": _memory(address_space),
        "network": _open(_network(canaries), _reason(why, "network", "root", "landlock")),
        "files": _open(_files(canaries, numbers), _reason(why, "root", "landlock")),
        "signals": _open([f"signal to process {n}" for n in numbers if _works(_signal(n))][:1], _reason(why, "processes", "landlock")),
    }
    return {layer: found[layer] for layer in LAYERS}


def weakest(reports: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return for each layer "on" if it was on in every report, otherwise the first reason why not."""
    return {layer: next((said for report in reports if (said := report.get(layer, UNCONFINED)) != "on"), "on") for layer in LAYERS}


def _process(alone: bool, why: Mapping[str, str]) -> str:
    if not alone:
        return f"no process namespace{_reason(why, 'processes')}: what it starts is found by parentage"
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        lines = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        if int(lines.get("CapEff", "0"), 16) or int(lines.get("CapPrm", "0"), 16) or lines.get("NoNewPrivs") != "1":
            return f"privileges kept{_reason(why, 'privileges')}"
    return "on"


def _memory(address_space: int | None) -> str:
    if address_space is None:
        return "watched from outside only: address space says nothing about memory with CUDA"
    try:
        mmap.mmap(-1, address_space).close()
    except (OSError, ValueError, MemoryError):
        return "on"
    return "watched from outside only: the system does not limit address space"


def _network(canaries: Canaries) -> list[str]:
    attempts: list[tuple[str, Callable[[], object]]] = []
    if canaries.tcp is not None:
        attempts.append(("TCP", _connect(socket.AF_INET, (_LOOPBACK, canaries.tcp))))
    if canaries.udp is not None:
        attempts.append(("UDP", _datagram((_LOOPBACK, canaries.udp))))
    if canaries.abstract_socket is not None:
        attempts.append(("abstract sockets", _connect(socket.AF_UNIX, canaries.abstract_socket)))
    if canaries.named_socket is not None:
        attempts.append(("sockets in folders", _named(canaries.named_socket)))
    return [name for name, attempt in attempts if _works(attempt)]


def _files(canaries: Canaries, numbers: list[int]) -> list[str]:
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("reading", _opened(canaries.file, "rb")),
        ("writing", _opened(canaries.file, "ab")),
        ("listing", lambda: os.listdir(os.path.dirname(canaries.file))),
        ("changing modes", lambda: os.chmod(canaries.file, 0o600)),
    ]
    for number in numbers:
        attempts.append(("environment of processes", _opened(f"/proc/{number}/environ", "rb")))
        attempts.append(("memory of processes", _opened(f"/proc/{number}/mem", "rb")))
    return list(dict.fromkeys(name for name, attempt in attempts if _works(attempt)))


def _opened(path: str, mode: str) -> Callable[[], None]:
    def attempt() -> None:
        with open(path, mode):
            pass

    return attempt


def _signal(number: int) -> Callable[[], None]:
    return lambda: os.kill(number, 0)


def _connect(family: int, address: object) -> Callable[[], None]:
    def attempt() -> None:
        with socket.socket(family, socket.SOCK_STREAM) as caller:
            caller.settimeout(_PATIENCE)
            caller.connect(address)  # type: ignore[arg-type]

    return attempt


def _named(path: str) -> Callable[[], None]:
    def attempt() -> None:
        with contextlib.chdir(os.path.dirname(path)):
            _connect(socket.AF_UNIX, os.path.basename(path))()

    return attempt


def _datagram(address: tuple[str, int]) -> Callable[[], None]:
    def attempt() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.sendto(b"canary", address)

    return attempt


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _open(ways: list[str], reason: str) -> str:
    return f"open to {', '.join(ways)}{reason}" if ways else "on"


def _reason(why: Mapping[str, str], *steps: str) -> str:
    said = [f"{step}: {why[step]}" for step in steps if step in why]
    return f" ({'; '.join(said)})" if said else ""
