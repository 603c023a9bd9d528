"""``moliere prepare``: events made ready for a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moliere.cli.options import DetectorName, Overwrite, Seed, console, epilog, track


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(no_args_is_help=True, help="Make events ready for a training.")
    group.command("smear", epilog=epilog("moliere prepare smear discrete.h5 -o continuous.h5 --seed 7"))(smear)
    group.command("join", epilog=epilog("moliere prepare join eta-020.h5 eta-040.h5 -o slices.h5"))(join)
    app.add_typer(group, name="prepare")


def smear(
    file: Annotated[str, typer.Argument(help="Events at discrete incident energies: a file or a shipped sample.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    width: Annotated[float, typer.Option("--width", help="Largest change of ln E.")] = 0.5,
    detector: DetectorName = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Spread discrete energies: E → E exp(U), U uniform between ±width, signals scaled alike (extras are not)."""
    from moliere.events import smear as smearing
    from moliere.events.convert import choose_format
    from moliere.events.formats import create_events
    from moliere.samples import open_source

    source = open_source(file, detector)
    name = choose_format(output, source.detector.kind)
    with (
        track("smearing", len(source)) as progress,
        create_events(output, source.detector, name, overwrite=overwrite) as writer,
    ):
        for events in smearing.smear(source, seed, width):
            writer.append(events)
            progress(len(events))
    console.print(f"{output}: {len(source):,} events, energies spread by a factor of up to e^±{width:g}")


def join(
    files: Annotated[list[str], typer.Argument(help="One file a slice, named like eta-020 unless its detector is.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    detector: DetectorName = None,
    overwrite: Overwrite = False,
) -> None:
    """Join slices in pseudorapidity whose layers agree; each event is told its slice's eta (a model's condition)."""
    from moliere.events.convert import choose_format
    from moliere.events.formats import create_events
    from moliere.events.join import eta_of, join_slices
    from moliere.samples import open_source

    sources = [open_source(file, detector) for file in files]
    slices = [(eta_of(file, source), source) for file, source in zip(files, sources, strict=True)]
    total, first = sum(map(len, sources)), sources[0].detector
    name = choose_format(output, first.kind)
    with track("joining", total) as progress, create_events(output, first, name, overwrite=overwrite) as writer:
        for events in join_slices(slices):
            writer.append(events)
            progress(len(events))
    console.print(f"{output}: {total:,} events of eta {', '.join(f'{eta:g}' for eta, _ in slices)} in {first.name}")
