"""`generate` and `dataset verify`."""

from pathlib import Path
from typing import Annotated

import typer

from chaosbench.cli.output import echo_json, progress, settings
from chaosbench.errors import StoreError


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(generate)
    group = typer.Typer(help="Check datasets on disk.", no_args_is_help=True)
    group.command()(verify)
    app.add_typer(group, name="dataset")


def generate(
    name: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of a system, or path of a definition file.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help="Zarr store to make; must not exist.")],
    trajectories: Annotated[int, typer.Option("-n", "--trajectories", metavar="N", help="How many trajectories.")] = 1,
    samples: Annotated[int, typer.Option(metavar="N", help="Samples per trajectory.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of every random draw.")] = 0,
    dt: Annotated[float | None, typer.Option(metavar="TIME", help="Sampling interval; default a hundredth of the dominant period.")] = None,
    transient: Annotated[float | None, typer.Option(metavar="TIME", help="Time left out first; default 100 periods.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="Parameter or size, e.g. --set rho=30; may be repeated.")
    ] = None,
    integrator: Annotated[str | None, typer.Option(metavar="NAME", help="Integrator; default chosen by kind.")] = None,
    step: Annotated[float | None, typer.Option(metavar="TIME", help="Longest step of an integrator with equal steps.")] = None,
    rtol: Annotated[float | None, typer.Option(metavar="X", help="Relative error per step; default the integrator's, 1e-9 for most.")] = None,
    atol: Annotated[float | None, typer.Option(metavar="X", help="Absolute error per step; default the integrator's, 1e-12 for most.")] = None,
    certify: Annotated[bool, typer.Option("--certify", help="Integrate twice and store how long each trajectory can be trusted.")] = False,
    threads: Annotated[int | None, typer.Option(metavar="N", help="Worker threads; default all cores.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make trajectories into a Zarr store.

    Initial states are drawn with the seed and brought onto the attractor first. Interrupted, the same command continues; the same command always
    gives the same numbers.
    """
    from chaosbench.dynamics.reader import system
    from chaosbench.generation import generate as run
    from chaosbench.requests import with_step
    from chaosbench.seals import recipe

    definition = system(name, settings(set_ or []))
    with progress(f"generate {definition.name}") as report:
        report(0.0, "compiling and finding the attractor")
        content = run(
            definition,
            output,
            n_trajectories=trajectories,
            n_samples=samples,
            seed=seed,
            dt=dt,
            transient=transient,
            integrator=integrator if step is None else with_step(integrator, step),
            rtol=rtol,
            atol=atol,
            certify=certify,
            threads=threads,
            progress=lambda done, total: report(done / total, f"{done} of {total} trajectories"),
        )
    made = recipe(output)
    if json:
        head = {"path": str(output), "system": definition.name, "trajectories": trajectories, "samples": samples, "seed": seed}
        echo_json({**head, **{key: made[key] for key in ("dt", "transient", "integrator")}, "content_sha256": content})
    else:
        typer.echo(f"{output}: {trajectories} x {samples} samples of {definition.name} every {made['dt']:.6g}, seed {seed}, content {content[:16]}")


def verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Zarr store made by `chaosbench generate`.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check every file of a store against its sealed hash.

    Exit code 1 when something is missing, changed, truncated or added; each is named.
    """
    from chaosbench.seals import content_hash, problems

    found = problems(path)
    if json:
        echo_json({"path": str(path), "whole": not found, "problems": found, "content_sha256": None if found else content_hash(path)})
        if found:
            raise typer.Exit(1)
    elif found:
        raise StoreError("\n".join(f"{path}: {problem}" for problem in found))
    else:
        typer.echo(f"{path}: whole; every file matches its sealed hash, content {content_hash(path)[:16]}")
