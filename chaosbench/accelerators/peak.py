"""The double-precision peak of a device, measured: independent chains of fused multiply-adds and nothing else."""

import time
from typing import Any

import numpy as np

from chaosbench.accelerators.cuda_driver import Gpu
from chaosbench.accelerators.cuda_host import Host
from chaosbench.accelerators.ptx import to_ptx

_CHAINS = 12  # more than latency times issue rate of one warp or core
_THREADS, _BLOCK = 2**18, 256
_LONG_ENOUGH = 0.05  # seconds, far above the cost of a launch


def _body(kind: str, store: str) -> str:
    """Return the instructions of one thread: %rounds rounds of all chains, x <- 0.5 x + 1, which stays between 1 and 2."""
    width = 8 if kind.startswith("<") else 1
    symbol = f"@llvm.fma.{'v8f64' if width == 8 else 'f64'}"
    factor, one = (f"<{', '.join([f'double {value}'] * 8)}>" if width == 8 else value for value in ("0.5", "1.0"))
    lines = ["entry:", "  br label %head", "head:", "  %i = phi i64 [ 0, %entry ], [ %next, %head ]"]
    # Each chain starts elsewhere, so that no compiler may take them for one.
    starts = [f"<{', '.join([f'double {1.0 + k / 16}'] * 8)}>" if width == 8 else str(1.0 + k / 16) for k in range(_CHAINS)]
    lines += [f"  %x{k} = phi {kind} [ {starts[k]}, %entry ], [ %y{k}, %head ]" for k in range(_CHAINS)]
    lines += [f"  %y{k} = call {kind} {symbol}({kind} %x{k}, {kind} {factor}, {kind} {one})" for k in range(_CHAINS)]
    lines += ["  %next = add i64 %i, 1", "  %more = icmp ult i64 %next, %rounds", "  br i1 %more, label %head, label %leave", "leave:"]
    total = "%y0"
    for k in range(1, _CHAINS):
        lines.append(f"  %s{k} = fadd {kind} {total}, %y{k}")
        total = f"%s{k}"
    lines += [store.format(total=total), "  ret void", "}", f"declare {kind} {symbol}({kind}, {kind}, {kind})"]
    return "\n".join(lines)


def _device_text() -> str:
    store = "\n".join(
        [
            "  %thread = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()",
            "  %place = getelementptr double, ptr addrspace(1) %out, i32 %thread",
            "  store double {total}, ptr addrspace(1) %place",
        ]
    )
    head = "define ptx_kernel void @peak(i64 %rounds, ptr addrspace(1) %out) {\n"
    return head + _body("double", store) + "\ndeclare i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n"


def _host_text() -> str:
    attributes = '\nattributes #0 = { "prefer-vector-width"="512" "min-legal-vector-width"="512" }\n'
    return "define void @peak(i64 %rounds, ptr %out) #0 {\n" + _body("<8 x double>", "  store <8 x double> {total}, ptr %out, align 8") + attributes


def peak(device: Gpu | Host) -> float:
    """Return floating-point operations per second, a fused multiply-add counted as two: of the whole GPU, or of one core of this processor.

    Error: a lower bound; other work on the device, or a clock that still rises, makes it smaller. The best of three runs.
    """
    on_host = isinstance(device, Host)
    chosen: Any = device
    chosen.use()
    kernel = chosen.kernel(_host_text() if on_host else to_ptx(_device_text(), "peak"), "peak")
    threads, width = (1, 8) if on_host else (_THREADS, 1)
    memory = chosen.put(np.zeros(max(_BLOCK, 8)))

    def seconds(rounds: int) -> float:
        start = time.perf_counter()
        chosen.launch(kernel, threads, _BLOCK, [rounds], [memory])
        chosen.wait()
        return time.perf_counter() - start

    rounds = 1024
    while seconds(rounds) < _LONG_ENOUGH:
        rounds *= 2
    best = min(seconds(rounds) for _ in range(3))
    chosen.drop(memory)
    return 2.0 * _CHAINS * width * threads * rounds / best
