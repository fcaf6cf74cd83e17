"""Which components a patch of a chain or plane reads and writes, worked by hand."""

import numpy as np
import pytest

from chaosbench.forecasters._patches import largest_divisor, one_patch, patches_of, wavelength
from chaosbench.geometry import Geometry


def test_blocks_of_a_ring_see_across_its_end() -> None:
    patches = patches_of(Geometry(1, (6,)), side=2, overlap=1)
    assert patches.reads.tolist() == [[5, 0, 1, 2], [1, 2, 3, 4], [3, 4, 5, 0]]
    assert patches.writes.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_blocks_of_a_chain_with_ends_see_zeros_outside() -> None:
    patches = patches_of(Geometry(1, (4,), periodic=False), side=2, overlap=1)
    assert patches.reads.tolist() == [[-1, 0, 1, 2], [1, 2, 3, -1]]
    assert patches.gather(np.array([[10.0, 11.0, 12.0, 13.0]])).T.tolist() == [[0.0, 10.0, 11.0, 12.0], [11.0, 12.0, 13.0, 0.0]]


def test_a_second_field_comes_after_the_first_in_every_block() -> None:
    patches = patches_of(Geometry(2, (3,)), side=1, overlap=1)
    assert patches.reads[0].tolist() == [2, 0, 1, 5, 3, 4]
    assert patches.writes.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_blocks_of_a_plane_are_rectangles() -> None:
    patches = patches_of(Geometry(1, (2, 4)), side=2, overlap=0)
    assert patches.reads.tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]


def test_a_block_of_a_short_ring_sees_no_site_twice() -> None:
    patches = patches_of(Geometry(1, (6,)), side=2, overlap=5)
    assert patches.reads[0].tolist() == [4, 5, 0, 1, 2, 3]


def test_joining_undoes_splitting() -> None:
    samples = np.random.default_rng(0).normal(size=(5, 2 * 4 * 6))
    for patches in (patches_of(Geometry(2, (4, 6)), side=2, overlap=1), one_patch(48)):
        np.testing.assert_array_equal(patches.join(patches.split(samples)), samples)


def test_sides_divide_the_chain() -> None:
    assert [largest_divisor(40, most) for most in (1, 3, 7, 9, 100)] == [1, 2, 5, 8, 40]


@pytest.mark.parametrize("waves", [1, 4, 16])
def test_the_wavelength_of_one_wave_is_its_own(waves: int) -> None:
    place, phase = np.arange(64) / 64, np.linspace(0.0, 2 * np.pi, 8, endpoint=False)[:, None]
    # a mean over the 63 differences inside the array: phases over a whole period make each of them alike
    assert wavelength([np.cos(2 * np.pi * waves * place + phase)], Geometry(1, (64,))) == pytest.approx(64 / waves, rel=1e-10)
