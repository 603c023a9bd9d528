"""Options and habits that several verbs share, so that they read and behave the same everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from unicodedata import category

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from moliere.audience import tell
from moliere.cli import complete
from moliere.registry import Registry

if TYPE_CHECKING:
    from moliere.evaluation.reading import Condition
    from moliere.events import Events
    from moliere.events.formats.base import Writer
    from moliere.progress import Progress as Watched

Function = TypeVar("Function", bound=Callable[..., None])

#: verbs of plugins, which stand beside ours; in pipelines, too, where :data:`moliere.pipelines.verbs.ROLES` has them
verbs: Registry[Callable[..., None]] = Registry("verb")


def sample_argument(help: str, **more: Any) -> Any:
    """An argument that names events; shells offer the shipped samples, and files."""
    return typer.Argument(help=help, autocompletion=complete.samples, **more)


def sample_option(flag: str, help: str) -> Any:
    """An option that names events."""
    return typer.Option(flag, help=help, autocompletion=complete.samples)


def bundle_argument(help: str) -> Any:
    """An argument that names a trained model; shells offer the shipped ones, and files."""
    return typer.Argument(help=help, autocompletion=complete.bundles)


def format_option(flag: str, help: str) -> Any:
    """An option that names a file format."""
    return typer.Option(flag, help=help, autocompletion=complete.formats)


ToFormat = Annotated[
    str | None, format_option("--to", "Format of the file (moliere list formats), by its ending by default.")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="File to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same result.")]
Threads = Annotated[int, typer.Option("--threads", min=0, help="CPU threads; 0 takes as many as there are idle cores.")]
DetectorName = Annotated[
    str | None,
    typer.Option(
        "--detector",
        help="Catalogue name, .toml or .xml file, where the events do not say it.",
        autocompletion=complete.detectors,
    ),
]
FileNames = Annotated[
    list[str], sample_argument("Event files in any format, as one sample, or a shipped sample.", metavar="FILE...")
]
BundleName = Annotated[str, bundle_argument("The trained model: a file, or a shipped one (moliere list bundles).")]
ReferenceName = Annotated[str, sample_argument("What is right by definition: a file or a shipped sample.")]
MaxEvents = Annotated[int, typer.Option("--max-events", min=2, help="Use so many events of each at most.")]
ClassifierSeeds = Annotated[
    int, typer.Option("--classifier-seeds", min=0, help="Repetitions of each classifier test; 0 leaves them out.")
]
Branches = Annotated[
    str | None,
    typer.Option(
        "--branches",
        help="For ROOT hits: incident=E_beam:GeV,energy=dE:MeV,x=X:cm,y=Y:cm,z=Z:cm, or a TOML file of these.",
    ),
]
NegativeSignals = Annotated[
    Literal["refuse", "clip", "keep"],
    typer.Option("--negative", help="Negative signals are faults, count as 0, or are kept."),
]
FailIf = Annotated[
    list[str] | None,
    typer.Option("--fail-if", help="Exit with 1 when a figure is so: auc_high>0.7, auc_low, fpd, … (repeatable)."),
]
RecipeName = Annotated[
    str,
    typer.Argument(
        help="Name of a shipped recipe (moliere list recipes) or a .toml file.", autocompletion=complete.recipes
    ),
]
TrainingEvents = Annotated[str | None, sample_argument("File or shipped sample to train on, instead of the recipe's.")]
TrainingThreads = Annotated[
    int | None, typer.Option("--threads", min=0, help="CPU threads; 0 takes as many as there are idle cores.")
]
TrainingDevice = Annotated[str | None, typer.Option("--device", help="cpu, cuda, mps or auto.")]
GoOn = Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
]
Track = Annotated[
    list[str] | None,
    typer.Option("--track", metavar="SERVICE", help="mlflow, mlflow:URI, wandb or wandb:PROJECT; may be repeated."),
]
EnergyRange = Annotated[
    str | None, typer.Option("--energy", help="Incident energy or range, with units: 50GeV or 1GeV:100GeV.")
]
Spectrum = Annotated[
    Literal["flat", "log", "powers-of-2"], typer.Option("--spectrum", help="How energies are drawn from the range.")
]


class SafeConsole(Console):
    """A console on which words of a file cannot move the cursor, clear the screen or change the title."""

    def render_str(self, text: str, **how: Any) -> Text:
        """Text with control characters shown as their codes."""
        return super().render_str(without_controls(text), **how)


def without_controls(text: str) -> str:
    """Text in which control characters are written as their codes.

    Example:
        >>> print(without_controls("photons" + chr(7)).replace(chr(92), "/"))
        photons/x07
    """
    return "".join(letter if letter in "\n\t" or not _is_control(letter) else ascii(letter)[1:-1] for letter in text)


def _is_control(letter: str) -> bool:
    return category(letter) in {"Cc", "Cf"}


#: without markup, as names of files and of observables may hold brackets
console = SafeConsole(highlight=False, soft_wrap=True, markup=False)
#: progress goes to standard error, so that output can be piped
progress_console = SafeConsole(stderr=True, highlight=False)


def examples(*commands: str) -> Callable[[Function], Function]:
    """Note the command lines that stand at the end of a verb's help, to be copied."""

    def note(function: Function) -> Function:
        function.__dict__["epilog"] = "\n\n".join(["[bold]Example[/bold]", *(f"  {command}" for command in commands)])
        return function

    return note


def add_verbs(app: typer.Typer, panel: str | None, *verbs: Callable[..., None]) -> None:
    """Add functions as verbs of their names, each with its examples.

    Args:
        app: to which.
        panel: heading that they stand under in the help.
        verbs: in the order of the help.
    """
    for verb in verbs:
        add_verb(app, verb.__name__.rstrip("_").replace("_", "-"), verb, panel)


def add_verb(app: typer.Typer, name: str, verb: Callable[..., None], panel: str | None) -> None:
    """Add a function as a verb, with its examples where it notes some."""
    app.command(name, epilog=verb.__dict__.get("epilog"), rich_help_panel=panel)(verb)


def parse_count(text: str) -> int:
    """A whole number from 1 on, written out or as 1e6.

    Raises:
        BadParameter: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value.is_integer() or value < 1:
        raise typer.BadParameter(f"{text!r} is no number of events; give one such as 10000 or 1e6")
    return int(value)


def read_conditions(texts: Iterable[str] | None) -> list[Condition]:
    """What is asked of ``--fail-if``, read before anything that takes time.

    Raises:
        MoliereError: what is no condition, or names a figure that no finding has.
    """
    if not texts:
        return []
    from moliere.evaluation.reading import parse_condition

    return [parse_condition(text) for text in texts]


def stop_if(met: Iterable[str]) -> None:
    """End with exit code 1 where conditions are met."""
    if words := ", ".join(met):
        console.print(f"failed: {words}", style="bold red")
        raise typer.Exit(1)


class Tracker:
    """Counts events on a progress bar."""

    def __init__(self, progress: Progress, total: int | None, verb: str) -> None:
        self._progress = progress
        self._verb = verb
        self._task = progress.add_task("", total=total)
        self._start = time.perf_counter()
        self.seconds = 0.0
        self.total = total or 0

    def __call__(self, n: int, total: int | None = None) -> None:
        """So many more are done, of so many where that was not known before."""
        self._progress.start()  # not before there is something to show: what is refused shows no bar
        if total is not None and total != self.total:
            self.total = total
            self._progress.update(self._task, total=total)
        self._progress.advance(self._task, n)
        self.seconds = time.perf_counter() - self._start
        if self.total:
            done = self._progress.tasks[0].completed
            tell(done / self.total, f"{self._verb} {done:,.0f} of {self.total:,} events")


class RateColumn(ProgressColumn):
    """How many events a second are done."""

    def render(self, task: Task) -> Text:
        """Nothing until there is a rate."""
        return Text(f"{task.speed:.3g} events/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def follow(verb: str) -> Iterator[Watched]:
    """A progress bar with the name of the step and the time left, of work whose steps are no events."""
    columns = [
        TextColumn(verb),
        BarColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    # steps take from a second to many minutes: the time left is that of the whole work so far
    progress = Progress(*columns, console=progress_console, speed_estimate_period=1e9)
    task = progress.add_task("", total=1.0)

    def watch(step: str, share: float) -> None:
        progress.start()  # what is refused shows no bar
        progress.update(task, description=step, completed=share)
        tell(share, f"{verb}: {step}")

    try:
        yield watch
        progress.update(task, description="", completed=1.0)
    finally:
        if progress.live.is_started:  # else it writes an empty line above what is said of a refusal
            progress.stop()


@contextmanager
def track(verb: str, total: int | None = None) -> Iterator[Tracker]:
    """A progress bar with the number of events, their rate and the time left."""
    columns = [
        TextColumn(verb),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    progress = Progress(*columns, console=progress_console)
    try:
        yield Tracker(progress, total, verb)
    finally:
        if progress.live.is_started:  # else it writes an empty line above what is said of a refusal
            progress.stop()


def stream(verb: str, batches: Iterable[Events], writing: AbstractContextManager[Writer], total: int) -> float:
    """Write events as they come, behind a progress bar; returns the seconds it took."""
    with track(verb, total) as progress, writing as writer:
        for events in batches:
            writer.append(events)
            progress(len(events))
    return progress.seconds
