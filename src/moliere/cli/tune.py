"""``moliere tune``: a recipe and ranges of its settings in, the best recipe and a page out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moliere.cli.jobs import Cluster, Workers
from moliere.cli.options import (
    RecipeName,
    Track,
    TrainingDevice,
    TrainingEvents,
    console,
    examples,
    follow,
    progress_console,
)

if TYPE_CHECKING:
    from moliere.tuning import Trial, Tuned


@examples(
    "moliere tune photons --trials 50 --param training.learning_rate=log:1e-4:1e-2 --metric fpd",
    "moliere tune photons --trials 50 --param model.steps=1:12 --metric fpd --metric ms --workers 4",
    "moliere tune electrons --param model.width=64,128 --metric fpd --cluster slurm:queue=short --workers 20",
)
def tune(
    recipe: RecipeName,
    events: TrainingEvents = None,
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="How many there shall be, those of earlier runs included.")
    ] = 50,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="KEY=VALUES", help="a,b,c or LOW:HIGH or log:LOW:HIGH; may be repeated."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", help="A figure of moliere evaluate: fpd, auc_high, …; or ms, milliseconds an event; repeatable."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the search; tuning/<recipe name> by default.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting for all trials; may be repeated."),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option("--iterations", min=1, help="How long each trial is, instead of the recipe's number.")
    ] = None,
    pruner: Annotated[
        Literal["median", "halving", "none"] | None,
        typer.Option("--pruner", help="What gives up trials early: median by default, none with several metrics."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option("--storage", metavar="URL", help="postgresql://host/name; a file in the folder by default."),
    ] = None,
    workers: Workers = 1,
    cluster: Cluster = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=0, help="CPU threads of each trial; 0 shares the idle cores.")
    ] = None,
    device: TrainingDevice = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="The same seed gives the same trials, with one worker.")
    ] = 0,
    track: Track = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Forget an earlier search in the folder.")] = False,
) -> None:
    """Search for the best settings of a recipe: trials are trained, and judged on the validation part.

    The same command goes on with a search that was interrupted; more --trials make more of one that is done.
    """
    from moliere import front
    from moliere.tracking import tracked
    from moliere.tuning import tune as search

    chosen = front.choose_recipe(
        recipe, set_ or [], events=events, iterations=iterations, threads=threads, device=device
    )

    def ended(trial: Trial, best: tuple[Trial, ...]) -> None:
        _show(trial, best)
        with tracked(
            track or (), f"{chosen.name} trial {trial.number}", {"state": trial.state, **trial.settings}
        ) as run:
            run.figures(trial.values)

    try:
        # losses of different trials are no one curve
        with tracked(track or (), f"{chosen.name} search", chosen.to_table(), hears=False) as whole:
            with follow("searching") as progress:
                found = search(
                    chosen,
                    output,
                    trials=trials,
                    parameters=param or [],
                    metrics=metric or [],
                    pruner=pruner,
                    storage=storage,
                    seed=seed,
                    workers=workers,
                    cluster=cluster,
                    overwrite=overwrite,
                    progress=progress,
                    ended=ended,
                )
            whole.files([found.page, *found.recipes])
    except KeyboardInterrupt:
        progress_console.print("stopped; the same command goes on, with the trials that were running, too")
        raise
    _conclude(found)


def _conclude(found: Tuned) -> None:
    if not found.n_new:
        console.print(f"all {len(found.trials)} trials have been made; more --trials make more")
    for trial, path in zip(found.best, found.recipes, strict=True):
        console.print(f"trial {trial.number}: {_figures(trial)}; moliere train {path}", style="green")
    n_failed = sum(trial.state == "failed" for trial in found.trials)
    if n_failed:
        console.print(f"{n_failed} of {len(found.trials)} trials failed; the page says why", style="yellow")
    console.print(f"page: {found.page}")


def _show(trial: Trial, best: tuple[Trial, ...]) -> None:
    settings = ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in trial.settings.items()
    )
    said = _figures(trial) if trial.state == "complete" else f"{trial.state}: {trial.said}"
    mark = " *" if any(trial.number == one.number for one in best) else ""
    console.print(f"trial {trial.number:<4} {said}{mark}  {settings}")


def _figures(trial: Trial) -> str:
    return ", ".join(f"{figure} {value:.4g}" for figure, value in trial.values.items())
