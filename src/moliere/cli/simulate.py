"""``moliere simulate``: incident particles in, events out, without a learned model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moliere.cli.options import EnergyRange, Overwrite, Seed, Spectrum, console, epilog, incident_columns, track

_CHUNK = 500  # events with one random stream


def register(app: typer.Typer) -> None:
    """Add the verb."""
    example = (
        "moliere simulate gflash --detector calochallenge-2 --particle e- --energy 1GeV:100GeV -n 1000 -o electrons.h5"
    )
    app.command("simulate", epilog=epilog(example))(simulate)


def simulate(
    simulator: Annotated[str, typer.Argument(help="Name of a simulator (moliere list simulators).")],
    detector: Annotated[str, typer.Option("--detector", help="Catalogue name, .toml or .xml file, with materials.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to write.")],
    n: Annotated[int, typer.Option("-n", "--events", min=1, help="Number of events.")] = 1000,
    particle: Annotated[str, typer.Option("--particle", help="e-, e+ or gamma.")] = "e-",
    energy: EnergyRange = "1GeV:100GeV",
    spectrum: Spectrum = "log",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Simulate showers and stream them to HDF5 (CaloChallenge keys, MeV)."""
    import numpy as np

    from moliere.detectors import load
    from moliere.events.formats import create_events
    from moliere.files import check_free
    from moliere.seeding import derive_seed
    from moliere.simulators import simulators

    check_free(output, overwrite=overwrite)
    engine = simulators[simulator](load(detector))
    incident = incident_columns(n, energy, spectrum, seed, particle)
    with track("simulating", n) as progress, create_events(output, engine.detector, overwrite=overwrite) as writer:
        for start in range(0, n, _CHUNK):
            part = {name: column[start : start + _CHUNK] for name, column in incident.items()}
            events = engine.simulate(part, np.random.default_rng(derive_seed(seed, start // _CHUNK)))
            writer.append(events)
            progress(len(events))
    console.print(f"{output}: {n:,} events in {progress.seconds:.1f} s, {1e3 * progress.seconds / n:.2f} ms a shower")
