"""``moliere generate``: a bundle and incident particles in, events out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moliere.cli.jobs import Cluster, PrintJob, Resume, Shard, Shards, Workers, print_array, read_shard, shard_words
from moliere.cli.options import (
    BundleName,
    EnergyRange,
    Output,
    Overwrite,
    Seed,
    Spectrum,
    Threads,
    ToFormat,
    console,
    examples,
    parse_count,
    sample_option,
    track,
)

if TYPE_CHECKING:
    from moliere.events import EventSource


@examples(
    "moliere generate photons -n 10000 --energy 256MeV:32GeV --spectrum log -o fast.h5",
    "moliere generate runs/photons/photons.bundle --like photons-mini -o fast.h5",
    "moliere generate runs/muons-flow/muons-flow.bundle -n 1e6 --rareness-scale 1.5 -o rare.root",
)
def generate(
    context: typer.Context,
    bundle: BundleName,
    output: Output,
    n: Annotated[
        int | None,
        typer.Option("-n", "--events", parser=parse_count, metavar="N", help="Number of events: 10000 or 1e6."),
    ] = None,
    energy: EnergyRange = None,
    spectrum: Spectrum = "log",
    particle: Annotated[
        str | None, typer.Option("--particle", help="With --energy: e-, e+, gamma, …, where the model knows several.")
    ] = None,
    x: Annotated[str | None, typer.Option("--x", help="With --energy: where particles enter, -5mm:5mm.")] = None,
    y: Annotated[str | None, typer.Option("--y", help="With --energy, as --x.")] = None,
    theta: Annotated[
        str | None, typer.Option("--theta", help="With --energy: angle to the beam line or its range, 60deg:120deg.")
    ] = None,
    phi: Annotated[str | None, typer.Option("--phi", help="With --energy: azimuth or its range.")] = None,
    like: Annotated[
        str | None, sample_option("--like", "Take the incident particles of this file or shipped sample.")
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
    to: ToFormat = None,
    rareness_scale: Annotated[
        float | None,
        typer.Option(
            "--rareness-scale",
            help="Above 1 for more rare events, with weights that undo it; for models of rareness.",
        ),
    ] = None,
    rareness_from: Annotated[
        str | None, sample_option("--rareness-from", "The same, as rare as the events of this file.")
    ] = None,
    seed: Seed = 0,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Events at once; bounds memory.")] = 1024,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps.")] = "cpu",
    threads: Threads = 0,
    workers: Workers = 1,
    cluster: Cluster = None,
    outside: Annotated[
        Literal["refuse", "extrapolate", "gflash"],
        typer.Option(
            "--outside", help="Incident particles outside the trained range: an error, the model's guess, or simulated."
        ),
    ] = "refuse",
    resume: Resume = False,
    shard: Shard = None,
    print_job: PrintJob = None,
    shards: Shards = 100,
    overwrite: Overwrite = False,
) -> None:
    """Generate events with a trained model, streamed to a file: .h5 has CaloChallenge's keys and MeV.

    Event i is the same whatever the batch size and the number of workers; the same seed gives the same file.
    """
    from moliere import front
    from moliere.config import apply_overrides

    piece = read_shard(shard, cluster=cluster, replaces=resume or overwrite)
    model = front.load(bundle, apply_overrides({}, set_ or []))
    order = front.Order(
        n, energy, spectrum, particle, x, y, theta, phi, like, part, to, rareness_scale, rareness_from, seed,
        batch_size, device, outside,
    )  # fmt: skip
    if print_job is not None:
        print_array(context, print_job, min(shards, order.job(model, output).n_blocks), output)
        return

    def tell(text: str) -> None:
        console.print(text, style="yellow")

    with track("generating") as progress:
        if piece is not None:
            done = front.generate_shard(model, output, *piece, order, workers=workers, watch=progress, tell=tell)
        else:
            events = front.generate(
                model, output, **vars(order), threads=threads, workers=workers, cluster=cluster, resume=resume,
                overwrite=overwrite, watch=progress, tell=tell,
            )  # fmt: skip
    if piece is not None:
        console.print(shard_words(str(shard), done))
        return
    seconds, total = progress.seconds, progress.total
    each = f", {1e3 * seconds / total:.3g} ms an event" if total else ""
    console.print(f"{output}: {total:,} events in {seconds:.1f} s{each}{_worth(events)}")


def _worth(events: EventSource) -> str:
    """How many events without weights those with weights are worth; nothing where there are none."""
    if events.weights is None or not len(events):
        return ""
    effective = float(events.weights.sum()) ** 2 / float((events.weights**2).sum())
    return f"; weighted, worth {effective:,.0f} unweighted ones ({effective / len(events):.1%})"
