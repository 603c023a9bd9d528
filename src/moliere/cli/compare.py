"""``moliere compare``: several samples against one reference, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moliere.cli.jobs import Cluster, Workers
from moliere.cli.options import (
    ClassifierSeeds,
    DetectorName,
    FailIf,
    MaxEvents,
    Overwrite,
    ReferenceName,
    Seed,
    Threads,
    console,
    examples,
    follow,
    read_conditions,
    sample_argument,
    stop_if,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moliere.evaluation import Metric
    from moliere.evaluation.reading import Row


@examples("moliere compare geant4.h5 gflash.h5 flow.h5 -o comparison")
def compare(
    reference: ReferenceName,
    samples: Annotated[list[str], sample_argument("What is judged: files, whoever made them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for compare.html and the reports.")] = Path(
        "comparison"
    ),
    detector: DetectorName = None,
    max_events: MaxEvents = 100_000,
    classifier_seeds: ClassifierSeeds = 2,
    fail_if: FailIf = None,
    seed: Seed = 0,
    threads: Threads = 0,
    workers: Workers = 1,
    cluster: Cluster = None,
    overwrite: Overwrite = False,
) -> None:
    """Rank several samples against one reference: one table, and a report for each."""
    from moliere import front

    conditions = read_conditions(fail_if)
    with follow("comparing") as progress:
        rows = front.compare(
            reference,
            samples,
            output,
            detector=detector,
            max_events=max_events,
            classifier_seeds=classifier_seeds,
            seed=seed,
            threads=threads,
            workers=workers,
            cluster=cluster,
            overwrite=overwrite,
            progress=progress,
        )
    _show(rows)
    console.print(f"page: {output / 'compare.html'}")
    stop_if(f"{row.name}: {one.text}" for row in rows for one in conditions if one.holds(row.report))


def _show(rows: Sequence[Row]) -> None:
    from rich.table import Table

    # a column a sample: there are fewer of them than figures, and their names are long
    table = Table("best first", *(Path(row.name).stem for row in rows))
    for column in dict.fromkeys(column for row in rows for column in row.metrics):
        metrics = [row.metrics.get(column) for row in rows]
        table.add_row(column, *(_in_words(metric) for metric in metrics))
    console.print(table)
    for row in rows:
        for warning in row.report.warnings:
            console.print(f"warning: {Path(row.name).stem}: {warning}", style="yellow")


def _in_words(metric: Metric | None) -> str:
    if metric is None or metric.value is None:
        return ""
    return f"{metric.value:.4g} ± {metric.error or 0.0:.2g}"
