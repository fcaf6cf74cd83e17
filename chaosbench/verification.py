"""Check a closed round: make its data again from the revealed secret, score the kept answers, and compare with what the records say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chaosbench.cells import ANSWERS, SCORING, prepared_task
from chaosbench.errors import ChaosbenchError, RecordError
from chaosbench.records import Record, read_record, read_windows
from chaosbench.rounds import read_round
from chaosbench.scoring import from_arrays, score
from chaosbench.suites import Suite, metric_from

CLOSE = 1e-6  # largest difference of one score that another processor's last bits may make

Progress = Callable[[float, str], None]
Verdict = Literal["equal", "close", "differs"]


@dataclass(frozen=True)
class Finding:
    """What came of one check. verdict: "equal" (bit for bit), "close" (every score within 1e-6), or "differs". seen: in words."""

    record: str
    task: str
    seed: int
    verdict: Verdict
    seen: str


def verify_round(folder: Path, progress: Progress | None = None, cache: Path | None = None) -> list[Finding]:
    """Return one finding for every cell of every record in `folder`/records, and one for a record that cannot belong to the round.

    Every cell's task is made again from the revealed secret and its kept answers are scored anew. Metrics of a fitted map cannot be: answers do not
    hold one. cache: folder that keeps simulated data. Raises RecordError when the round is not revealed, its secret is not the committed one, or
    there is no record.
    """
    found = read_round(folder)
    if found.revealed is None:
        raise RecordError(f"{folder}: the round is not closed yet, its secret is not revealed; verify it after `chaosbench leaderboard reveal`")
    suite = found.sealed(found.revealed)
    paths = sorted((folder / "records").glob("*--*.json"))
    if not paths:
        raise RecordError(f"{folder / 'records'}: no records; nothing to verify")
    findings: list[Finding] = []
    cells: list[tuple[Record, Mapping[str, Any]]] = []
    for path in paths:
        try:
            record = read_record(path)
        except RecordError as reason:
            findings.append(Finding(path.name, "", 0, "differs", str(reason)))
            continue
        odd = _of_another(record, suite, found.commitment)
        findings += [Finding(record.label, "", 0, "differs", odd)] if odd else []
        cells += [] if odd else [(record, cell) for cell in record.cells]
    cells.sort(key=lambda pair: pair[1]["task"])  # a task's data are made once
    for number, (record, cell) in enumerate(cells):
        if progress is not None:
            progress(number / len(cells), f"{record.label} on {cell['task']}, seed {cell['seed']}")
        verdict, seen = _again(cell, record, suite, folder / "records", cache)
        findings.append(Finding(record.label, cell["task"], cell["seed"], verdict, seen))
    return findings


def _of_another(record: Record, suite: Suite, commitment: str) -> str:
    """Return why `record` is none of this round, or an empty text."""
    wanted = {"suite": suite.name, "suite_sha256": suite.sha256, "commitment": commitment, "scoring": SCORING}
    for key, value in wanted.items():
        if record.identity.get(key) != value:
            return f"{key} is {record.identity.get(key)!r}, of the round {value!r}"
    missing = [task.label for task in suite.tasks if task.label not in {cell["task"] for cell in record.cells}]
    return f"task {missing[0]!r} is missing; a record of a round has every task" if missing else ""


def _again(cell: Mapping[str, Any], record: Record, suite: Suite, folder: Path, cache: Path | None) -> tuple[Verdict, str]:
    try:
        prepared = prepared_task(suite.task(cell["task"]), suite, cache)
        answers = from_arrays(read_windows(cell["answers_sha256"], folder, ANSWERS))
        _, arrays, _ = score(answers, prepared)
    except KeyError:
        return "differs", "the record keeps no hash of its answers; only records made in a round can be verified"
    except ChaosbenchError as reason:
        return "differs", str(reason)
    if cell["system_identity"] != prepared.plan.definition.identity:
        return "differs", f"system_identity is {cell['system_identity']}, of the round {prepared.plan.definition.identity}"
    largest = 0.0
    for label in prepared.metrics:
        if metric_from(label).needs == "map":
            continue
        said, made = record.scores(cell, label), arrays[label]
        entry = cell["metrics"].get(label)
        if entry is None or said.shape != made.shape:
            return "differs", f"{label}: {said.shape} scores are recorded, {made.shape} are made again"
        gap = float(np.abs(said - made).max(initial=0.0))
        aggregate = metric_from(label).aggregate
        shown = float(np.median(said) if aggregate == "median" else np.mean(said))
        if gap > CLOSE or abs(shown - entry["value"]) > CLOSE:
            return (
                "differs",
                f"{label}: recorded {entry['value']:.6g}, made again {float(np.median(made)):.6g}; largest difference of one score {gap:.3g}",
            )
        largest = max(largest, gap)
    return ("equal", "every score made again bit for bit") if largest == 0 else ("close", f"scores differ by at most {largest:.3g}")
