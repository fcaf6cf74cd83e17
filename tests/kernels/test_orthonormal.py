"""Orthonormal columns in lanes: against LAPACK, badly conditioned, rank deficient, and no lane changed by its neighbours."""

import ctypes

import numpy as np
import pytest

from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.orthonormal import Columns, write_growth, write_orthonormal
from chaosbench.kernels.target import compile_assembly, load_object, processor
from chaosbench.kernels.values import constant

WIDTH = 8
SIZES = [(1, 1), (3, 3), (7, 2), (12, 12), (20, 9), (40, 40)]  # the last three are written in loops


class Compiled:
    """u holds the state and the columns; a[0:W] > 0 where a lane is wanted; past the growth, then the scratch."""

    def __init__(self, dimension: int, columns: int) -> None:
        self.dimension, self.columns, scratch = dimension, columns, 2 * columns * WIDTH
        self.past = np.zeros(scratch + dimension * WIDTH)
        self.past[: columns * WIDTH] = 1.0
        assembly = Assembly()
        w = Writer(assembly, "orthonormalise", KERNEL_POINTERS, wide=True)
        wanted = w.compare("ogt", w.load("%a", width=WIDTH), constant(0.0, WIDTH))
        write_orthonormal(w, Columns(dimension, columns, WIDTH, scratch), wanted)
        w.finish()
        w = Writer(assembly, "growth", KERNEL_POINTERS, wide=True)
        write_growth(w, columns, WIDTH)
        w.finish()
        loaded = load_object(compile_assembly(assembly.text(), processor()), ("orthonormalise", "growth"))
        self._library = loaded.library
        pointer = ctypes.POINTER(ctypes.c_double)
        self._functions = [ctypes.CFUNCTYPE(None, *[pointer] * 6)(address) for address in loaded.addresses]

    def _call(self, which: int, u: np.ndarray, wanted: np.ndarray, out: np.ndarray) -> None:
        arrays = (u, np.zeros(1), wanted, self.past, np.zeros(1), out)
        self._functions[which](*(array.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for array in arrays))

    def orthonormalise(self, vectors: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
        """Return Q (W, D, K) of the vectors (W, D, K); those of lanes that are not wanted as they were."""
        u = np.concatenate([np.full((1, self.dimension, WIDTH), 7.0), vectors.transpose(2, 1, 0)]).ravel()
        self._call(0, u, np.ones(WIDTH) if wanted is None else wanted.astype(float), np.zeros(1))
        whole = u.reshape(1 + self.columns, self.dimension, WIDTH)
        assert (whole[0] == 7.0).all()
        return whole[1:].transpose(2, 1, 0).copy()

    def growth(self) -> np.ndarray:
        """Return the logarithms (W, K) since the last call."""
        out = np.zeros(self.columns * WIDTH)
        self._call(1, np.zeros(1), np.zeros(1), out)
        return out.reshape(self.columns, WIDTH).T


def random_vectors(dimension: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(WIDTH, dimension, columns))


@pytest.mark.parametrize(("dimension", "columns"), SIZES)
def test_q_is_lapacks_and_the_growth_is_the_logarithm_of_its_diagonal(dimension: int, columns: int) -> None:
    compiled, vectors = Compiled(dimension, columns), random_vectors(dimension, columns)
    found, growth = compiled.orthonormalise(vectors), compiled.growth()
    for lane in range(WIDTH):
        q, r = np.linalg.qr(vectors[lane])
        assert np.abs(found[lane] - q * np.sign(np.diag(r))).max() < 1e-12
        assert growth[lane] == pytest.approx(np.log(np.abs(np.diag(r))), abs=1e-12)


@pytest.mark.parametrize(("dimension", "columns"), [(5, 5), (30, 12)])
def test_nearly_parallel_columns_are_projected_again(dimension: int, columns: int) -> None:
    vectors = random_vectors(dimension, 1) + 1e-9 * random_vectors(dimension, columns, 1)
    found = Compiled(dimension, columns).orthonormalise(vectors)
    assert np.abs(found.transpose(0, 2, 1) @ found - np.eye(columns)).max() < 1e-14


@pytest.mark.parametrize(("dimension", "columns"), [(4, 4), (30, 12)])
def test_a_lane_has_the_same_bits_whatever_its_neighbours(dimension: int, columns: int) -> None:
    vectors = random_vectors(dimension, columns)
    alone = Compiled(dimension, columns).orthonormalise(vectors)
    others = vectors.copy()
    others[1:] = vectors[1:, :, :1] + 1e-9 * random_vectors(dimension, columns, 2)[1:]  # these need the second pass
    others[3] = np.nan
    among = Compiled(dimension, columns).orthonormalise(others)
    assert np.array_equal(among[0], alone[0])


@pytest.mark.parametrize(("dimension", "columns"), [(3, 3), (12, 12)])
def test_lanes_that_are_not_wanted_stay_as_they_are(dimension: int, columns: int) -> None:
    compiled, vectors = Compiled(dimension, columns), random_vectors(dimension, columns)
    wanted = np.arange(WIDTH) % 2 == 0
    found, growth = compiled.orthonormalise(vectors, wanted), compiled.growth()
    assert np.array_equal(found[~wanted], vectors[~wanted])
    assert not growth[~wanted].any()
    assert np.array_equal(found[wanted], Compiled(dimension, columns).orthonormalise(vectors)[wanted])


@pytest.mark.parametrize(("dimension", "columns"), [(3, 3), (12, 12)])
def test_growth_adds_up_far_beyond_the_range_of_doubles(dimension: int, columns: int) -> None:
    compiled, total = Compiled(dimension, columns), np.zeros((WIDTH, columns))
    for seed in range(5):
        vectors = random_vectors(dimension, columns, seed) * 10.0 ** np.linspace(120, -120, columns)
        compiled.orthonormalise(vectors)
        total += np.log(np.abs(np.array([np.diag(np.linalg.qr(one)[1]) for one in vectors])))
    assert np.abs(total).max() > 1000
    assert compiled.growth() == pytest.approx(total, rel=1e-13)
    assert np.array_equal(compiled.growth(), np.zeros((WIDTH, columns)))


@pytest.mark.parametrize(("dimension", "columns"), [(3, 3), (12, 12)])
def test_a_column_in_the_span_of_the_others_becomes_zero_and_its_growth_minus_infinity(dimension: int, columns: int) -> None:
    compiled, vectors = Compiled(dimension, columns), random_vectors(dimension, columns)
    vectors[2, :, 1] = vectors[2, :, 0] / 3
    found, growth = compiled.orthonormalise(vectors), compiled.growth()
    assert not found[2, :, 1].any()
    assert np.isneginf(growth[2, 1])
    assert np.isfinite(np.delete(growth[2], 1)).all()
    assert np.abs(np.delete(found[2], 1, axis=1).T @ np.delete(found[2], 1, axis=1) - np.eye(columns - 1)).max() < 1e-14
    assert np.isfinite(growth[[0, 1, 3]]).all()
