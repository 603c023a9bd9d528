"""``moliere distill``: a flow's bundle in, a bundle out that makes the same events in one evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moliere.cli.options import (
    GoOn,
    Overwrite,
    Seed,
    Settings,
    Threads,
    TrainingDevice,
    bundle_argument,
    examples,
    sample_argument,
)
from moliere.cli.train import run_training


@examples("moliere distill photons.bundle photons.h5 -o fast")
def distill(
    teacher: Annotated[str, bundle_argument("Bundle of a flow: a file or a shipped name.")],
    events: Annotated[str, sample_argument("File or shipped sample that the teacher was trained on.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the run; runs/<teacher>-fast by default.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, max=64, help="Evaluations of each stage.")] = 1,
    iterations: Annotated[int | None, typer.Option("--iterations", min=1, help="How long; 3,000 by default.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Events an iteration; the teacher's by default.")
    ] = None,
    seed: Seed = 0,
    threads: Threads = 0,
    device: TrainingDevice = "auto",
    set_: Settings = None,
    resume: GoOn = False,
    overwrite: Overwrite = False,
) -> None:
    """Teach a student to make a flow's events in few evaluations.

    The student has its teacher's networks and learns where the teacher's paths end. It is trained like any other model:
    the run's folder holds its recipe, checkpoint, losses and bundle.
    """
    from moliere.training.distill import student_recipe
    from moliere.weights import find_bundle

    chosen = {"threads": threads, "accelerator": device, "seed": seed}
    given = {"iterations": iterations, "batch_size": batch_size}
    changes = {**chosen, **{name: value for name, value in given.items() if value is not None}}
    recipe = student_recipe(find_bundle(teacher), events, steps, changes, set_ or [])
    run_training(recipe, output or Path("runs") / recipe.name, resume=resume, overwrite=overwrite)
