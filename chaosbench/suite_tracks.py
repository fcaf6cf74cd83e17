"""Tracks of a suite file: every task once in each track, under other conditions of observation, training or test."""

from collections.abc import Mapping, Sequence
from typing import Any

from chaosbench.errors import TaskError, nearest

_FLAGS = {"partial": "view", "basin": "start"}  # `flag = true` of a track: the task's entry of that name becomes its key
_OWN = ("name", "tasks", "shift", *_FLAGS)  # keys of a track that are no keys of a task
_SHIFT = ("parameter", "training", "interpolation", "extrapolation")  # keys of a task's shift
_NEVER = ("system", "parameters", "view", "track")  # of a task's own; a track says how it is run, not what it is


def expanded(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a suite file with its [defaults] put into every [[task]], and every task put into each [[track]].

    A task in a track is named "task/track" and carries the track's keys over its own. `tasks` of a track: only these. `partial = true`: the view is
    the task's `partial`, a list of components; `basin = true`: the test starts at the task's `basin`, a state; `shift = "interpolation"` or
    "extrapolation": training at the values `training` of the task's `shift.parameter`, the test at the value of that name. Tasks without such an
    entry are left out of the track.
    Raises TaskError for a misused key; keys of tasks are checked by the reader of tasks.
    """
    content = dict(data)
    defaults, tracks = content.pop("defaults", {}), content.pop("track", [])
    if not isinstance(defaults, Mapping):
        raise TaskError(f"defaults: {defaults!r} is not a table; write [defaults] and keys of tasks below")
    tasks = content.get("task")
    if not isinstance(tasks, list) or not all(isinstance(task, Mapping) for task in tasks) or not isinstance(tracks, list):
        return dict(data)  # the reader says what is wrong
    own = [{**defaults, **task} for task in tasks]
    if not tracks:
        return {**content, "task": own}
    _check(tracks, own)
    return {**content, "task": [task for track in tracks for task in _in_track(track, own)]}


def _in_track(track: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    changes = {key: value for key, value in track.items() if key not in _OWN}
    chosen = track.get("tasks", [_label(task) for task in tasks])
    found = []
    for task in tasks:
        wanted = [key for key in ("shift", *_FLAGS) if track.get(key)]
        if _label(task) not in chosen or any(key not in task for key in wanted):
            continue
        own: dict[str, Any] = {_FLAGS[key]: task[key] for key in wanted if key in _FLAGS}
        if "shift" in wanted:
            own |= _shifted(task["shift"], track["shift"], f"task {_label(task)!r}: shift")
        plain = {key: value for key, value in task.items() if key not in ("shift", *_FLAGS)}
        found.append({**plain, **changes, **own, "name": f"{_label(task)}/{track['name']}", "track": track["name"]})
    if not found:
        raise TaskError(f"track {track['name']!r}: no task is left in it; name tasks of the suite, or give tasks what the track asks for")
    return found


def _shifted(shift: Any, where_to: str, where: str) -> dict[str, Any]:
    """Return the keys of a task that is trained at other parameters than it is tested at."""
    if not isinstance(shift, Mapping) or set(shift) != set(_SHIFT) or not isinstance(shift["training"], list) or not shift["training"]:
        raise TaskError(f"{where} = {shift!r}: must be a table with {', '.join(_SHIFT)}, `training` a list of numbers")
    name = shift["parameter"]
    return {"parameters": {name: shift[where_to]}, "training_parameters": [{name: value} for value in shift["training"]]}


def _check(tracks: Sequence[Any], tasks: Sequence[Mapping[str, Any]]) -> None:
    known = [_label(task) for task in tasks]
    seen: set[str] = set()
    for index, track in enumerate(tracks):
        where = f"track[{index}]"
        if not isinstance(track, Mapping) or not isinstance(track.get("name"), str) or not track["name"]:
            raise TaskError(f'{where}: {track!r}: a track is a table with a name; write [[track]] and name = "..." below')
        if track["name"] in seen:
            raise TaskError(f"{where}: name {track['name']!r} appears twice; names of tracks are unique")
        seen.add(track["name"])
        for flag in _FLAGS:
            if not isinstance(track.get(flag, False), bool):
                raise TaskError(f"{where}: {flag} = {track[flag]!r}: must be true or false; what it means stands in each task")
        if track.get("shift", "interpolation") not in _SHIFT[2:]:
            raise TaskError(f"{where}: shift = {track['shift']!r}: must be {' or '.join(_SHIFT[2:])}")
        chosen = track.get("tasks", [])
        if not isinstance(chosen, list):
            raise TaskError(f"{where}: tasks = {chosen!r}: must be a list of names of tasks")
        for name in chosen:
            if name not in known:
                raise TaskError(f"{where}: tasks names {name!r}; tasks are {', '.join(known)}{nearest(str(name), known)}")
        for key in _NEVER:
            if key in track:
                raise TaskError(f"{where}: {key}: belongs to a task; remove it from the track")


def _label(task: Mapping[str, Any]) -> str:
    return str(task.get("name") or task.get("system", ""))
