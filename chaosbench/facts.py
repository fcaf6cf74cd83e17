"""Measured facts of a system: read from the shipped `measured` folder or the user's cache, never typed by hand.

Facts belong to one identity (equations, parameters, size, initial rule). Facts whose identity differs from the definition's are ignored with a
warning, so a changed equation can never be paired with an old measurement.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from chaosbench.catalogue import MEASURED_SCHEMA as SCHEMA
from chaosbench.catalogue import systems_folder
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import read_definition
from chaosbench.errors import DatasetError
from chaosbench.folders import cache_folder, write_whole
from chaosbench.identity import plain

_NUMBERS = ("period", "transient", "lyapunov_time", "spread", "stiffness", "duration", "rtol")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """A measured number or tuple with its standard error."""

    value: float | tuple[float, ...]
    standard_error: float | tuple[float, ...]


@dataclass(frozen=True)
class Confirmation:
    """The spectrum measured again: other starts, a tighter tolerance, ten times the transient. distance: largest difference of an exponent, in units
    of what is allowed: 4 joint standard errors, 0.4 % of it (10 % in conservative systems), or, where both are 0 within their errors or no exponent
    is positive (orbits on a cycle run in phase), 6 units of ln over one orbit."""

    value: tuple[float, ...]
    standard_error: tuple[float, ...]
    seed: int
    rtol: float | None
    transient: float
    distance: float


@dataclass(frozen=True)
class Facts:
    """What was measured of one system.

    regime: by `regime_of`, or "transient" or "metastable" for chaos that does not stay; lifetime: how long that lasts on average. period: dominant
    period (middle one of the components); periods: per component. mean, standard_deviation, bounds (low, high): per component, NaN for angles.
    divergence: mean trace of the Jacobian (maps: mean log|det J|) over the attractor, measured apart from the exponents. entropy_bound: sum of the
    positive exponents, an upper bound of the entropy (Ruelle). Both are None for fields of which too few exponents are known: the dimension where
    their sum is not negative, the bound where the last is positive. Fields that come to rest have exponents of rest, and everything else is of the
    way there: the transient is 0, the period ten times the time in which they first move by as much as they vary in space. correlation_dimension:
    None where there is no attractor or no scaling region. spread: standard deviation of the largest exponent between orbits, for conservative
    systems, whose orbits may never meet. stiffness: fastest decay rate (median over the attractor) times period over 2 pi, flows only.
    positive_exponents: how many are above what counts as 0. lyapunov_time: 1 / largest exponent, None when that is not positive or chaos does not
    settle. transient: time left out. confirmation: a second run. drifting, mixed: whether halves of orbits, or orbits, still differ. orbits (that did
    not escape), duration (of all of them together), rtol, method, integrator, seed, versions: how to repeat it.
    """

    schema: int
    name: str
    identity: str
    regime: str
    period: float
    periods: tuple[float, ...]
    mean: tuple[float, ...]
    standard_deviation: tuple[float, ...]
    bounds: tuple[tuple[float, float], ...]
    divergence: Measured
    lyapunov_spectrum: Measured
    kaplan_yorke_dimension: Measured | None
    entropy_bound: Measured | None
    correlation_dimension: Measured | None
    lifetime: Measured | None
    spread: float | None
    stiffness: float | None
    positive_exponents: int
    lyapunov_time: float | None
    transient: float
    confirmation: Confirmation
    drifting: bool
    mixed: bool
    integrator: str
    method: str
    orbits: int
    duration: float
    rtol: float | None
    seed: int
    versions: Mapping[str, str]


def facts_to_json(facts: Facts) -> str:
    """Return the file's text: sorted keys, one entry a line at the top level, shortest round-trip floats, a final newline."""
    data = plain(asdict(facts))
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(data[key], sort_keys=True)}" for key in sorted(data))
    return "{\n" + lines + "\n}\n"


def facts_from_json(text: str, where: str) -> Facts:
    """Return the Facts in `text`. Raises DatasetError naming `where` when the schema or a key is wrong."""
    try:
        data: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as reason:
        raise DatasetError(f"{where}: not JSON ({reason}); measure the system again") from reason
    if data.get("schema") != SCHEMA:
        raise DatasetError(f"{where}: schema {data.get('schema')!r}, this version reads {SCHEMA}; measure the system again")
    wanted = {field.name for field in fields(Facts)}
    if set(data) != wanted:
        raise DatasetError(f"{where}: keys {sorted(set(data) ^ wanted)} are missing or unknown; measure the system again")
    for key, value in data.items():
        if key == "confirmation":
            inner = {field.name for field in fields(Confirmation)}
            if not isinstance(value, dict) or set(value) != inner:
                raise DatasetError(f"{where}: confirmation needs the keys {sorted(inner)}; measure the system again")
            data[key] = Confirmation(**{name: _tuples(part) for name, part in value.items()})
        elif isinstance(value, dict) and set(value) == {"value", "standard_error"}:
            data[key] = Measured(_tuples(value["value"]), _tuples(value["standard_error"]))
        elif isinstance(value, list) or key in _NUMBERS:
            data[key] = _tuples(value)
    return Facts(**data)


def load_facts(definition: SystemDefinition) -> Facts | None:
    """Return the measured facts of exactly this definition, or None when there are none."""
    shipped = systems_folder() / "measured" / f"{definition.name}.json"
    if shipped.is_file():
        facts = facts_from_json(shipped.read_text(), str(shipped))
        if facts.identity == definition.identity:
            return facts
        if definition.path is not None and read_definition(definition.path).identity != facts.identity:
            _log.warning("%s was measured for another identity of %s and is ignored; run scripts/measure_registry", shipped, definition.name)
    cached = _cached(definition)
    if not cached.is_file():
        return None
    try:
        return facts_from_json(cached.read_text(), str(cached))
    except DatasetError as reason:  # written by another version: as good as absent
        _log.info("%s", reason)
        return None


def save_facts(facts: Facts, path: Path | None = None) -> Path:
    """Write `facts` to `path`, by default the user's cache, whole or not at all; return the path."""
    target = path or cache_folder("measured", f"{facts.name}-{facts.identity[:16]}.json")
    write_whole(target, facts_to_json(facts))
    return target


def _cached(definition: SystemDefinition) -> Path:
    return cache_folder("measured", f"{definition.name}-{definition.identity[:16]}.json")


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return float(value) if value in ("nan", "inf", "-inf") else value
