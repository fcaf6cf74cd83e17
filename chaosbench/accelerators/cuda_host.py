"""A GPU's interface on this processor: the same program compiled for it, so that kernels can be checked where there is no GPU."""

import ctypes

import numpy as np

from chaosbench.kernels.target import Loaded, compile_assembly, load_object, processor


class Host:
    """Memory is an array, a launch goes through the lanes one after another."""

    name = "this processor"

    def __init__(self) -> None:
        self._modules: dict[str, Loaded] = {}

    def use(self) -> None:
        """Nothing to choose."""

    def free_bytes(self) -> int:
        """Return what a chunk may take."""
        return 2**30

    def put(self, array: np.ndarray) -> np.ndarray:
        """Copy an array."""
        return array.copy()

    def room(self, size: int) -> np.ndarray:
        """Return new memory, not cleared."""
        return np.empty(-(-size // 8))

    def write(self, memory: np.ndarray, array: np.ndarray) -> None:
        """Copy a contiguous array to memory."""
        memory.reshape(-1)[: array.size] = array.reshape(-1)

    def read(self, memory: np.ndarray, array: np.ndarray) -> None:
        """Copy memory to a contiguous array."""
        array.reshape(-1)[:] = memory.reshape(-1)[: array.size]

    def drop(self, memory: np.ndarray) -> None:
        """Left to the collector."""

    def wait(self) -> None:
        """Nothing to wait for."""

    def kernel(self, text: str, name: str) -> int:
        """Return the address of a function of a module."""
        if text not in self._modules:
            self._modules[text] = load_object(compile_assembly(text, processor()), (name,))
        return self._modules[text].addresses[0]

    def launch(self, kernel: int, threads: int, block: int, whole: list[int], memory: list[np.ndarray]) -> None:
        """Run the lanes."""
        kinds = [ctypes.c_int64] * len(whole) + [ctypes.c_void_p] * len(memory)
        ctypes.CFUNCTYPE(None, *kinds)(kernel)(*whole, *(part.ctypes.data for part in memory))
