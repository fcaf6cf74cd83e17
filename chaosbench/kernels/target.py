"""From assembly to an object file for one processor, and from an object file to addresses."""

import ctypes
import itertools
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import llvmlite
import llvmlite.binding as llvm

from chaosbench.errors import KernelError

# Functions of the C library that compiled kernels may refer to; LLVM itself merges sin and cos into sincos.
_SYMBOLS = (
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "log", "pow", "fmod", "fma", "floor", "sqrt"),
    *("sincos", "__sincos_stret"),
)
_LIBRARIES = {"linux": ("libm.so.6", "libm.so"), "darwin": ("libSystem.dylib",), "win32": ("ucrtbase",)}

# Measured on 3-D systems: level 1 compiles up to a third faster than 2 and the code is as fast.
_OPTIMISATION = 1

_LOCK = threading.Lock()
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Processor:
    """What code is generated for: an LLVM processor name and feature string; "" are the features that the name implies."""

    name: str
    features: str = ""


def processor() -> Processor:
    """Return this machine's processor, or the one forced by NUMBA_CPU_NAME and NUMBA_CPU_FEATURES.

    As in Numba, except that a forced name does not keep the features of the machine: it means that processor and no more.
    """
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    host, available = _host()
    if features is None:
        features = available if name in (None, "", host) else ""
    return Processor(name or host, features)


@cache
def _host() -> tuple[str, str]:
    features = llvm.get_host_cpu_features()
    return llvm.get_host_cpu_name(), features.flatten()


def toolchain() -> str:
    """Return what, beside the processor, decides the code: versions and target triple."""
    return f"llvmlite {llvmlite.__version__} llvm {llvm.llvm_version_info} {llvm.get_process_triple()}"


@cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def _symbols() -> dict[str, int]:
    """Addresses of the C library's functions."""
    libraries: list[ctypes.CDLL] = []
    for name in _LIBRARIES.get(sys.platform, ()):
        try:
            libraries.append(ctypes.CDLL(name))
        except OSError:
            continue
    if sys.platform != "win32":
        libraries.append(ctypes.CDLL(None))
    found: dict[str, int] = {}
    for symbol in _SYMBOLS:
        holder = next((library for library in libraries if hasattr(library, symbol)), None)
        address = None if holder is None else ctypes.cast(getattr(holder, symbol), ctypes.c_void_p).value
        if address is not None:
            found[symbol] = address
    return found


@cache
def _linker() -> llvm.LLJIT:
    # JITLink places all sections of an object in one block, so that the small code model (constants addressed relative to the code) is safe.
    # The older MCJIT scatters them and, when they land more than 2 GiB apart, links wrong addresses without a word; the large code model that
    # avoids it spends an instruction per constant.
    _initialise()
    return llvm.create_lljit_compiler(use_jit_link=True, suppress_errors=True)


def compile_assembly(text: str, cpu: Processor) -> bytes:
    """Return the object file of an LLVM module."""
    with _LOCK:
        _initialise()
        try:
            module = llvm.parse_assembly(text)
            module.verify()
        except RuntimeError as error:
            raise KernelError(f"generated assembly is not valid: {error}; this is a bug, report it with the system's definition") from error
        target = llvm.Target.from_default_triple()
        machine = target.create_target_machine(cpu=cpu.name, features=cpu.features, opt=_OPTIMISATION, reloc="pic", codemodel="small")
        return bytes(machine.emit_object(module))


@dataclass(frozen=True)
class Loaded:
    """Functions of an object file in memory, which live as long as `library` does."""

    addresses: tuple[int, ...]
    library: llvm.ResourceTracker


def load_object(code: bytes, names: Sequence[str]) -> Loaded:
    """Link an object file into this process and return the addresses of its functions."""
    builder = llvm.JITLibraryBuilder().add_object_img(code)
    for symbol, address in _symbols().items():
        builder.import_symbol(symbol, address)
    for name in names:
        builder.export_symbol(name)
    with _LOCK:
        try:
            library = builder.link(_linker(), f"kernel{next(_NUMBERS)}")
        except RuntimeError as error:
            raise KernelError(f"a compiled kernel does not link: {error}; delete the kernel cache, and report it if that does not help") from error
    return Loaded(tuple(library[name] for name in names), library)
