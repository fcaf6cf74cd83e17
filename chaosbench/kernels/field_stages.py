"""The stages of ETDRK4 in the spectrum: combinations of states and nonlinear parts with tables of weights.

With N(v) the nonlinear part: a = e^(hL/2) v + Q N(v), b = e^(hL/2) v + Q N(a), c = e^(hL/2) a + Q (2 N(b) - N(v)),
v' = e^(hL) v + f1 N(v) + 2 f2 (N(a) + N(b)) + f3 N(c). The derivative of a step has the same combinations.

Source: S. M. Cox, P. C. Matthews, J. Comput. Phys. 176, 430-455 (2002), equations (26) to (29), doi:10.1006/jcph.2002.6995.
"""

from collections.abc import Callable

from chaosbench.kernels.control import counted
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.field_frame import CELL, FieldForm, Part
from chaosbench.kernels.field_rates import multiplied
from chaosbench.kernels.fourier import Complex, add, load, store, sub
from chaosbench.kernels.values import Index

# A block holds, each as long as a state: v, N(v), N(a), N(b), N(c), a, and b or c.
SLOTS = ("v", "nv", "na", "nb", "nc", "a", "b")
STAGES = ("stage_a", "stage_b", "stage_c", "stage_end")

Slot = Callable[[str, int], Complex]
Terms = dict[str, Callable[[Slot, int], Complex]]


def write_stages(assembly: Assembly, form: FieldForm) -> None:
    """Write the functions STAGES; each reads and writes the block at `u`, weights stand in `a`."""

    def stage(name: str, target: str, terms: Callable[[Writer], Terms]) -> None:
        w = Writer(assembly, name, KERNEL_POINTERS)
        with counted(w, form.frame.places, 1) as loop:
            _write_combination(w, form, loop.index, target, terms(w))
        w.finish()

    stage("stage_a", "a", lambda w: {"half": lambda u, g: u("v", g), "stage": lambda u, g: u("nv", g)})
    stage("stage_b", "b", lambda w: {"half": lambda u, g: u("v", g), "stage": lambda u, g: u("na", g)})
    stage("stage_c", "b", lambda w: {"half": lambda u, g: u("a", g), "stage": lambda u, g: sub(w, add(w, u("nb", g), u("nb", g)), u("nv", g))})
    stage(
        "stage_end",
        "v",
        lambda w: {
            "whole": lambda u, g: u("v", g),
            "first": lambda u, g: u("nv", g),
            "middle": lambda u, g: add(w, u("na", g), u("nb", g)),
            "last": lambda u, g: u("nc", g),
        },
    )


def _write_combination(w: Writer, form: FieldForm, index: Index, target: str, terms: Terms) -> None:
    """Write the sum over weights and over the fields that each field reads, at one place."""
    part: Part = "real" if form.real else "complex"
    cell, places = w.times(index, CELL), form.frame.places
    seen: dict[tuple[str, int], Complex] = {}

    def slot(name: str, g: int) -> Complex:
        if (name, g) not in seen:
            seen[name, g] = load(w, "%u", SLOTS.index(name) * form.size + g * places * CELL, cell)
        return seen[name, g]

    found = []
    for f in range(form.fields):
        total: Complex | None = None
        for weight, term in terms.items():
            for k, (row, g) in enumerate(form.coupling):
                if row == f:
                    product = multiplied(w, term(slot, g), part, "%a", form.tables[weight, k], index)
                    total = product if total is None else add(w, total, product)
        found.append(total)
    for f, value in enumerate(found):
        if value is not None:
            store(w, value, "%u", SLOTS.index(target) * form.size + f * places * CELL, cell)
