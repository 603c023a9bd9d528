"""``moliere train``: a recipe in, a bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moliere.cli.options import (
    GoOn,
    Overwrite,
    RecipeName,
    Settings,
    Track,
    TrainingDevice,
    TrainingEvents,
    TrainingThreads,
    console,
    examples,
    progress_console,
)

if TYPE_CHECKING:
    from moliere.training import Recipe


@examples("moliere train photons photons.h5 --iterations 20000")
def train(
    context: typer.Context,
    recipe: RecipeName,
    events: TrainingEvents = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the run; runs/<recipe name> by default.")
    ] = None,
    set_: Settings = None,
    select: Annotated[
        str | None,
        typer.Option("--select", help="Which weights are kept: last, loss, or the best by separation, physics or bdt."),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option("--iterations", min=1, help="How long, instead of the recipe's number.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="The same seed gives the same model.")] = None,
    threads: TrainingThreads = None,
    device: TrainingDevice = None,
    devices: Annotated[
        int | None, typer.Option("--devices", min=1, help="GPUs, or processes, of each machine that share every batch.")
    ] = None,
    nodes: Annotated[
        int | None, typer.Option("--nodes", min=1, help="Machines; run the same command on each, with MASTER_ADDR set.")
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", help="Start from the networks of a bundle; a calorimeter-flow fits any detector."),
    ] = None,
    match_incident: Annotated[
        bool,
        typer.Option("--match-incident", help="Train on events of the first sample with the second's energies."),
    ] = False,
    resume: GoOn = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check recipe and events, build the model, show what would be done.")
    ] = False,
    print_job: Annotated[
        Literal["slurm", "htcondor"] | None,
        typer.Option("--print-job", help="Train nothing; print the job that trains, and goes on after its time limit."),
    ] = None,
    track: Track = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a model and pack it into one file, the bundle.

    Energies are in MeV in every file. The run's folder holds the checkpoint, the losses (metrics.csv, TensorBoard
    where it is installed) and, at the end, the bundle.
    """
    from moliere import front

    chosen = front.choose_recipe(
        recipe, set_ or [], events=events, iterations=iterations, threads=threads, seed=seed, device=device,
        devices=devices, nodes=nodes, select=select, from_=from_, match_incident=match_incident,
    )  # fmt: skip
    folder = output or Path("runs") / chosen.name
    if print_job is not None:
        _print_job(context, print_job, chosen, folder)
        return
    if dry_run:
        _show_plan(chosen, folder)
        return
    from moliere.tracking import tracked

    services = track if track and front.is_first_process() else ()
    with tracked(services, chosen.name, chosen.to_table()) as run:
        run_training(chosen, folder, resume=resume, overwrite=overwrite)
        run.files(folder / name for name in ("recipe.toml", "metrics.csv", f"{chosen.name}.bundle"))


def run_training(recipe: Recipe, folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Train, and say what came of it."""
    from moliere import front

    try:
        bundle = front.train(recipe, folder, resume=resume, overwrite=overwrite, console=progress_console)
    except KeyboardInterrupt:
        saved = (folder / "checkpoint.pt").exists()
        console.print(
            f"stopped; the last checkpoint is in {folder}; go on with the same command and --resume"
            if saved
            else "stopped before the first iteration; nothing is lost"
        )
        raise
    if not front.is_first_process():
        return
    made = bundle.provenance
    losses = ", ".join(f"{name} {value:.4f}" for name, value in made["validation_losses"].items())
    console.print(
        f"{folder / f'{recipe.name}.bundle'}: {bundle.n_parameters:,} parameters, {made['iterations']:,} iterations in "
        f"{made['training_seconds'] / 60:.1f} min; {f'validation loss {losses}' if losses else 'not validated'}"
    )
    if bundle.undertrained:
        console.print(
            f"{bundle.undertrained}: the time limit of {recipe.training.minutes:g} minutes ended the training; go on "
            "with the same command, --resume and a larger --set training.minutes",
            style="yellow",
        )


def _print_job(context: typer.Context, system: str, recipe: Recipe, folder: Path) -> None:
    from moliere.cli.verbs import command_of
    from moliere.cluster import TrainingJob, training_job

    command = ["moliere", *command_of(context, {"print_job", "resume", "overwrite", "dry_run"})]
    how = recipe.training
    on_cpu = how.accelerator == "cpu"
    job = TrainingJob(command, folder, Path.cwd(), how.devices, how.nodes, on_cpu)
    console.print(training_job(system, job), end="")


def _show_plan(recipe: Recipe, folder: Path) -> None:
    import tempfile

    import tomli_w

    from moliere.events.events import describe_source
    from moliere.training import prepare

    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare(recipe, Path(scratch))
    split = prepared.split
    size = sum(parameter.numel() for parameter in prepared.model.parameters())
    console.print(tomli_w.dumps(recipe.to_table()))
    console.print(f"events      {describe_source(prepared.source)}")
    console.print(f"split       {len(split.train)} train, {len(split.validation)} validation, {len(split.test)} test")
    console.print(f"model       {recipe.kind}, {size:,} parameters")
    console.print(f"output      {folder}")
