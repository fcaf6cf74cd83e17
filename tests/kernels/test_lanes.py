"""The record of the lanes: nothing overlaps, nothing is left out."""

import pytest

from chaosbench.kernels.lanes import FIELDS, SETTINGS, Lanes


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize(("dimension", "kept"), [(1, 0), (3, 0), (3, 6), (7, 10)])
def test_every_number_of_a_record_has_a_place_of_its_own(dimension: int, kept: int, width: int) -> None:
    lanes = Lanes(dimension, width, kept)
    starts = [d * width for d in range(dimension)]
    starts += [lanes.field(name) for name in FIELDS]
    starts += [lanes.memory(number) for number in range(kept)]
    places = [start + lane for start in starts for lane in range(width)] + [lanes.setting(name) for name in SETTINGS]
    assert sorted(places) == list(range(len(places)))
    assert len(places) <= lanes.size < len(places) + 8
    assert lanes.size % 8 == 0


def test_vectors_of_a_record_do_not_cross_cache_lines() -> None:
    lanes = Lanes(3, 8, 6)
    assert all(start % 8 == 0 for start in (*map(lanes.field, FIELDS), *map(lanes.memory, range(6))))
