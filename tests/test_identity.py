"""Canonical JSON, hashes and named random streams."""

import numpy as np
import pytest

from chaosbench.arrays import finite_array
from chaosbench.identity import canonical_json, sha256_of, sha256_of_array
from chaosbench.randomness import generator


def test_canonical_json_sorts_keys_and_keeps_floats_exact() -> None:
    assert canonical_json({"b": 0.1, "a": [1, True, None]}) == '{"a":[1,true,null],"b":0.1}'
    assert canonical_json(np.array([1.5, np.nan])) == '[1.5,"nan"]'


def test_canonical_json_refuses_what_has_no_form() -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        canonical_json({"x": object()})


def test_the_hash_of_an_array_sees_values_shape_and_type() -> None:
    base = np.arange(6.0)
    hashes = {sha256_of_array(array) for array in (base, base.reshape(2, 3), base.astype(np.float32), base + 1e-15 * np.arange(6))}
    assert len(hashes) == 4
    assert sha256_of_array(base.astype(">f8")) == sha256_of_array(base)
    assert sha256_of_array(np.asfortranarray(base.reshape(2, 3))) == sha256_of_array(base.reshape(2, 3))


def test_the_hash_of_data_is_the_known_one() -> None:
    # sha256 of the six bytes {"a":1} is fixed for ever
    assert sha256_of({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_streams_differ_in_every_key_and_repeat() -> None:
    keys = [(0, "initial", "a", 0), (1, "initial", "a", 0), (0, "windows", "a", 0), (0, "initial", "b", 0), (0, "initial", "a", 1)]
    draws = [generator(*key).standard_normal(4).tobytes() for key in keys]
    assert len(set(draws)) == len(keys)
    assert generator(*keys[0]).standard_normal(4).tobytes() == draws[0]


@pytest.mark.parametrize("seed", [-1, 0.5, True])
def test_a_seed_is_a_whole_number_from_zero(seed: object) -> None:
    with pytest.raises(ValueError, match="non-negative integer"):
        generator(seed, "x")  # type: ignore[arg-type]


def test_arrays_are_checked_at_the_border() -> None:
    assert finite_array([[1, 2]], "states", (None, 2)).dtype == np.float64
    with pytest.raises(ValueError, match=r"states: shape \(2,\) given, \(any, 2\) needed"):
        finite_array([1, 2], "states", (None, 2))
    with pytest.raises(ValueError, match=r"states: entry \(0, 1\) is nan"):
        finite_array([[1, np.nan]], "states", (None, 2))
