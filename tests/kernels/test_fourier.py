"""Our own transforms: NumPy's to rounding, the same bits on every processor and in every lane."""

import ctypes
import platform
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from chaosbench.errors import KernelError
from chaosbench.kernels.emitter import Assembly, Writer
from chaosbench.kernels.fourier import LANES, write_transform
from chaosbench.kernels.fourier_real import write_real_forward, write_real_inverse
from chaosbench.kernels.roots import roots_of_unity
from chaosbench.kernels.target import Processor, compile_assembly, load_object, processor

FORCED = [Processor("generic"), Processor("haswell")] if platform.machine() in {"x86_64", "AMD64"} else [Processor("generic")]
EPSILON = np.finfo(float).eps


def compiled(write: Callable[[Assembly], str], pointers: int, cpu: Processor | None = None) -> Callable[..., None]:
    """The function that `write` writes, called with arrays."""
    assembly, names = Assembly(), [f"%p{k}" for k in range(pointers)]
    w = Writer(assembly, "exported", [name[1:] for name in names])
    w.procedure(write(assembly), names)
    w.finish()
    loaded = load_object(compile_assembly(assembly.text(), cpu or processor()), ("exported",))
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * pointers)(loaded.addresses[0])

    def call(*arrays: np.ndarray) -> None:
        function(*(array.ctypes.data for array in arrays))
        assert loaded

    return call


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(shape)


def room(n: int) -> float:
    """Errors of a transform grow like the root of the number of passes; 2 units in the last place are never reached here."""
    return 2.0 * EPSILON * np.sqrt(max(1.0, np.log2(n)))


@pytest.mark.parametrize("n", [5, 16, 30, 96, 7 * 27])
def test_roots_of_unity_are_correctly_rounded(n: int) -> None:
    with mpmath.workdps(60):
        exact = [(float(mpmath.cos(2 * mpmath.pi * k / n)), float(mpmath.sin(2 * mpmath.pi * k / n))) for k in range(n)]
    assert np.array_equal(np.array(roots_of_unity(n)), np.where(np.abs(exact) < 1e-30, 0.0, exact))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 8, 9, 12, 25, 30, 64, 96, 120, 128, 250, 256])
def test_complex_transforms_are_those_of_numpy(n: int) -> None:
    given, found, other = noise(n, 2, LANES), np.zeros((n, 2, LANES)), np.zeros((n, 2, LANES))
    sequence = given[:, 0] + 1j * given[:, 1]
    for inverse, wanted in ((False, np.fft.fft(sequence, axis=0)), (True, n * np.fft.ifft(sequence, axis=0))):
        compiled(lambda assembly, inverse=inverse: write_transform(assembly, n, inverse=inverse), 3)(given, found, other)
        assert np.abs(found[:, 0] + 1j * found[:, 1] - wanted).max() <= room(n) * np.abs(wanted).max()


@pytest.mark.parametrize(("n", "kept"), [(2, 1), (2, 2), (4, 2), (6, 4), (16, 6), (30, 10), (64, 33), (64, 22), (128, 32), (96, 1)])
def test_real_transforms_keep_the_lowest_columns_of_those_of_numpy(n: int, kept: int) -> None:
    line, columns, spare, more = noise(n, LANES), np.zeros((kept, 2, LANES)), np.zeros((n, LANES)), np.zeros((n, LANES))
    compiled(lambda assembly: write_real_forward(assembly, n, kept), 4)(line, columns, spare, more)
    wanted = 2.0 * np.fft.rfft(line, axis=0)
    assert np.abs(columns[:, 0] + 1j * columns[:, 1] - wanted[:kept]).max() <= room(n) * np.abs(wanted).max()
    columns = noise(kept, 2, LANES)
    spectrum = np.zeros((n // 2 + 1, LANES), dtype=complex)
    spectrum[:kept] = columns[:, 0] + 1j * columns[:, 1]
    compiled(lambda assembly: write_real_inverse(assembly, n, kept), 4)(columns, line, spare, more)
    back = n * np.fft.irfft(spectrum, n, axis=0)
    assert np.abs(line - back).max() <= room(n) * np.abs(back).max()


@pytest.mark.parametrize("n", [24, 60])
def test_a_lane_has_the_same_bits_beside_any_others_and_on_every_processor(n: int) -> None:
    given, found, other = noise(n, 2, LANES), np.zeros((n, 2, LANES)), np.zeros((n, 2, LANES))
    compiled(lambda assembly: write_transform(assembly, n, inverse=False), 3)(given, found, other)
    for cpu in FORCED:
        changed, again = given.copy(), np.zeros_like(found)
        changed[:, :, 1:] = np.nan
        compiled(lambda assembly: write_transform(assembly, n, inverse=False), 3, cpu)(changed, again, other)
        assert again[:, :, 0].tobytes() == found[:, :, 0].tobytes()


def test_a_number_of_points_with_another_factor_is_refused() -> None:
    with pytest.raises(KernelError, match="a transform of 28 points: 28 has the factor 7; rule: a product of powers of 2, 3 and 5"):
        write_transform(Assembly(), 28, inverse=False)
