"""`invariants`: measure a system, a store or a CSV file."""

from typing import Annotated, Any

import typer

from chaosbench.cli.output import echo_json, echo_table, progress, settings
from chaosbench.errors import InvariantError


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(invariants)


def invariants(
    subject: Annotated[str, typer.Argument(help="Name of a system, a definition file, a Zarr store, or a CSV file.")],
    what: Annotated[str | None, typer.Option(help="Comma-separated invariants; default: all that the subject allows.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Parameter or size, e.g. --set rho=30; may be repeated.")] = None,
    target_error: Annotated[float | None, typer.Option(help="Stop when the standard error is below this (default 0.005).")] = None,
    duration: Annotated[float | None, typer.Option(help="Measure for this much system time instead.")] = None,
    dt: Annotated[float | None, typer.Option(help="Sampling interval of a CSV file without a time column (default 1).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the starting states.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure invariants (Lyapunov spectrum, dimensions ...) with error bars."""
    from chaosbench.catalogue import load, names
    from chaosbench.cli.subjects import parameters_of, read_subject

    if target_error is not None and duration is not None:
        raise InvariantError("--target-error and --duration were both given; give one of them")
    if target_error is None and duration is None:
        target_error = 0.005
    measured = read_subject(subject, settings(set_ or []), dt)
    chosen = (
        [name.strip() for name in what.split(",")] if what else [name for name in names("invariants") if _fits(load("invariants", name), measured)]
    )
    if not chosen:
        raise InvariantError(f"{subject}: no invariant takes this subject")
    estimates: dict[str, Any] = {}
    for name in chosen:
        invariant = load("invariants", name)
        if not _fits(invariant, measured):
            raise InvariantError(f"{name} needs {invariant.requires} of kind {', '.join(invariant.kinds)}; {subject} is something else")
        with progress(name) as report:
            estimate = invariant().estimate(measured, seed=seed, target_error=target_error, duration=duration, progress=report)
        estimates[name] = estimate.to_json()
    if json:
        echo_json({"subject": subject, "parameters": parameters_of(measured), "estimates": estimates})
        return
    rows = [[name, _number(entry["value"]), _number(entry["standard_error"]), entry["status"], entry["reason"]] for name, entry in estimates.items()]
    echo_table(rows, ["invariant", "value", "standard error", "status", "why"])


def _fits(invariant: Any, subject: Any) -> bool:
    definition = getattr(subject, "definition", None)
    return bool(definition.kind in invariant.kinds) if definition is not None else bool(invariant.requires == "samples")


def _number(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(_number(item) for item in value[:8])
        return f"[{shown}{', ...' if len(value) > 8 else ''}]"
    return "none" if value is None else f"{value:.5g}"
