"""Reading what surrounds the equations: sources, published values, variants, peers. None of it is part of a system's identity."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any

from chaosbench.catalogue import names
from chaosbench.dynamics.equations import Equations, read_quantity
from chaosbench.dynamics.fields import check_keys, entries_of, flag_of, number_of, numbers_of, table_of, text_of, texts_of, whole_of
from chaosbench.dynamics.parts import Known, Peer, Source, Variant
from chaosbench.errors import DefinitionError, nearest

LIBRARIES = ("dysts", "tsdynamics", "predefined", "pynamicalsys")
COUNT = "positive_exponents"  # beside the quantities that have an estimator
REGIMES = (
    "chaotic",
    "hyperchaotic",
    "periodic",
    "quasi-periodic",
    "fixed point",
    "conservative",
    "conservative-mixed",
    "transient",
    "metastable",
    "random fixed point",
    "neutral",
)


def read_sources(data: Mapping[str, Any], where: str) -> tuple[Source, ...]:
    """Return the entries of [[source]]; keys are distinct."""
    sources: list[Source] = []
    for entry, place in entries_of(data, "source", where):
        check_keys(entry, {"key", "cite", "doi"}, place)
        key = text_of(entry, "key", place)
        if any(source.key == key for source in sources):
            raise DefinitionError(f"{place}.key: {key!r} is used twice; every source has a key of its own; rename one")
        sources.append(Source(key, text_of(entry, "cite", place), text_of(entry, "doi", place, "")))
    return tuple(sources)


def read_known(data: Mapping[str, Any], sources: Collection[str], parameters: Collection[str], size_name: str, where: str) -> tuple[Known, ...]:
    """Return the entries of [[known]].

    Parameters: `sources` are the keys that exist, `parameters` the names that an entry may set, `size_name` the name of the size or "".
    """
    known = []
    for entry, place in entries_of(data, "known", where):
        check_keys(entry, {"quantity", "value", "tolerance", "source", "parameters", "size", "without_phase", "note"}, place)
        quantity = text_of(entry, "quantity", place)
        quantities = (*names("invariants"), COUNT)
        if quantity not in quantities:
            listed = ", ".join(quantities)
            raise DefinitionError(f"{place}.quantity: {quantity!r} is not known; quantities are {listed}{nearest(quantity, quantities)}")
        source = text_of(entry, "source", place)
        if source not in sources:
            raise DefinitionError(
                f"{place}.source: no [[source]] has the key {source!r}; keys are {', '.join(sources) or 'none'}{nearest(source, sources)}"
            )
        value = _value(entry, "value", place)
        counted = quantity == COUNT and "tolerance" not in entry  # a count has no error
        tolerance = 0.0 if counted else _value(entry, "tolerance", place)
        _check_value(quantity, value, tolerance, place)
        size = table_of(entry, "size", place)
        check_keys(size, {size_name} - {""}, f"{place}.size")
        known.append(
            Known(
                quantity=quantity,
                value=value,
                tolerance=tolerance,
                source=source,
                parameters=read_settings(entry, parameters, place) or None,
                size={name: whole_of(cells, f"{place}.size.{name}", least=1) for name, cells in size.items()} or None,
                without_phase=flag_of(entry, "without_phase", place),
                note=text_of(entry, "note", place, ""),
            )
        )
    return tuple(known)


def read_variants(data: Mapping[str, Any], parameters: Collection[str], where: str) -> tuple[Variant, ...]:
    """Return the entries of [[variant]]; `parameters` are the names that an entry may set (the size name among them)."""
    variants: list[Variant] = []
    for entry, place in entries_of(data, "variant", where):
        check_keys(entry, {"name", "summary", "parameters", "regime"}, place)
        name = text_of(entry, "name", place)
        if any(variant.name == name for variant in variants):
            raise DefinitionError(f"{place}.name: {name!r} is used twice; variants have distinct names; rename one")
        regime = text_of(entry, "regime", place, "")
        if regime and regime not in REGIMES:
            raise DefinitionError(f"{place}.regime: {regime!r} is not known; regimes are {', '.join(REGIMES)}{nearest(regime, REGIMES)}")
        variants.append(Variant(name, text_of(entry, "summary", place), read_settings(entry, parameters, place), regime))
    return tuple(variants)


def read_peers(data: Mapping[str, Any], read: Equations, parameters: Collection[str], label: str) -> tuple[Peer, ...]:
    """Return the entries of [[peer]]; `parameters` are the names that an entry may set (the size name among them)."""
    peers: list[Peer] = []
    for entry, place in entries_of(data, "peer", f"{label}: "):
        check_keys(entry, {"library", "name", "parameters", "coordinates", "rate", "wrong_equations", "wrong_parameters"}, place)
        library, name = text_of(entry, "library", place), text_of(entry, "name", place)
        if library not in LIBRARIES:
            raise DefinitionError(f"{place}.library: {library!r} is not known; libraries are {', '.join(LIBRARIES)}{nearest(library, LIBRARIES)}")
        if any((peer.library, peer.name) == (library, name) for peer in peers):
            raise DefinitionError(f"{place}.name: {library} {name!r} stands here twice; one entry a name; remove one")
        texts = texts_of(entry, "coordinates", place)
        coordinates = tuple(read_quantity(text, read, f"{place}.coordinates[{index}]") for index, text in enumerate(texts))
        rate = number_of(entry.get("rate", 1.0), f"{place}.rate")
        if not rate > 0:
            raise DefinitionError(f"{place}.rate: {rate!r} is not positive; it says how much faster the clock runs there; correct it")
        wrong = (text_of(entry, "wrong_equations", place, ""), text_of(entry, "wrong_parameters", place, ""))
        peers.append(Peer(library, name, read_settings(entry, parameters, place), coordinates or None, rate, *wrong))
    return tuple(peers)


def read_settings(entry: Mapping[str, Any], parameters: Collection[str], where: str) -> dict[str, float]:
    """Return the table `parameters` of an entry, {name: number}, empty if absent."""
    table = table_of(entry, "parameters", where)
    check_keys(table, parameters, f"{where}.parameters")
    return {name: number_of(value, f"{where}.parameters.{name}") for name, value in table.items()}


def _value(entry: Mapping[str, Any], key: str, where: str) -> float | tuple[float, ...]:
    if key not in entry:
        raise DefinitionError(f"{where}.{key}: missing; a published value comes with value and tolerance; add it")
    value = entry[key]
    return numbers_of(value, f"{where}.{key}") if isinstance(value, list | tuple) else number_of(value, f"{where}.{key}")


def _check_value(quantity: str, value: float | tuple[float, ...], tolerance: float | tuple[float, ...], where: str) -> None:
    listed = quantity.endswith("_spectrum")
    if isinstance(value, tuple) != listed or (listed and not value):
        rule = "a spectrum is a list, largest first; any other quantity is one number"
        raise DefinitionError(f"{where}.value: {value!r} does not fit {quantity}; rule: {rule}; correct it")
    if isinstance(tolerance, tuple) and (not isinstance(value, tuple) or len(tolerance) != len(value)):
        raise DefinitionError(f"{where}.tolerance: {tolerance!r} does not fit the value; give one number, or one for each entry of value")
    if isinstance(value, tuple) and any(right > left for left, right in pairwise(value)):
        raise DefinitionError(f"{where}.value: {list(value)} is not in descending order; exponents are listed largest first; sort them")
    if min(tolerance if isinstance(tolerance, tuple) else (tolerance,)) < 0:
        raise DefinitionError(f"{where}.tolerance: {tolerance!r} is negative; a tolerance is >= 0; correct it")
