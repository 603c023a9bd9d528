"""``moliere prepare``: events made ready for a training."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moliere.cli.options import (
    DetectorName,
    Output,
    Overwrite,
    Seed,
    ToFormat,
    add_verbs,
    console,
    examples,
    sample_argument,
    stream,
)

if TYPE_CHECKING:
    from moliere.events import Events

#: events that are summed at once
_PIECE = 1000


def _write(verb: str, pieces: Iterable[Events], total: int, output: Path, name: str, overwrite: bool) -> Events:
    """Write events as they come and say what the format has no place for; returns the first piece."""
    from moliere.errors import InvalidEvents
    from moliere.events.formats import create_events, formats

    pieces = iter(pieces)
    first = next(pieces, None)
    if first is None:
        raise InvalidEvents("there are no events to write; name files that hold some")
    stream(verb, chain([first], pieces), create_events(output, first.detector, name, overwrite=overwrite), total)
    if lost := formats[name].losses(first):
        console.print(f"lost: {'; '.join(lost)}")
    return first


@examples("moliere prepare smear discrete.h5 -o continuous.h5 --seed 7")
def smear(
    file: Annotated[str, sample_argument("Events at discrete incident energies: a file or a shipped sample.")],
    output: Output,
    to: ToFormat = None,
    width: Annotated[float, typer.Option("--width", help="Largest change of ln E.")] = 0.5,
    detector: DetectorName = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Spread discrete energies: E → E exp(U), U uniform between ±width, signals scaled alike (extras are not)."""
    from moliere.events import smear as smearing
    from moliere.events.convert import choose_format
    from moliere.samples import open_source

    source = open_source(file, detector)
    name = choose_format(output, source.detector.kind, to)
    _write("smearing", smearing.smear(source, seed, width), len(source), output, name, overwrite)
    console.print(f"{output}: {len(source):,} events, energies spread by a factor of up to e^±{width:g}")


@examples("moliere prepare footprints showers.h5 -o footprints.h5")
def footprints(
    file: Annotated[str, sample_argument("Air showers of an array whose stations form a picture.")],
    output: Output,
    to: ToFormat = None,
    detector: DetectorName = None,
    overwrite: Overwrite = False,
) -> None:
    """Sum traces to one signal a station, and move the hottest station into the middle of the picture."""
    from moliere.events.convert import choose_format
    from moliere.files import check_free
    from moliere.preprocess.traces import centred_footprints
    from moliere.samples import open_source

    check_free(output, overwrite=overwrite)
    source = open_source(file, detector)
    name = choose_format(output, source.detector.kind, to)
    pieces = map(centred_footprints, source.chunks(_PIECE) if len(source) else [source.take(slice(0))])
    first = _write("summing", pieces, len(source), output, name, overwrite)
    console.print(f"{output}: {len(source):,} footprints of {first.detector.describe().splitlines()[0]}")


@examples("moliere prepare join eplus.h5 gamma.h5 piplus.h5 --particles e+,gamma,pi+ -o all.h5")
def join(
    files: Annotated[list[str], sample_argument("Events of one detector: files or shipped samples.")],
    output: Output,
    to: ToFormat = None,
    particles: Annotated[
        str | None,
        typer.Option("--particles", help="The particle of each file, such as e+,gamma,pi+, whatever the files say."),
    ] = None,
    detector: DetectorName = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Mix the events of several files, such as those of one particle each, for a model of all of them."""
    from moliere.errors import ConfigError
    from moliere.events.convert import choose_format
    from moliere.events.join import join as joined
    from moliere.events.particles import particle_id
    from moliere.files import check_free
    from moliere.samples import open_source

    check_free(output, overwrite=overwrite)
    sources = [open_source(file, detector) for file in files]
    recorded = [None if "pdg_id" in s.incident else s.metadata.get("particle") for s in sources]
    named = particles.split(",") if particles else recorded
    if len(named) != len(files):
        raise ConfigError(f"--particles names {len(named)} particles for {len(files)} files; name one for each")
    kinds = [None if name is None else particle_id(name.strip()) for name in named]
    replaced = [
        file
        for file, source, kind in zip(files, sources, kinds, strict=True)
        if kind is not None and "pdg_id" in source.incident and (source.incident["pdg_id"] != kind).any()
    ]
    name = choose_format(output, sources[0].detector.kind, to)
    total = sum(map(len, sources))
    first = _write("joining", joined(sources, kinds, seed), total, output, name, overwrite)
    console.print(f"{output}: {total:,} events of {len(files)} files")
    if dropped := {column for source in sources for column in source.incident} - {*first.incident}:
        console.print(f"left out: incident columns {', '.join(sorted(dropped))}, which not all files have")
    if replaced:
        console.print(f"--particles replaced the particles that were recorded in {', '.join(replaced)}")


@examples("moliere prepare slices eta-020.h5 eta-040.h5 -o slices.h5")
def slices(
    files: Annotated[list[str], sample_argument("One file a slice, named like eta-020 unless its detector is.")],
    output: Output,
    to: ToFormat = None,
    detector: DetectorName = None,
    overwrite: Overwrite = False,
) -> None:
    """Join slices in pseudorapidity whose layers agree; each event gets its slice's eta, for models to use."""
    from moliere.events.convert import choose_format
    from moliere.events.join import eta_of, join_slices
    from moliere.samples import open_source

    sources = [open_source(file, detector) for file in files]
    chosen = [(eta_of(file, source), source) for file, source in zip(files, sources, strict=True)]
    total, first = sum(map(len, sources)), sources[0].detector
    name = choose_format(output, first.kind, to)
    _write("joining", join_slices(chosen), total, output, name, overwrite)
    console.print(f"{output}: {total:,} events of eta {', '.join(f'{eta:g}' for eta, _ in chosen)} in {first.name}")


@examples("moliere prepare beam flux.root -o swept.root")
def beam(
    file: Annotated[str, sample_argument("A Cartesian muon flux of protons at one place.")],
    output: Output,
    to: ToFormat = None,
    detector: DetectorName = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Sweep the beam: move each muon's x and y by a random point of a ring of 5 cm, 0.8 cm wide, as at SHiP."""
    import numpy as np

    from moliere.events.convert import choose_format
    from moliere.files import check_free
    from moliere.preprocess import smear_beam
    from moliere.samples import open_source

    check_free(output, overwrite=overwrite)
    source = open_source(file, detector)
    name = choose_format(output, source.detector.kind, to)
    events = smear_beam(source.take(slice(None)), np.random.default_rng(seed))
    _write("writing", [events], len(events), output, name, overwrite)
    console.print(f"{output}: {len(events):,} muons of a swept beam")


@examples("moliere prepare rareness flux.h5 -o rareness.npz")
def rareness(
    file: Annotated[str, sample_argument("A muon flux, Cartesian or polar.")],
    output: Output,
    to: ToFormat = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", min=1, help="Neighbours that the mean distance is taken of.")
    ] = 3,
    detector: DetectorName = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """How rare each muon is in r, z, pt and pz, as numbers of half-Gaussians, which muons-rareness learns."""
    import numpy as np

    from moliere.events.convert import choose_format
    from moliere.files import check_free
    from moliere.preprocess import rareness_flux
    from moliere.samples import open_source

    check_free(output, overwrite=overwrite)
    source = open_source(file, detector)
    name = choose_format(output, source.detector.kind, to)
    with console.status("measuring distances"):
        events = rareness_flux(source.take(slice(None)), neighbours, np.random.default_rng(seed))
    _write("writing", [events], len(events), output, name, overwrite)
    console.print(f"{output}: {len(events):,} muons' rareness in {events.detector.describe().splitlines()[0]}")


group = typer.Typer(no_args_is_help=True, help="Make events ready for a training.")
add_verbs(group, None, smear, footprints, join, slices, beam, rareness)
