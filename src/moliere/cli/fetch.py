"""``moliere fetch``: published samples, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from moliere.cli import complete
from moliere.cli.options import console, examples, progress_console


@examples("moliere fetch", "moliere fetch calochallenge-2")
def fetch(
    name: Annotated[
        str | None,
        typer.Argument(help="Name of the sample; without one, all are listed.", autocompletion=complete.published),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder; by default in the user's cache.")
    ] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="A mirror with the same paths.")] = None,
) -> None:
    """Fetch a published sample: interrupted downloads go on, every file is checked against its MD5 sum."""
    from moliere.samples import fetch as fetching

    if name is None:
        for key, sample in fetching.published().items():
            console.print(f"  {key:<38}{sample.title}")
        return
    with _bars() as bars:
        tasks: dict[str, TaskID] = {}

        def show(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=total or None)
            bars.update(tasks[file], completed=done)

        paths = fetching.fetch(name, output, base_url=base_url, progress=show)
    sample = fetching.published()[name]
    for path in paths:
        console.print(str(path))
    console.print(f"licence: {sample.licence}; please cite {sample.cite}")


def _bars() -> Progress:
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    return Progress(TextColumn("{task.description}"), *columns, console=progress_console)
