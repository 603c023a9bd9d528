"""Options and habits that several verbs share, so that they read and behave the same everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

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

if TYPE_CHECKING:
    from moliere.events import Events
    from moliere.events.formats.base import Writer

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same result.")]
Threads = Annotated[int, typer.Option("--threads", min=0, help="CPU threads; 0 takes as many as there are idle cores.")]
DetectorName = Annotated[
    str | None,
    typer.Option("--detector", help="Catalogue name, .toml or .xml file, where the events do not say it."),
]
EnergyRange = Annotated[
    str | None, typer.Option("--energy", help="Incident energy or range, with units: 50GeV or 1GeV:100GeV.")
]
Spectrum = Annotated[
    Literal["flat", "log", "powers-of-2"], typer.Option("--spectrum", help="How energies are drawn from the range.")
]

#: what a derived seed is for: the energies; chunks and blocks of events count up from 0
_ENERGIES = 2**20

#: without markup, as names of files and of observables may hold brackets
console = Console(highlight=False, soft_wrap=True, markup=False)
#: progress goes to standard error, so that output can be piped
progress_console = Console(stderr=True, highlight=False)


def epilog(*commands: str) -> str:
    """The copyable example at the end of a verb's help."""
    return "\n\n".join(["[bold]Example[/bold]", *(f"  {command}" for command in commands)])


def parse_range(text: str, parse: Callable[[str], float]) -> tuple[float, float]:
    """Both ends of ``low:high``; a single value is both."""
    low, _, high = text.partition(":")
    return parse(low), parse(high or low)


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


def parse_spreads(**texts: str | None) -> dict[str, tuple[float, float]]:
    """Ends of the spreads that are given, in mm and rad."""
    from moliere.units import parse_angle, parse_length

    return {
        name: parse_range(text, parse_length if name in ("x", "y") else parse_angle)
        for name, text in texts.items()
        if text is not None
    }


def incident_columns(
    n: int | None,
    energy: str | None,
    spectrum: str,
    seed: int,
    particle: str | None = None,
    spreads: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Any]:
    """Incident particles from the command line's options.

    Raises:
        ConfigError: neither a number with a range nor a file to follow.
    """
    import numpy as np

    from moliere.errors import ConfigError
    from moliere.seeding import derive_seed
    from moliere.simulators.incident import particle_id, sample_incident
    from moliere.units import parse_energy

    if n is None or energy is None:
        raise ConfigError("say which incident particles: -n 1000 --energy 1GeV:100GeV, or --like FILE")
    ends, is_range = parse_range(energy, parse_energy), energy.partition(":")[2]
    rng = np.random.default_rng(derive_seed(seed, _ENERGIES))
    kind = particle_id(particle) if particle else None
    return sample_incident(n, ends, spectrum if is_range else "fixed", kind, rng, spreads)


class Tracker:
    """Counts events on a progress bar."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)
        self._start = time.perf_counter()
        self.seconds = 0.0

    def __call__(self, n: int) -> None:
        """So many more are done."""
        self._progress.advance(self._task, n)
        self.seconds = time.perf_counter() - self._start


class RateColumn(ProgressColumn):
    """How many events a second are done."""

    def render(self, task: Task) -> Text:
        """Nothing until there is a rate."""
        return Text(f"{task.speed:.3g} events/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def track(verb: str, total: int) -> Iterator[Tracker]:
    """A progress bar with the number of events, their rate and the time left."""
    columns = [
        TextColumn(verb),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=progress_console) as progress:
        yield Tracker(progress, total)


def stream(verb: str, batches: Iterable[Events], writing: AbstractContextManager[Writer], total: int) -> float:
    """Write events as they come, behind a progress bar; returns the seconds it took."""
    with track(verb, total) as progress, writing as writer:
        for events in batches:
            writer.append(events)
            progress(len(events))
    return progress.seconds
