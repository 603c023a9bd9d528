"""``moliere refine``: simulated events in, events that look like data out."""

from __future__ import annotations

from typing import Annotated

import typer

from moliere.cli.options import (
    DetectorName,
    Output,
    Overwrite,
    Seed,
    Threads,
    ToFormat,
    bundle_argument,
    console,
    examples,
    sample_argument,
    stream,
)


@examples("moliere refine refiner.bundle simulation.h5 -o refined.h5")
def refine(
    bundle: Annotated[str, bundle_argument("A trained refiner: a file, or a shipped one (moliere list bundles).")],
    events: Annotated[str, sample_argument("Simulated events of the detector that it was trained for.")],
    output: Output,
    detector: DetectorName = None,
    to: ToFormat = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Events at once; bounds memory.")] = 256,
    copies: Annotated[
        int, typer.Option("--copies", min=1, help="How often each event is refined, with other noise each time.")
    ] = 1,
    seed: Seed = 0,
    threads: Threads = 0,
    overwrite: Overwrite = False,
) -> None:
    """Refine the signals of simulated events with an adversarial network; what came in stays as it is."""
    from moliere import front
    from moliere.events.convert import choose_format
    from moliere.events.formats import create_events
    from moliere.files import check_free
    from moliere.generation.refine import refine_batches
    from moliere.threads import set_threads

    check_free(output, overwrite=overwrite)
    set_threads(threads)
    source = front.open(events, detector)
    name = choose_format(output, source.detector.kind, to)
    batches = refine_batches(front.load(bundle), source, batch_size=batch_size, seed=seed, copies=copies)
    writing = create_events(output, source.detector, name, overwrite=overwrite)
    seconds = stream("refining", batches, writing, copies * len(source))
    console.print(f"{output}: {copies * len(source):,} events in {seconds:.1f} s")
