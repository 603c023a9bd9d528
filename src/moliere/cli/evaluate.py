"""``moliere evaluate``: two files in, a page of numbers with errors and floors out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moliere.cli import complete
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
    Track,
    console,
    examples,
    follow,
    read_conditions,
    sample_argument,
    sample_option,
    stop_if,
)

if TYPE_CHECKING:
    from moliere.evaluation import Report


@examples("moliere evaluate geant4.h5 fast.h5 -o report")
def evaluate(
    reference: ReferenceName,
    generated: Annotated[str, sample_argument("What is judged: a file, whoever made it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for report.html and report.json.")] = Path(
        "report"
    ),
    detector: DetectorName = None,
    bundle: Annotated[
        str | None,
        typer.Option(
            "--bundle",
            help="The generated events' model: its split is used for --part, and it is timed.",
            autocompletion=complete.bundles,
        ),
    ] = None,
    part: Annotated[
        Literal["all", "train", "validation", "test"],
        typer.Option("--part", help="Only this part of the reference, in the split that the bundle was trained with."),
    ] = "all",
    reference_ms: Annotated[
        float | None, typer.Option("--reference-ms", min=0, help="Milliseconds a shower of the reference simulation.")
    ] = None,
    reference_on: Annotated[
        str, typer.Option("--reference-on", help="Threads and machine of that time, such as 'one core, Xeon 2.1 GHz'.")
    ] = "",
    threshold: Annotated[
        str | None,
        typer.Option("--threshold", help="Smaller signals count as zero, such as 0.5 MeV; the detector's by default."),
    ] = None,
    max_events: MaxEvents = 100_000,
    suite: Annotated[
        str,
        typer.Option(
            "--suite",
            help="default suits the detector; calochallenge has the community's classifier (for a GPU) and table.",
        ),
    ] = "default",
    classifier_seeds: ClassifierSeeds = 3,
    baseline: Annotated[
        str | None, sample_option("--baseline", "A third sample, such as GFLASH's, whose figures stand beside.")
    ] = None,
    match_incident: Annotated[
        bool,
        typer.Option("--match-incident", help="Choose generated events with the reference's incident energies."),
    ] = False,
    fail_if: FailIf = None,
    seed: Seed = 0,
    threads: Threads = 0,
    workers: Workers = 1,
    cluster: Cluster = None,
    track: Track = None,
    overwrite: Overwrite = False,
) -> None:
    """Compare generated with reference events: numbers with errors and floors, figures, one self-contained page."""
    from moliere import front
    from moliere.tracking import tracked

    conditions = read_conditions(fail_if)
    with tracked(track or (), f"{generated} against {reference}", {}) as run, follow("evaluating") as progress:
        report = front.evaluate(
            reference,
            generated,
            output,
            detector=detector,
            bundle=bundle,
            part=part,
            reference_ms=reference_ms,
            reference_on=reference_on,
            threshold=threshold,
            max_events=max_events,
            suite=suite,
            classifier_seeds=classifier_seeds,
            baseline=baseline,
            match_incident=match_incident,
            seed=seed,
            threads=threads,
            workers=workers,
            cluster=cluster,
            overwrite=overwrite,
            progress=progress,
        )
        run.settings(report.settings)
        run.figures({metric.name: metric.value for metric in report.metrics})
        run.files(output / name for name in ("report.html", "report.json"))
    _show(report)
    if suite == "calochallenge":
        _show_community(report)
    console.print(f"page: {output / 'report.html'}")
    stop_if(condition.text for condition in conditions if condition.holds(report))


def _show(report: Report) -> None:
    from rich.table import Table
    from rich.text import Text

    beside = [report.baseline.name] if report.baseline else []
    table = Table("metric", "value", "floor", *beside, "verdict", title=Text(report.verdict), title_justify="left")
    for metric in report.metrics:
        columns = [(metric.value, metric.error), (metric.floor, metric.floor_error)]
        if beside:
            columns.append((metric.baseline, metric.baseline_error))
        numbers = [_in_words(value, error, metric.unit) for value, error in columns]
        table.add_row(metric.label, *numbers, metric.verdict or metric.reason)
    console.print(table)
    for warning in report.warnings:
        console.print(f"warning: {warning}", style="yellow")


def _in_words(value: float | None, error: float | None, unit: str) -> str:
    """Empty where nothing is known."""
    if value is None:
        return ""
    return f"{value:.4g}{'' if error is None else f' ± {error:.2g}'} {unit}".rstrip()


def _show_community(report: Report) -> None:
    from moliere.evaluation.reading import community_table

    for name, value in community_table(report):
        console.print(f"{name:<34}{value}")
