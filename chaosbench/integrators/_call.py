"""Compiled loops that call kernels: a decorator for them, two intrinsics that call a kernel by its address, and the fused product and sum.

A loop that takes kernels by address is compiled once for all systems. `call(address, at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0),
at(out, 0))` runs `void kernel(u, p, a, past, work, out)`, all pointers to double (see kernels/build.py for what each holds).

An array handed to `at` must be an argument of the outermost driver, or be used again after the call: Numba frees an array of its own after
its last use, and a pointer does not count as one.
"""

import hashlib
import logging
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from llvmlite import ir
from numba import extending, njit
from numba import types as numba_types


def driver(function: Callable) -> Any:
    """Compile `function` with Numba once ever: machine code comes from the disk in every later process.

    No fast-math flag: drivers decide the bits of a trajectory. Numba takes code from the disk if the function's own file is unchanged, although
    functions of other files are compiled into it; therefore the content of all files with drivers in its folder and in this one replaces the
    file's time stamp. Without a folder that can be written, functions are compiled in every process; that is said once.
    """
    try:
        compiled = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder can be written
        _report()
        return njit(nogil=True, error_model="numpy")(function)
    index: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(index, "_source_stamp"):  # private to Numba; without it only the protection is lost
        index._source_stamp = _stamp(Path(function.__code__.co_filename).resolve().parent)
        index.save = partial(_save, index)
    return compiled


def _save(index: Any, key: tuple, data: Any) -> None:
    """Store the code of one signature as Numba's `IndexDataCacheFile.save` does, in a file named by the signature instead of numbered.

    Two processes that compile two signatures of one function at once would give both the same number, and the index could then name the other's code.
    """
    name = index._data_name(int.from_bytes(hashlib.sha256(str(key).encode()).digest()[:8]))
    index._save_index({**index._load_index(), key: name})
    index._save_data(name, data)


@cache
def _report() -> None:
    logging.getLogger(__name__).warning(
        "no folder for compiled loops can be written: they are compiled in every process; set NUMBA_CACHE_DIR to a folder that can"
    )


@cache
def _stamp(folder: Path) -> str:
    """Return the hash of this file and of all files with drivers in `folder` and beside this file."""
    here = Path(__file__).resolve()
    contents = [file.read_bytes() for file in sorted({*folder.glob("*.py"), *here.parent.glob("*.py")})]
    return hashlib.sha256(here.read_bytes() + b"".join(content for content in contents if b"@driver" in content)).hexdigest()


_intrinsic: Any = extending.intrinsic
types: Any = numba_types
_POINTER: Any = types.CPointer(types.float64)


@_intrinsic
def at(typing_context: Any, array: Any, offset: Any) -> Any:
    """Return the address of element `offset` of a C-contiguous float64 array, counted in the flattened array."""
    if not (isinstance(array, types.Array) and array.layout == "C" and array.dtype == types.float64 and isinstance(offset, types.Integer)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    return _POINTER(array, types.int64), generate


@_intrinsic
def call(typing_context: Any, address: Any, u: Any, p: Any, a: Any, past: Any, work: Any, out: Any) -> Any:
    """Run the kernel at integer `address` with six pointers made by `at`."""
    if not isinstance(address, types.Integer) or any(argument != _POINTER for argument in (u, p, a, past, work, out)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        double = ir.DoubleType().as_pointer()
        kernel = ir.FunctionType(ir.VoidType(), [double] * 6).as_pointer()
        builder.call(builder.inttoptr(arguments[0], kernel), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, *[_POINTER] * 6), generate


@_intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c with one rounding."""
    if any(argument != types.float64 for argument in (a, b, c)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate
