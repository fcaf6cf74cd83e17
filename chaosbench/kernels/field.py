"""The kernels of one field equation: `field_text` writes them all into a module."""

from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.field_frame import CELL, FieldForm
from chaosbench.kernels.field_rates import multiplied, write_linearised, write_rates
from chaosbench.kernels.field_stages import STAGES, write_stages
from chaosbench.kernels.field_transforms import Transforms
from chaosbench.kernels.fourier import LANES, Complex, load, store
from chaosbench.kernels.values import Index, constant

FUNCTIONS = ("nonlinear", *STAGES, "to_grid", "to_modes", "linearised")


def field_text(form: FieldForm) -> str:
    """Return the functions FUNCTIONS."""
    assembly = Assembly()
    transforms = Transforms(assembly, form.frame, form.memory)
    write_rates(assembly, form, transforms)
    write_linearised(assembly, form, transforms)
    write_stages(assembly, form)
    _write_to_grid(assembly, form, transforms)
    _write_to_modes(assembly, form, transforms)
    return assembly.text()


def _write_to_grid(assembly: Assembly, form: FieldForm, transforms: Transforms) -> None:
    """Write function to_grid: the modes `u` to values of all fields on the grid, `out`."""
    w, frame = Writer(assembly, "to_grid", KERNEL_POINTERS), form.frame
    share = constant(1.0 / frame.number, LANES)
    for field in range(form.fields):

        def produce(first: int, k: Index, field: int = field) -> Complex:
            z = load(w, "%u", (field * frame.places + first) * CELL, w.times(k, CELL))
            return Complex(w.mul(share, z.re), w.mul(share, z.im))

        transforms.spread(w, produce, w.address("%out", field * frame.grid))
    w.finish()


def _write_to_modes(assembly: Assembly, form: FieldForm, transforms: Transforms) -> None:
    """Write function to_modes: values on the grid, `u`, to those modes, `out`, that the mask keeps."""
    w, frame = Writer(assembly, "to_modes", KERNEL_POINTERS), form.frame
    share = constant(1.0 if frame.complex else 0.5, LANES)
    for field in range(form.fields):

        def consume(first: int, k: Index, z: Complex, field: int = field) -> None:
            kept = multiplied(w, z, "real", "%a", form.tables["mask", 0] + first * LANES, k)
            z = Complex(w.mul(share, kept.re), w.mul(share, kept.im))
            store(w, z, "%out", (field * frame.places + first) * CELL, w.times(k, CELL))

        transforms.gather(w, w.address("%u", field * frame.grid), consume)
    w.finish()
