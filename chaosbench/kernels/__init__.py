"""From tape to machine code: straight-line and rolled LLVM IR kernels and their object-file cache."""
