"""``moliere generate``: a bundle and incident particles in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    parse_count,
    parse_spreads,
    stream,
)
from moliere.errors import ConfigError

if TYPE_CHECKING:
    from moliere.events import Events
    from moliere.models import Bundle
    from moliere.models.steering import Proposal


def register(app: typer.Typer) -> None:
    """Add the verb."""
    examples = (
        "moliere generate flow-photons-hour -n 10000 --energy 256MeV:32GeV --spectrum log -o fast.h5",
        "moliere generate runs/flow-photons/flow-photons.bundle --like photons-mini -o fast.h5",
        "moliere generate runs/muons-aux-gan/muons-aux-gan.bundle -n 1e6 --rareness-scale 1.2 -o rare.root",
    )
    app.command("generate", epilog=epilog(*examples))(generate)


def generate(
    bundle: Annotated[str, typer.Argument(help="The trained model: a file, or a shipped one (moliere list bundles).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    n: Annotated[
        int | None,
        typer.Option("-n", "--events", parser=parse_count, metavar="N", help="Number of events: 10000 or 1e6."),
    ] = None,
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
        str | None,
        typer.Option("--to", help="Format of the file: calogan, 3dgan, … (moliere list formats); by its ending."),
    ] = None,
    rareness_scale: Annotated[
        float | None,
        typer.Option(
            "--rareness-scale",
            help="Above 1 for more rare events, with weights that undo it; for models of rareness.",
        ),
    ] = None,
    rareness_from: Annotated[
        str | None, typer.Option("--rareness-from", help="The same, as rare as the events of this file.")
    ] = None,
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
    """Generate events with a trained model, streamed to a file: .h5 has CaloChallenge's keys and MeV.

    Event i is the same whatever the batch size; the same seed gives the same file.
    """
    from moliere.config import apply_overrides
    from moliere.events.convert import choose_format
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
    if like:
        incident, total = _particles_like(model, like, part)
    elif model.columns:
        incident = incident_columns(n, energy, spectrum, seed, particle, parse_spreads(theta=theta, phi=phi))
        total = len(incident["energy"])
    else:
        incident, total = {}, _count(model, n, [energy, particle, theta, phi])
    proposal = _proposal(model, rareness_scale, rareness_from)
    batches = generate_batches(
        model, incident, n_events=total, batch_size=batch_size, seed=seed, proposal=proposal, device=device,
        outside=outside,
    )  # fmt: skip
    writing = create_events(output, model.detector, choose_format(output, model.detector.kind, to), overwrite=overwrite)
    worth = _Worth()
    seconds = stream("generating", worth.watch(batches), writing, total)
    each = f", {1e3 * seconds / total:.3g} ms an event" if total else ""
    console.print(f"{output}: {total:,} events in {seconds:.1f} s{each}{worth}")


class _Worth:
    """How many events without weights those with weights are worth."""

    def __init__(self) -> None:
        self._n, self._sum, self._squares = 0, 0.0, 0.0

    def watch(self, batches: Iterable[Events]) -> Iterator[Events]:
        """The same batches, looked at as they pass."""
        for events in batches:
            if events.weights is not None:
                self._n += len(events)
                self._sum += float(events.weights.sum())
                self._squares += float((events.weights**2).sum())
            yield events

    def __str__(self) -> str:
        """Nothing where there are no weights."""
        if not self._n:
            return ""
        effective = self._sum**2 / self._squares
        return f"; weighted, worth {effective:,.0f} unweighted ones ({effective / self._n:.1%})"


def _count(bundle: Bundle, n: int | None, drawn: list[Any]) -> int:
    """How many events of a model that is conditioned on nothing."""
    if any(option is not None for option in drawn):
        raise ConfigError(f"bundle {bundle.name!r} knows no incident particles; leave out --energy and its like")
    if n is None:
        raise ConfigError("say how many events: -n 1000000")
    return n


def _proposal(bundle: Bundle, scale: float | None, name: str | None) -> Proposal | None:
    """What makes rare events more often, where that is asked for."""
    from moliere.generation.boost import boost
    from moliere.samples import open_source

    if scale is None and name is None:
        return None
    return boost(bundle, scale, None if name is None else open_source(name))


def _check_choice(like: str | None, drawn: list[Any], part: str) -> None:
    """Refuse options that would be ignored."""
    if like is not None and any(option is not None for option in drawn):
        raise ConfigError(
            "--like takes the incident particles of a file; leave out -n, --energy and what else says which, or --like"
        )
    if like is None and part != "all":
        raise ConfigError(f"--part {part} is a part of the file that --like names; add --like FILE")


def _particles_like(bundle: Bundle, name: str, part: str) -> tuple[dict[str, Any], int]:
    """Incident columns of a file, or of one part of it in the split of the bundle's training, and their number."""
    from moliere.generation.guard import known_columns
    from moliere.samples import open_source
    from moliere.training.recipe import split_of

    source = open_source(name)
    incident = known_columns(bundle, source.incident)
    if left := sorted({*source.incident} - {*incident}):
        console.print(f"left out: {', '.join(left)}, which bundle {bundle.name} is not conditioned on", style="yellow")
    if part == "all":
        return incident, len(source)
    index = split_of(source, bundle.recipe, part)
    return {name: column[index] for name, column in incident.items()}, len(index)
