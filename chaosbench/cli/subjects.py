"""What `invariants` can measure: a system, a store, or a CSV file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system
from chaosbench.errors import InvariantError
from chaosbench.invariants.base import Samples
from chaosbench.layout import flat_states
from chaosbench.store import open_dataset

_TIME_COLUMNS = ("time", "t")
_UNEVEN = 1e-3


def read_subject(text: str, parameters: Mapping[str, float], dt: float | None) -> CompiledSystem | Samples:
    """Return the compiled system or the samples that `text` names. Raises InvariantError when it is neither, or an option does not go with it."""
    path = Path(text)
    table = path.suffix.lower() == ".csv"
    store = path.is_dir() or path.suffix == ".zarr"
    if (table or store) and parameters:
        raise InvariantError(f"--set was given, but {text} is data; parameters belong to systems")
    if dt is not None and not table:
        raise InvariantError(f"--dt was given, but {text} is no CSV file; only those have no sampling interval of their own")
    if table:
        return _from_csv(path, dt)
    return _from_store(path) if store else compile_system(system(text, parameters))


def parameters_of(subject: CompiledSystem | Samples) -> dict[str, float]:
    """Return the parameters of a system by name, with its size; data have none."""
    if isinstance(subject, Samples):
        return {}
    definition = subject.definition
    size = {} if definition.size is None else {definition.size[0]: float(definition.size[1])}
    return dict(zip(definition.parameter_names, (float(value) for value in subject.parameter_values), strict=True)) | size


def _from_store(path: Path) -> Samples:
    dataset = open_dataset(path)
    times = dataset["time"].values
    states, names, periods = flat_states(dataset)
    if not np.isfinite(states).all():
        raise InvariantError(f"{path}: {int((dataset['status'].values != 0).sum())} trajectories ended early; generate others with another seed")
    step = float(times[1] - times[0]) if len(times) > 1 else 1.0
    return Samples(states, step, names, periods)


def _from_csv(path: Path, dt: float | None) -> Samples:
    """Read one trajectory. A blank line inside is a gap, not nothing: left out, two samples that are apart would stand side by side."""
    if not path.is_file():
        raise InvariantError(f"{path}: no such file; give a CSV file with one column per component")
    try:
        cells = pd.read_csv(path, header=None, dtype=str, skip_blank_lines=False, keep_default_na=False, na_filter=False, skipinitialspace=True)
    except (ValueError, UnicodeDecodeError) as reason:
        raise InvariantError(f"{path}: not readable as CSV ({str(reason).strip()}); a header line, then comma-separated numbers") from reason
    filled = np.flatnonzero((cells != "").any(axis=1).to_numpy())
    cells = cells.iloc[: filled[-1] + 1 if len(filled) else 0]  # empty lines at the end are no gap
    head = [str(name).strip() for name in cells.iloc[0]] if len(cells) else [""]
    if np.isfinite(pd.to_numeric(pd.Series(head), errors="coerce")).any() or "" in head:
        raise InvariantError(f"{path}: line 1 must hold the names of the columns; it holds {','.join(head)}: add a header line such as x,y,z")
    if len(cells) < 2:
        raise InvariantError(f"{path}: there is a header but no sample below it")
    numbers = _numbers(cells.iloc[1:], head, path)
    time = next((column for column, name in enumerate(head) if name.lower() in _TIME_COLUMNS), None)
    columns = [column for column in range(len(head)) if column != time]
    if not columns:
        raise InvariantError(f"{path}: no column but {head[0]!r}; add the components")
    if dt is None:
        dt = 1.0 if time is None else _step(numbers[:, time], head[time], path)
    return Samples(np.ascontiguousarray(numbers[None][:, :, columns]), dt, tuple(head[column] for column in columns), np.full(len(columns), np.nan))


def _numbers(cells: pd.DataFrame, head: list[str], path: Path) -> np.ndarray:
    """Return the cells (T, columns) as numbers; InvariantError names the line and column of the first that is none."""
    values: np.ndarray = cells.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        cell = str(cells.iat[row, column]).strip()
        what = f"holds {cell!r}" if cell else "is empty"
        raise InvariantError(
            f"{path}: line {row + 2}, column {head[column]!r} {what}; every line needs a finite number in every column: fill the gap or cut it out"
        )
    return values


def _step(times: np.ndarray, name: str, path: Path) -> float:
    steps = np.diff(times)
    if not len(steps):
        raise InvariantError(f"{path}: one sample; at least two are needed to see the sampling interval")
    usual = float(np.median(steps))
    off = np.flatnonzero(~(np.abs(steps - usual) <= _UNEVEN * abs(usual)))
    if not usual > 0 or off.size:
        where = f"from line {int(off[0]) + 2} to the next it steps by {steps[off[0]]:g} instead of {usual:g}" if off.size else "it does not increase"
        raise InvariantError(f"{path}: column {name!r} is not evenly spaced: {where}; resample the data, or drop the column and give --dt")
    return usual
