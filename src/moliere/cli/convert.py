"""``moliere convert``: one file format into another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moliere.cli.options import (
    Branches,
    DetectorName,
    NegativeSignals,
    Overwrite,
    ToFormat,
    console,
    examples,
    format_option,
    sample_argument,
    track,
)


@examples(
    "moliere convert eplus.root eplus.h5 --to calogan",
    "moliere convert run-*.root showers.h5 --detector my-calorimeter.toml",
)
def convert(
    files: Annotated[
        list[str],
        sample_argument("Files in any format, as one sample, or a folder of CSV files.", metavar="IN..."),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    detector: DetectorName = None,
    from_: Annotated[str | None, format_option("--from", "Format of IN, found from its content by default.")] = None,
    to: ToFormat = None,
    branches: Branches = None,
    negative: NegativeSignals = "refuse",
    overwrite: Overwrite = False,
) -> None:
    """Convert events between file formats, in pieces; says what a format has no place for."""
    from moliere.events import convert as conversion
    from moliere.files import check_free
    from moliere.samples import open_source

    check_free(output, overwrite=overwrite)
    events = open_source(files, detector, format=from_, branches=branches, negative=negative)
    name = conversion.choose_format(output, events.detector.kind, to)
    with track("converting", len(events)) as progress:
        lost = conversion.convert(events, output, name, overwrite=overwrite, progress=progress)
    rate = len(events) / max(progress.seconds, 1e-9)
    console.print(f"{output}: {len(events):,} events in format {name}, {rate:,.0f} events/s")
    console.print(f"lost: {'; '.join(lost)}" if lost else "nothing is lost")
