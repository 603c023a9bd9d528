"""``moliere generate``: a bundle and incident particles in, events out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from moliere.cli.options import (
    EnergyRange,
    Overwrite,
    Seed,
    Spectrum,
    Threads,
    console,
    epilog,
    incident_columns,
    parse_spreads,
    split_of,
    stream,
)
from moliere.errors import ConfigError

if TYPE_CHECKING:
    from moliere.models import Bundle


def register(app: typer.Typer) -> None:
    """Add the verb."""
    examples = (
        "moliere generate flow-photons-hour -n 10000 --energy 256MeV:32GeV --spectrum log -o fast.h5",
        "moliere generate runs/flow-photons/flow-photons.bundle --like photons-mini -o fast.h5",
    )
    app.command("generate", epilog=epilog(*examples))(generate)


def generate(
    bundle: Annotated[str, typer.Argument(help="The trained model: a file, or a shipped one (moliere list bundles).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to write.")],
    n: Annotated[int | None, typer.Option("-n", "--events", min=1, help="Number of events, with --energy.")] = None,
    energy: EnergyRange = None,
    spectrum: Spectrum = "log",
    particle: Annotated[
        str | None, typer.Option("--particle", help="With --energy: e-, e+, gamma, …, where the model knows several.")
    ] = None,
    theta: Annotated[
        str | None, typer.Option("--theta", help="With --energy: angle to the beam line or its range, 60deg:120deg.")
    ] = None,
    phi: Annotated[str | None, typer.Option("--phi", help="With --energy: azimuth or its range.")] = None,
    like: Annotated[
        str | None, typer.Option("--like", help="Take the incident particles of this file or shipped sample.")
    ] = None,
    part: Annotated[
        Literal["all", "train", "validation", "test"],
        typer.Option("--part", help="With --like: only this part of the split that the bundle was trained with."),
    ] = "all",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting of the model that is not in its weights: steps=6."
        ),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", help="Format of the file: calogan, 3dgan, … (moliere list formats).")
    ] = "calochallenge",
    seed: Seed = 0,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Events at once; bounds memory.")] = 1024,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps.")] = "cpu",
    threads: Threads = 0,
    outside: Annotated[
        Literal["refuse", "extrapolate"],
        typer.Option("--outside", help="What to do with incident particles outside the trained range."),
    ] = "refuse",
    overwrite: Overwrite = False,
) -> None:
    """Generate events with a trained model, streamed to a file: HDF5 with CaloChallenge's keys and MeV by default.

    Event i is the same whatever the batch size; the same seed gives the same file.
    """
    from moliere.config import apply_overrides
    from moliere.events.formats import create_events
    from moliere.files import check_free
    from moliere.generation import generate_batches
    from moliere.models import load_bundle
    from moliere.threads import set_threads
    from moliere.weights import find_bundle

    _check_choice(like, [n, energy, particle, theta, phi], part)
    check_free(output, overwrite=overwrite)
    set_threads(threads)
    model = load_bundle(find_bundle(bundle), apply_overrides({}, set_ or []))
    spreads = parse_spreads(theta=theta, phi=phi)
    if like:
        incident = _particles_like(model, like, part)
    else:
        incident = incident_columns(n, energy, spectrum, seed, particle, spreads)
    total = len(incident["energy"])
    batches = generate_batches(model, incident, batch_size=batch_size, seed=seed, device=device, outside=outside)
    writing = create_events(output, model.detector, to, overwrite=overwrite)
    seconds = stream("generating", batches, writing, total)
    console.print(f"{output}: {total:,} events in {seconds:.1f} s, {1e3 * seconds / total:.3f} ms a shower")


def _check_choice(like: str | None, drawn: list[Any], part: str) -> None:
    """Refuse options that would be ignored."""
    if like is not None and any(option is not None for option in drawn):
        raise ConfigError(
            "--like takes the incident particles of a file; leave out -n, --energy and what else says which, or --like"
        )
    if like is None and part != "all":
        raise ConfigError(f"--part {part} is a part of the file that --like names; add --like FILE")


def _particles_like(bundle: Bundle, name: str, part: str) -> dict[str, Any]:
    """Incident columns of a file, or of one part of it in the split of the bundle's training."""
    from moliere.samples import open_source

    source = open_source(name)
    if part == "all":
        return dict(source.incident)
    index = split_of(source, bundle.recipe, part)
    return {name: column[index] for name, column in source.incident.items()}
