"""``moliere simulate``: incident particles in, events out, without a learned model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from moliere.cli import complete
from moliere.cli.jobs import Cluster, PrintJob, Resume, Shard, Shards, Workers, print_array, read_shard, shard_words
from moliere.cli.options import (
    EnergyRange,
    Overwrite,
    Seed,
    console,
    examples,
    track,
)

_SPREAD = "Range, uniform"


@examples(
    "moliere simulate gflash --detector calochallenge-2 --energy 1GeV:100GeV -n 1000 -o electrons.h5",
    "moliere simulate geant4 --detector calogan --particle e+ --spectrum flat -n 1000 --workers 2 -o eplus.h5",
    "moliere simulate geant4 --detector calochallenge-1-photons --fast photons -n 1000 -o fast.h5",
    "moliere simulate airshower-data --particle iron --set max_zenith=1.0 -n 1000 -o iron.h5",
)
def simulate(
    context: typer.Context,
    simulator: Annotated[
        str,
        typer.Argument(
            help="gflash, geant4, airshower-data, … (moliere list simulators).", autocompletion=complete.simulators
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to write.")],
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            help="Catalogue name, .toml or .xml file, with materials; air showers have one of their own.",
            autocompletion=complete.detectors,
        ),
    ] = None,
    n: Annotated[int, typer.Option("-n", "--events", min=1, help="Number of events.")] = 1000,
    particle: Annotated[
        str | None, typer.Option("--particle", help="e-, e+, gamma, pi+, …; the detector's own by default.")
    ] = None,
    energy: EnergyRange = None,
    spectrum: Annotated[
        Literal["flat", "log", "powers-of-2"] | None,
        typer.Option(
            "--spectrum", help="How energies are drawn: log from 1GeV:100GeV, of air showers flat from 1EeV:100EeV."
        ),
    ] = None,
    x: Annotated[str | None, typer.Option("--x", help=f"{_SPREAD}: where particles enter, -5mm:5mm.")] = None,
    y: Annotated[str | None, typer.Option("--y", help=f"{_SPREAD}, as --x.")] = None,
    theta: Annotated[
        str | None,
        typer.Option(
            "--theta",
            help=f"{_SPREAD}: angle to the beam line, 60deg:120deg; 90deg is straight. Air showers: zenith angle.",
        ),
    ] = None,
    phi: Annotated[str | None, typer.Option("--phi", help=f"{_SPREAD}: azimuth around it; 0deg is straight.")] = None,
    multiplicity: Annotated[
        int,
        typer.Option(
            "--multiplicity", min=1, help="Geant4: particles that each event begins with; its energy is their sum."
        ),
    ] = 1,
    physics: Annotated[
        str | None,
        typer.Option(
            "--physics",
            help="Geant4: physics list, G4EmStandard (option 0) by default. G4EmStandard_option1 is 1.6 times faster "
            "and lowers the visible energy in thin argon gaps by about 13 % (moliere list physics).",
            autocompletion=complete.physics,
        ),
    ] = None,
    cut: Annotated[str | None, typer.Option("--cut", help="Geant4: production cut, 0.7mm by default.")] = None,
    threshold: Annotated[
        str | None, typer.Option("--threshold", help="Geant4: set smaller signals to 0; the detector's by default.")
    ] = None,
    fast: Annotated[
        str | None,
        typer.Option(
            "--fast",
            metavar="BUNDLE",
            help="Geant4: a trained model (name, file, or exported .onnx) that makes the showers it knows.",
            autocompletion=complete.bundles,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting of the simulator: --set method=analytic; repeatable."),
    ] = None,
    workers: Workers = 1,
    cluster: Cluster = None,
    seed: Seed = 0,
    resume: Resume = False,
    shard: Shard = None,
    print_job: PrintJob = None,
    shards: Shards = 100,
    overwrite: Overwrite = False,
) -> None:
    """Simulate showers and write them to HDF5 (CaloChallenge keys; MeV, of air showers VEM).

    The result depends on the seed and not on the number of workers. An interrupted run keeps what is whole.
    """
    from moliere import front
    from moliere.config import apply_overrides

    part = read_shard(shard, cluster=cluster, replaces=resume or overwrite)
    given = {"physics": physics, "cut": cut, "threshold": threshold, "fast": fast}
    more = apply_overrides({key: value for key, value in given.items() if value is not None}, settings or [])
    engine = front.build(simulator, detector, more)
    if warning := engine.warning:
        console.print(f"warning: {warning}", style="yellow")
    if print_job is not None:
        print_array(context, print_job, min(shards, -(-n // engine.block_size)), output)
        return
    particles = front.Particles(n, particle, energy, spectrum, x, y, theta, phi, multiplicity)
    sentences: list[str] = []
    with track("simulating", n) as progress:
        if part is not None:
            done = front.simulate_shard(engine, output, *part, particles, workers=workers, seed=seed, progress=progress)
        else:
            front.simulate(
                engine, output, **vars(particles), workers=workers, cluster=cluster, seed=seed, resume=resume,
                overwrite=overwrite, progress=progress, tell=sentences.append,
            )  # fmt: skip
    if part is not None:
        console.print(shard_words(str(shard), done))
        return
    console.print(f"{output}: {n:,} events in {progress.seconds:.1f} s, {1e3 * progress.seconds / n:.2f} ms a shower")
    for sentence in sentences:
        console.print(sentence)
