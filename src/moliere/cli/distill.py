"""``moliere distill``: a flow's bundle in, a bundle out that makes the same events in one evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moliere.cli.options import Overwrite, Settings, epilog
from moliere.cli.train import run_training


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("distill", epilog=epilog("moliere distill photons.bundle photons.h5 -o fast"))(distill)


def distill(
    teacher: Annotated[str, typer.Argument(help="Bundle of a flow: a file or a shipped name.")],
    events: Annotated[str, typer.Argument(help="File or shipped sample that the teacher was trained on.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the run; runs/<teacher>-fast by default.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, max=64, help="Evaluations of each stage.")] = 1,
    iterations: Annotated[int | None, typer.Option("--iterations", min=1, help="How long; 3,000 by default.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Events an iteration; the teacher's by default.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same model.")] = 0,
    threads: Annotated[
        int, typer.Option("--threads", min=0, help="CPU threads; 0 takes as many as there are idle cores.")
    ] = 0,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, mps or auto.")] = "auto",
    set_: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
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
