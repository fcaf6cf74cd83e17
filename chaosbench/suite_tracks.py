"""Tracks of a suite file: every task once in each track, under other conditions of observation, training or test."""

from collections.abc import Mapping, Sequence
from typing import Any

from chaosbench.errors import TaskError, nearest

_OWN = ("name", "tasks", "partial")  # keys of a track that are no keys of a task
_NEVER = ("system", "parameters", "view", "track")  # of a task's own; a track says how it is run, not what it is


def expanded(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a suite file with its [defaults] put into every [[task]], and every task put into each [[track]].

    A task in a track is named "task/track" and carries the track's keys over its own. `tasks` of a track: only these. `partial = true`: the view is
    the task's `partial`, a list of components; tasks without one are left out of such a track.
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
        partial = task.get("partial")
        if _label(task) not in chosen or (track.get("partial", False) and partial is None):
            continue
        view = {"view": partial} if track.get("partial", False) else {}
        plain = {key: value for key, value in task.items() if key != "partial"}
        found.append({**plain, **changes, **view, "name": f"{_label(task)}/{track['name']}", "track": track["name"]})
    if not found:
        raise TaskError(f"track {track['name']!r}: no task is left in it; name tasks of the suite, or give tasks a list of components `partial`")
    return found


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
        if not isinstance(track.get("partial", False), bool):
            raise TaskError(f"{where}: partial = {track['partial']!r}: must be true or false; the components stand in each task")
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
