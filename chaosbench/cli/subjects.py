"""What `invariants` can measure: a system, a store, or a CSV file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system
from chaosbench.errors import InvariantError
from chaosbench.invariants.base import Samples
from chaosbench.store import open_dataset

_TIME_COLUMNS = ("time", "t")


def read_subject(text: str, parameters: Mapping[str, float], dt: float | None) -> CompiledSystem | Samples:
    """Return the compiled system or the samples that `text` names. Raises InvariantError when it is neither."""
    path = Path(text)
    if path.suffix == ".csv" or path.is_dir():
        if parameters:
            raise InvariantError(f"--set was given, but {text} is data; parameters belong to systems")
        return _from_csv(path, dt) if path.suffix == ".csv" else _from_store(path)
    return compile_system(system(text, parameters))


def parameters_of(subject: CompiledSystem | Samples) -> dict[str, float]:
    """Return the parameters of a system by name; data have none."""
    if isinstance(subject, Samples):
        return {}
    return dict(zip(subject.definition.parameter_names, (float(value) for value in subject.parameter_values), strict=True))


def _from_store(path: Path) -> Samples:
    dataset = open_dataset(path)
    times = dataset["time"].values
    names = tuple(str(name) for name in dataset["component"].values)
    step = float(times[1] - times[0]) if len(times) > 1 else 1.0
    return Samples(np.asarray(dataset["state"].values), step, names, np.full(len(names), np.nan))


def _from_csv(path: Path, dt: float | None) -> Samples:
    if not path.is_file():
        raise InvariantError(f"{path}: no such file; give a CSV file with one column per component")
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as reason:
        raise InvariantError(f"{path}: not readable as CSV ({reason}); one header line, then comma-separated numbers") from reason
    time = next((column for column in table.columns if str(column).strip().lower() in _TIME_COLUMNS), None)
    columns = [column for column in table.columns if column != time]
    numbers = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    if not columns or not len(table) or not np.isfinite(numbers).all():
        row = int(np.argwhere(~np.isfinite(numbers))[0][0]) + 2 if numbers.size else 1
        raise InvariantError(f"{path}: line {row} holds something that is not a finite number; every column but time must be numeric, without gaps")
    if time is not None and dt is None:
        steps = np.diff(table[time].to_numpy(dtype=np.float64))
        dt = float(np.median(steps))
        if not dt > 0 or np.abs(steps - dt).max() > 1e-3 * dt:
            raise InvariantError(f"{path}: the column {time!r} is not equally spaced and increasing; resample it, or drop it and give --dt")
    names = tuple(str(column) for column in columns)
    return Samples(numbers[None], 1.0 if dt is None else dt, names, np.full(len(names), np.nan))
