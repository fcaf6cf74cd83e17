"""Compiled double-double kernels of a system: `build_extended` is the door."""

import hashlib
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from chaosbench.expressions.series import series_tape
from chaosbench.expressions.tape import Tape
from chaosbench.kernels.cache import Entry, emitter_version, read_entry, write_entry
from chaosbench.kernels.double_double_jet import NAMES, ExtendedKernels
from chaosbench.kernels.target import Processor, compile_assembly, load_object, processor, toolchain


@dataclass(frozen=True, eq=False)
class ExtendedCode:
    """Addresses of the functions that `ExtendedKernels` writes, and where things stand in their `work`.

    size: D. start: where the table begins. block: doubles of one order. library: keeps the code in memory.
    """

    value: int
    jet: int
    step: int
    size: int
    width: int
    start: int
    block: int
    library: Any = field(repr=False)

    def work_size(self, order: int) -> int:
        """Return the doubles of work for coefficients up to `order`."""
        return self.start + (order + 1) * self.block

    @property
    def out_size(self) -> int:
        """Doubles of out."""
        return (4 * self.size + 1) * self.width


@dataclass(frozen=True)
class _Request:
    key: str
    tape: Tape = field(compare=False)
    width: int = field(compare=False)
    cpu: Processor = field(compare=False)


_BUILDING = threading.Lock()


def build_extended(tape: Tape, *, structure: str, width: int) -> ExtendedCode:
    """Return the double-double kernels of a tape: from memory, else from the cache on disk, else compiled.

    Parameters
    ----------
    tape: a right-hand side or map without delays. structure: identity of the system without its parameter values. width: trajectories at once.

    Raises
    ------
    KernelError: the system has delays, holds an operation that has no double-double form, or is too large.
    """
    cpu = processor()
    content = repr(("pairs of doubles", structure, tape, width, cpu, toolchain(), emitter_version()))
    with _BUILDING:
        return _built(_Request(hashlib.sha256(content.encode()).hexdigest(), tape, width, cpu))


@lru_cache(maxsize=256)
def _built(request: _Request) -> ExtendedCode:
    kernels = ExtendedKernels(series_tape(request.tape), request.width)
    entry = read_entry(request.key)
    if entry is None:
        entry = Entry(compile_assembly(kernels.text(), request.cpu), kernels.start)
        write_entry(request.key, entry)
    loaded = load_object(entry.code, NAMES)
    dimension = kernels.series.tape.dimension
    value, jet, step = loaded.addresses
    return ExtendedCode(value, jet, step, dimension, kernels.width, kernels.start, kernels.table.block, loaded.library)
