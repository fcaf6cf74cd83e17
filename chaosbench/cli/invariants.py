"""`invariants`: measure a system, a store or a CSV file."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table, number, progress, settings
from chaosbench.errors import InvariantError

DEFAULT_TARGET = 0.005


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(invariants)


def invariants(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Name of a system, a definition file, a Zarr store, or a CSV file.")],
    what: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Comma-separated invariants; default: all that the subject allows (see `list invariants`).")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="Parameter or size, e.g. --set rho=30; may be repeated.")
    ] = None,
    target_error: Annotated[
        float | None, typer.Option(metavar="X", help=f"Stop when the standard error is below this (default {DEFAULT_TARGET}).")
    ] = None,
    duration: Annotated[float | None, typer.Option(metavar="TIME", help="Measure for this much system time instead.")] = None,
    dt: Annotated[float | None, typer.Option(metavar="TIME", help="Sampling interval of a CSV file without a time column (default 1).")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the starting states.")] = 0,
    series: Annotated[bool, typer.Option("--series", help="Keep convergence histories and scaling curves in the JSON (null otherwise).")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, with method, settings and source of each estimate.")] = False,
) -> None:
    """Measure Lyapunov exponents and dimensions.

    Every value comes with a standard error and a status: "converged" means the target was met, any other status comes with its reason.
    A CSV file has one column a component, one line a sample, a header line with names, and may have a column `time` or `t`.
    """
    from chaosbench.cli.subjects import parameters_of, read_subject

    if target_error is not None and duration is not None:
        raise InvariantError("--target-error and --duration were both given; give one of them")
    for option, value in (("--target-error", target_error), ("--duration", duration), ("--dt", dt)):
        if value is not None and not 0 < value < float("inf"):
            raise InvariantError(f"{option} {value:g}: must be a positive number")
    if seed < 0:
        raise InvariantError(f"--seed {seed}: a seed is a whole number, not negative")
    if target_error is None and duration is None:
        target_error = DEFAULT_TARGET
    measured = read_subject(subject, settings(set_ or []), dt)
    estimates: dict[str, Any] = {}
    for name, invariant in _chosen(what, measured, subject).items():
        with progress(name) as report:
            estimate = invariant().estimate(measured, seed=seed, target_error=target_error, duration=duration, progress=report)
        estimates[name] = estimate.to_json() | ({} if series else {"series": None})
    if json:
        echo_json({"subject": subject, "parameters": parameters_of(measured), "estimates": estimates})
        return
    rows = [[name, number(entry["value"]), number(entry["standard_error"]), entry["status"], entry["reason"]] for name, entry in estimates.items()]
    echo_table(rows, ["invariant", "value", "standard error", "status", "why"])


def _chosen(what: str | None, measured: Any, subject: str) -> dict[str, Any]:
    """Return {name: class} of the invariants to measure; an unknown or unsuitable name stops before any of them is measured."""
    from chaosbench.catalogue import load, names

    if what is None:
        found = {name: load("invariants", name) for name in names("invariants")}
        return {name: invariant for name, invariant in found.items() if _misfit(invariant, measured) is None}
    asked = [name.strip() for name in what.split(",") if name.strip()]
    if not asked:
        raise InvariantError(f"--what {what!r}: names no invariant; `chaosbench list invariants` shows them")
    found = {name: load("invariants", name) for name in asked}
    for name, invariant in found.items():
        reason = _misfit(invariant, measured)
        if reason is not None:
            raise InvariantError(f"{name} {reason}; {subject} is {_kind(measured)}")
    return found


def _misfit(invariant: Any, measured: Any) -> str | None:
    """Return why the invariant cannot be measured on the subject, or None."""
    definition = getattr(measured, "definition", None)
    if definition is None:
        return None if invariant.requires == "samples" else "needs equations: the name of a system or a definition file"
    kinds: Sequence[str] = invariant.kinds
    return None if definition.kind in kinds else f"takes systems of kind {', '.join(kinds)}"


def _kind(measured: Any) -> str:
    definition = getattr(measured, "definition", None)
    return "data" if definition is None else f"of kind {definition.kind}"
