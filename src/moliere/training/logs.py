"""Output of a training: a progress bar, a CSV file, TensorBoard where it is installed, and services that track it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from moliere.audience import tell
from moliere.tracking import number

Watch = Callable[[float], object]


class Unheard:
    """The log of a process that another one speaks for."""

    def __enter__(self) -> Self:
        """Nothing is opened."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is closed."""

    def show(self, fraction: float, losses: dict[str, float], events_per_second: float) -> None:
        """Nobody looks."""

    def write(self, iteration: int, seconds: float, **groups: dict[str, float]) -> None:
        """The first process writes."""


class RunLog:
    """Numbers of a run, appended to ``metrics.csv`` and to TensorBoard.

    Args:
        folder: where the run lies.
        console: where the bar is drawn; ``None`` draws none.
        watch: called with the share of the training that is done, where somebody else draws.
    """

    def __init__(self, folder: Path, console: Console | None, watch: Watch | None = None) -> None:
        self._folder = folder
        self._console = console
        self._watch = watch
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Open the files."""
        path = self._folder / "metrics.csv"
        new = not path.exists()
        self._file = self._stack.enter_context(path.open("a", newline=""))
        self._csv = csv.writer(self._file)
        if new:
            self._csv.writerow(["iteration", "seconds", "name", "value"])
        self._board = _open_board(self._folder, self._stack)
        columns = [
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        ]
        self._progress = Progress(*columns, console=self._console, disable=self._console is None, refresh_per_second=2)
        self._stack.enter_context(self._progress)
        self._task = self._progress.add_task("training", total=1.0, text="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files."""
        self._stack.close()

    def show(self, fraction: float, losses: dict[str, float], events_per_second: float) -> None:
        """Move the bar."""
        parts = [f"{name} {value:.4f}" for name, value in losses.items()]
        text = "  ".join([*parts, f"{events_per_second:,.0f} events/s"])
        self._progress.update(self._task, completed=min(fraction, 1.0), text=text)
        if self._watch is None:
            tell(min(fraction, 1.0), text)
        else:  # who watches knows what part of the whole this training is
            self._watch(min(fraction, 1.0))

    def write(self, iteration: int, seconds: float, **groups: dict[str, float]) -> None:
        """Append numbers under the name of their group: ``train=losses`` is written as ``train/…``."""
        for group, values in groups.items():
            for name, value in values.items():
                self._csv.writerow([iteration, f"{seconds:.1f}", f"{group}/{name}", f"{value:.6g}"])
                if self._board is not None:
                    self._board(f"{group}/{name}", value, iteration)
                number(f"{group}/{name}", value, iteration)
        self._file.flush()


def _open_board(folder: Path, stack: ExitStack) -> Callable[[str, float, int], Any] | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # the extra moliere[tensorboard] is not installed: the CSV file holds the same numbers
        return None
    writer = SummaryWriter(str(folder / "tensorboard"))
    stack.callback(writer.close)
    return writer.add_scalar
