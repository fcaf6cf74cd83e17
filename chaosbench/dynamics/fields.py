"""Checked reading of one table of a definition: wrong types, missing and unknown keys become errors that say where, the rule and the fix."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.parse import parse


def check_keys(data: Mapping[str, Any], allowed: Collection[str], where: str, required: Collection[str] = ()) -> None:
    """Raise DefinitionError for a key outside `allowed` or a missing key of `required`."""
    for key in data:
        if key not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise DefinitionError(f"{_joined(where, str(key))}: unknown key; keys here are {known}{nearest(str(key), allowed) or '; remove it'}")
    for key in required:
        if key not in data:
            raise DefinitionError(f"{_joined(where, key)}: missing; this key is required; add it")


def _joined(where: str, key: str) -> str:
    return where + key if where.endswith(": ") else f"{where}.{key}"


def table_of(data: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """Return the table at `key`, or an empty one if the key is absent."""
    value = data.get(key, {})
    if not isinstance(value, Mapping):
        raise DefinitionError(f"{_joined(where, key)}: {value!r} is not a table; write [{key}] with keys below it")
    return value


def entries_of(data: Mapping[str, Any], key: str, where: str) -> list[tuple[Mapping[str, Any], str]]:
    """Return the (table, place) pairs of an array of tables [[key]]."""
    value = data.get(key, [])
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise DefinitionError(f"{_joined(where, key)}: is not a list of tables; write [[{key}]] above each entry")
    return [(item, f"{_joined(where, key)}[{place}]") for place, item in enumerate(value)]


def text_of(data: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    """Return the text at `key`; without `default` it must be present and not empty."""
    value = data.get(key, default)
    if value is None:
        raise DefinitionError(f"{_joined(where, key)}: missing; this key is required; add it")
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise DefinitionError(f"{_joined(where, key)}: {value!r} is not text; rule: text in quotes, not empty; correct it")
    return value


def texts_of(data: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Return a list of distinct texts, empty if the key is absent."""
    value = data.get(key, [])
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise DefinitionError(f'{_joined(where, key)}: {value!r} is not a list of texts; write {key} = ["...", "..."]')
    if len(set(value)) != len(value):
        raise DefinitionError(f"{_joined(where, key)}: {value!r} repeats an entry; entries are distinct; remove the repetition")
    return tuple(value)


def flag_of(data: Mapping[str, Any], key: str, where: str) -> bool:
    """Return a true-or-false value, false if the key is absent."""
    value = data.get(key, False)
    if not isinstance(value, bool):
        raise DefinitionError(f"{_joined(where, key)}: {value!r} is neither true nor false; write {key} = true or leave it out")
    return value


def whole_of(value: Any, where: str, *, least: int) -> int:
    """Return `value` as a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DefinitionError(f"{where}: {value!r} is not allowed; rule: a whole number >= {least}; write for example {max(least, 1)}")
    return value


def number_of(value: Any, where: str) -> float:
    """Return a finite number given as a number or as a constant expression such as "8/3" or "2*pi/1.2"."""
    if isinstance(value, str):
        return constant_value(parse(value, where=where), {}, where=where)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DefinitionError(f'{where}: {value!r} is not a number; rule: a number, or text such as "8/3" or "2*pi"; correct it')
    number = float(value)
    if not math.isfinite(number):
        raise DefinitionError(f"{where}: {value!r} is not finite; every number is finite; correct it")
    return number


def numbers_of(value: Any, where: str, *, length: int | None = None) -> tuple[float, ...]:
    """Return a list of finite numbers, of `length` if given."""
    if not isinstance(value, list | tuple):
        raise DefinitionError(f"{where}: {value!r} is not a list; rule: a list of {length or ''} numbers; write [..., ...]")
    if length is not None and len(value) != length:
        raise DefinitionError(f"{where}: {len(value)} numbers given; rule: {length} numbers; correct the list")
    return tuple(number_of(item, f"{where}[{place}]") for place, item in enumerate(value))
