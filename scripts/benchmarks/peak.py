"""The most that one core can do: fused multiply-adds per second, measured by a loop of vector instructions without memory access."""

import ctypes
import time
from collections.abc import Callable

from chaosbench.kernels.target import compile_assembly, load_object, processor

_CHAINS, _WIDTH, _LOOPS = 12, 8, 2_000_000


def assembly() -> str:
    """Return a function of a count and a place for the result: twelve independent chains, enough to hide the latency of one."""
    kind = f"<{_WIDTH} x double>"
    ones = f"<{', '.join(['double 1.0e-3'] * _WIDTH)}>"
    half = f"<{', '.join(['double 0.5'] * _WIDTH)}>"
    chains = range(_CHAINS)
    lines = [
        f"declare {kind} @llvm.fma.v{_WIDTH}f64({kind}, {kind}, {kind})",
        "define void @chains(i64 %n, ptr %out) {",
        "entry:",
        "  br label %loop",
    ]
    lines += ["loop:", "  %i = phi i64 [ 0, %entry ], [ %next, %loop ]"]
    lines += [f"  %a{k} = phi {kind} [ {ones}, %entry ], [ %b{k}, %loop ]" for k in chains]
    lines += [f"  %b{k} = call {kind} @llvm.fma.v{_WIDTH}f64({kind} %a{k}, {kind} {half}, {kind} {ones})" for k in chains]
    lines += ["  %next = add i64 %i, 1", "  %more = icmp slt i64 %next, %n", "  br i1 %more, label %loop, label %done", "done:"]
    for k in chains:
        lines += [f"  %p{k} = getelementptr {kind}, ptr %out, i64 {k}", f"  store {kind} %b{k}, ptr %p{k}, align 8"]
    return "\n".join([*lines, "  ret void", "}", ""])


def loop() -> Callable[[], None]:
    """Return the loop, which leaves Python's lock alone and may run in several threads."""
    loaded = load_object(compile_assembly(assembly(), processor()), ("chains",))
    call = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(loaded.addresses[0])

    def run(loaded: object = loaded) -> None:  # the code lives as long as `loaded`
        room = (ctypes.c_double * (_CHAINS * _WIDTH))()
        call(_LOOPS, ctypes.addressof(room))

    return run


def peak(rounds: int = 5) -> float:
    """Return the highest rate of `rounds` runs in floating-point operations per second; a fused multiply-add counts as two."""
    run, best = loop(), 0.0
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        best = max(best, 2.0 * _CHAINS * _WIDTH * _LOOPS / (time.perf_counter() - started))
    return best
