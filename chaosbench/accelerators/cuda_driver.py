"""The CUDA driver by its C interface, the part of it that runs one kernel: no toolkit and no other package is needed, only the GPU's driver."""

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from chaosbench.errors import KernelError, NotInstalledError

_NAMES = {"win32": ("nvcuda.dll",)}
_JIT_ERROR_LOG, _JIT_ERROR_LOG_BYTES = 5, 6  # CU_JIT_ERROR_LOG_BUFFER and its size
_LOG_BYTES = 8192

_pointer = ctypes.POINTER
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "cuInit": (ctypes.c_uint,),
    "cuDeviceGetCount": (_pointer(ctypes.c_int),),
    "cuDeviceGet": (_pointer(ctypes.c_int), ctypes.c_int),
    "cuDeviceGetName": (ctypes.c_char_p, ctypes.c_int, ctypes.c_int),
    "cuDevicePrimaryCtxRetain": (_pointer(ctypes.c_void_p), ctypes.c_int),
    "cuCtxSetCurrent": (ctypes.c_void_p,),
    "cuCtxSynchronize": (),
    "cuModuleLoadDataEx": (
        _pointer(ctypes.c_void_p),
        ctypes.c_char_p,
        ctypes.c_uint,
        _pointer(ctypes.c_int),
        _pointer(ctypes.c_void_p),
    ),
    "cuModuleGetFunction": (_pointer(ctypes.c_void_p), ctypes.c_void_p, ctypes.c_char_p),
    "cuModuleUnload": (ctypes.c_void_p,),
    "cuMemGetInfo_v2": (_pointer(ctypes.c_size_t), _pointer(ctypes.c_size_t)),
    "cuMemAlloc_v2": (_pointer(ctypes.c_uint64), ctypes.c_size_t),
    "cuMemFree_v2": (ctypes.c_uint64,),
    "cuMemcpyHtoD_v2": (ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t),
    "cuMemcpyDtoH_v2": (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_size_t),
    "cuLaunchKernel": (
        ctypes.c_void_p,
        *[ctypes.c_uint] * 7,
        ctypes.c_void_p,
        _pointer(ctypes.c_void_p),
        _pointer(ctypes.c_void_p),
    ),
    "cuGetErrorString": (ctypes.c_int, _pointer(ctypes.c_char_p)),
}


@cache
def _library() -> ctypes.CDLL:
    names = _NAMES.get(sys.platform, ("libcuda.so.1", "libcuda.so"))
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for symbol, arguments in _SIGNATURES.items():
            function = getattr(library, symbol)
            function.argtypes, function.restype = arguments, ctypes.c_int
        return library
    raise NotInstalledError(
        f"no CUDA driver ({' or '.join(names)} cannot be loaded); an NVIDIA GPU with its driver is needed; install the driver, or pass device='cpu'"
    )


def _call(symbol: str, *arguments: Any) -> None:
    code = getattr(_library(), symbol)(*arguments)
    if code:
        text = ctypes.c_char_p()
        _library().cuGetErrorString(code, ctypes.byref(text))
        reason = (text.value or b"unknown").decode()
        raise KernelError(f"{symbol} failed: {reason} (CUDA error {code}); take fewer lanes if memory is short, else look at nvidia-smi")


@dataclass(frozen=True)
class Memory:
    """Bytes on the device."""

    address: int
    size: int


class Gpu:
    """One GPU: memory and launches, in the primary context that torch and Numba use as well."""

    def __init__(self, number: int = 0) -> None:
        _call("cuInit", 0)
        count, device, context = ctypes.c_int(), ctypes.c_int(), ctypes.c_void_p()
        _call("cuDeviceGetCount", ctypes.byref(count))
        if not 0 <= number < count.value:
            raise NotInstalledError(f"GPU {number} of {count.value}: there is no such GPU; pass a number below {count.value}, or device='cpu'")
        _call("cuDeviceGet", ctypes.byref(device), number)
        _call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device.value)
        name = ctypes.create_string_buffer(128)
        _call("cuDeviceGetName", name, len(name), device.value)
        self.name = name.value.decode()
        self._context = context
        self._modules: dict[str, ctypes.c_void_p] = {}

    def use(self) -> None:
        """Make the GPU's context that of this thread."""
        _call("cuCtxSetCurrent", self._context)

    def free_bytes(self) -> int:
        """Return the memory that is free."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        _call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def put(self, array: np.ndarray) -> Memory:
        """Copy an array to new memory."""
        memory = self.room(array.nbytes)
        self.write(memory, array)
        return memory

    def room(self, size: int) -> Memory:
        """Return new memory, not cleared."""
        address = ctypes.c_uint64()
        _call("cuMemAlloc_v2", ctypes.byref(address), max(size, 8))
        return Memory(address.value, size)

    def write(self, memory: Memory, array: np.ndarray) -> None:
        """Copy a contiguous array to memory."""
        _call("cuMemcpyHtoD_v2", memory.address, array.ctypes.data, array.nbytes)

    def read(self, memory: Memory, array: np.ndarray) -> None:
        """Copy memory to a contiguous array; waits for the launches before."""
        _call("cuMemcpyDtoH_v2", array.ctypes.data, memory.address, array.nbytes)

    def drop(self, memory: Memory) -> None:
        """Free memory."""
        _call("cuMemFree_v2", memory.address)

    def wait(self) -> None:
        """Wait for all launches."""
        _call("cuCtxSynchronize")

    def kernel(self, ptx: str, name: str) -> ctypes.c_void_p:
        """Return a kernel of a module; modules stay loaded."""
        if ptx not in self._modules:
            self._modules[ptx] = _loaded(ptx)
        function = ctypes.c_void_p()
        _call("cuModuleGetFunction", ctypes.byref(function), self._modules[ptx], name.encode())
        return function

    def launch(self, kernel: ctypes.c_void_p, threads: int, block: int, whole: list[int], memory: list[Memory]) -> None:
        """Start `threads` threads; the kernel takes the whole numbers (64 bits), then the addresses."""
        values = [ctypes.c_int64(number) for number in whole] + [ctypes.c_uint64(part.address) for part in memory]
        arguments = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        _call("cuLaunchKernel", kernel, -(-threads // block), 1, 1, block, 1, 1, 0, None, arguments, None)


def _loaded(ptx: str) -> ctypes.c_void_p:
    module, log = ctypes.c_void_p(), ctypes.create_string_buffer(_LOG_BYTES)
    options = (ctypes.c_int * 2)(_JIT_ERROR_LOG, _JIT_ERROR_LOG_BYTES)
    values = (ctypes.c_void_p * 2)(ctypes.addressof(log), _LOG_BYTES)
    try:
        _call("cuModuleLoadDataEx", ctypes.byref(module), ptx.encode(), 2, options, values)
    except KernelError as error:
        raise KernelError(f"{error}; the driver's compiler says: {log.value.decode(errors='replace') or 'nothing'}") from error
    return module
