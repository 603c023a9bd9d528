"""``moliere convert``: one file format into another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moliere.cli.options import DetectorName, Overwrite, console, epilog, track

if TYPE_CHECKING:
    from moliere.events import EventSource


def register(app: typer.Typer) -> None:
    """Add the verb."""
    examples = (
        "moliere convert eplus.root eplus.h5 --to calogan",
        "moliere convert hits.root showers.h5 --detector my-calorimeter.toml",
    )
    app.command("convert", epilog=epilog(*examples))(convert)


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="File, or folder of CSV files, in any format it knows.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    detector: DetectorName = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Format of IN, found from its content by default.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Format of OUT (moliere list formats), by its ending by default.")
    ] = None,
    branches: Annotated[
        str | None,
        typer.Option(
            "--branches",
            help="Of ROOT hits: incident=E_beam:GeV,energy=dE:MeV,x=X:cm,y=Y:cm,z=Z:cm, or a TOML file of these.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Convert events between file formats, in pieces; says what a format has no place for."""
    from moliere.detectors import load
    from moliere.events import convert as conversion
    from moliere.events.formats import open_events
    from moliere.events.formats.root_hits import RootHitsFile, parse_branches
    from moliere.files import check_free
    from moliere.samples import open_source

    check_free(output, overwrite=overwrite)
    known = load(detector) if detector else None
    if branches is not None:
        events: EventSource = RootHitsFile(Path(source), known, parse_branches(branches))
    else:
        # a shipped sample by its name, as in other verbs, unless a format is named
        events = open_source(source, detector) if from_ is None else open_events(source, known, from_)
    name = conversion.choose_format(output, events.detector.kind, to)
    with track("converting", len(events)) as progress:
        lost = conversion.convert(events, output, name, overwrite=overwrite, progress=progress)
    rate = len(events) / max(progress.seconds, 1e-9)
    console.print(f"{output}: {len(events):,} events in format {name}, {rate:,.0f} events/s")
    console.print(f"lost: {'; '.join(lost)}" if lost else "nothing is lost")
