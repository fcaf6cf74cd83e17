"""From LLVM assembly to PTX, the assembly of NVIDIA's GPUs, by LLVM's own back end: neither a CUDA toolkit nor Numba's CUDA target is needed."""

from functools import cache

import llvmlite.binding as llvm

from chaosbench.errors import KernelError, NotInstalledError

TRIPLE = "nvptx64-nvidia-cuda"
# Every GPU from Volta (2017) on takes this; the driver makes it code of the GPU at hand.
_ARCHITECTURE, _PTX_VERSION = "sm_70", "+ptx70"
_LEVEL = 3
# LLVM's own for level 2. That of level 3 writes the elementary functions out at every call: eight times the code for a ring of oscillators.
_INLINING = 225


@cache
def _target() -> llvm.Target:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        return llvm.Target.from_triple(TRIPLE)
    except RuntimeError as error:
        raise NotInstalledError(f"llvmlite {llvm.llvm_version_info} has no target {TRIPLE}; its wheels from PyPI have it; install one") from error


def to_ptx(text: str, kernel: str) -> str:
    """Return the PTX of a module with one kernel; everything else in it becomes internal, is inlined or dropped.

    No fast-math flag and no contraction: add, multiply, fused multiply-add, divide and square root round as on a processor.
    """
    target = _target()
    machine = target.create_target_machine(cpu=_ARCHITECTURE, features=_PTX_VERSION, opt=_LEVEL)
    try:
        module = llvm.parse_assembly(text)
        module.triple, module.data_layout = TRIPLE, str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise KernelError(f"generated assembly is not valid: {error}; this is a bug, report it with the system's definition") from error
    for function in module.functions:
        if function.is_declaration and not function.name.startswith("llvm."):
            raise KernelError(f"{function.name} is a function of the C library, which a GPU has not; this is a bug, report it with the definition")
        if not function.is_declaration and function.name != kernel:
            function.linkage = "internal"
    tuning = llvm.create_pipeline_tuning_options(speed_level=_LEVEL)
    tuning.inlining_threshold = _INLINING
    tuning.loop_vectorization = tuning.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return str(machine.emit_assembly(module))
