"""``moliere run``: a file of steps in, everything that they make and one page out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from moliere.cli.options import console, examples, progress_console
from moliere.cli.verbs import verbs_of
from moliere.pipelines import load_pipeline
from moliere.pipelines import plan as plan_of
from moliere.pipelines import run as run_all
from moliere.pipelines.manifest import Records
from moliere.pipelines.run import check_recipes
from moliere.pipelines.words import duration, last_words

if TYPE_CHECKING:
    from moliere.pipelines import Pipeline, Step


@examples(
    "moliere run demo",
    "moliere run electrons.toml --dry-run",
    "moliere run electrons.toml --from train --set train.iterations=20000",
)
def run(
    context: typer.Context,
    pipeline: Annotated[str, typer.Argument(help="A .toml file, or a shipped pipeline (moliere list pipelines).")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of all outputs, instead of the file's own.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="STEP", help="Make this step and all after again.")] = (
        None
    ),
    only: Annotated[str | None, typer.Option("--only", metavar="STEP", help="Run this step alone.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="STEP.KEY=VALUE", help="Change an option of a step: simulate.events=2000."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all of it, show what would run and why.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that the pipeline did not write itself.")
    ] = False,
) -> None:
    """Run a pipeline: simulate, check, train, generate, evaluate, … each step with the options of its verb.

    Steps whose outputs were made from the same files, settings and version are skipped. A run that was interrupted goes
    on with the same command.
    """
    chosen = load_pipeline(pipeline, verbs_of(context), overrides=set_ or [], output=output)
    if dry_run:
        _show_plan(chosen, start, only)
        return
    with _View(chosen) as view:
        n_ran = run_all(chosen, view, start=start, only=only, overwrite=overwrite)
    if not n_ran:
        console.print("nothing has changed")
    console.print(f"page: {chosen.index}")


def _show_plan(pipeline: Pipeline, start: str | None, only: str | None) -> None:
    planned = plan_of(pipeline, Records(pipeline), start=start, only=only)
    check_recipes(planned)
    for entry in planned:
        console.print(f"{entry.step.name:<16}{f'runs: {entry.why}' if entry.why else 'done'}")
        console.print(f"  {shlex.join(['moliere', *entry.step.command])}", style="dim")
    console.print(f"commands run in {pipeline.base}")


class _View:
    """A line for each step, and below them one that moves, where the terminal can move it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}")]
        self._progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=progress_console)
        self._task = self._progress.add_task("", total=None, visible=False, said="")
        self._tells = False

    def __enter__(self) -> Self:
        """Show the line."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._progress.update(self._task, visible=False)
        self._progress.stop()

    def skipped(self, step: Step) -> None:
        """Say so."""
        console.print(f"{step.name:<16}done already", style="dim")

    def began(self, step: Step, why: str, *, resumed: bool) -> None:
        """Say why."""
        console.print(f"{step.name:<16}{'goes on where it was interrupted' if resumed else f'runs: {why}'}")
        self._tells = False
        self._progress.reset(self._task, total=None, description=step.name, visible=True, said="")

    def moved(self, step: Step, fraction: float | None, words: str) -> None:
        """Move the bar; of a step that does not say how far it is, the last line of its log is shown."""
        if fraction is not None:
            self._tells = True
            self._progress.update(self._task, total=1.0, completed=fraction, said=words)
        elif words or not self._tells:
            self._progress.update(self._task, said=words or last_words(self._pipeline.log(step)))

    def ended(self, step: Step, seconds: float) -> None:
        """Say how long it took, and where to look."""
        page = f"; page: {self._pipeline.base / step.page}" if step.page else ""
        console.print(f"{'':<16}done in {duration(seconds)}{page}", style="green")
        self._progress.update(self._task, visible=False)
