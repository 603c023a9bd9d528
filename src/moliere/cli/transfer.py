"""``moliere transfer``: whether a classifier of particles learns the same from generated as from reference events."""

from __future__ import annotations

from typing import Annotated

import typer

from moliere.cli.options import DetectorName, Seed, Threads, console, examples, progress_console, sample_argument


@examples("moliere transfer eplus.h5 gamma.h5 fast-eplus.h5 fast-gamma.h5")
def transfer(
    reference_first: Annotated[str, sample_argument("Reference events of one kind of particle.")],
    reference_second: Annotated[str, sample_argument("Reference events of another kind.")],
    generated_first: Annotated[str, sample_argument("Generated events of the first kind.")],
    generated_second: Annotated[str, sample_argument("Generated events of the second kind.")],
    detector: DetectorName = None,
    max_events: Annotated[int, typer.Option("--max-events", min=50, help="Use so many of each file.")] = 20_000,
    seed: Seed = 0,
    threads: Threads = 0,
) -> None:
    """Train a classifier of two particles on reference and on generated events, and test each on both."""
    from rich.table import Table

    from moliere.evaluation.transfer import transfer as train_and_test
    from moliere.samples import open_source
    from moliere.threads import limited_threads

    names = (reference_first, reference_second, generated_first, generated_second)
    one, two, three, four = (open_source(name, detector) for name in names)
    table = Table("trained on", "tested on", "accuracy", "AUC")
    with progress_console.status("training"), limited_threads(threads):
        for row in train_and_test({"reference": (one, two), "generated": (three, four)}, max_events, seed):
            table.add_row(row.trained_on, row.tested_on, f"{row.accuracy:.3f}", f"{row.auc:.3f} ± {row.error:.3f}")
    console.print(table)
