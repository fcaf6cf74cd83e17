"""From tape to machine code: straight-line and rolled LLVM IR kernels and their object-file cache."""

from chaosbench.kernels.cache import cache_folder

__all__ = ["cache_folder"]
