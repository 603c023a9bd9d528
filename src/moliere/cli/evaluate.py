"""``moliere evaluate``: two files in, a page of numbers with errors and floors out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moliere.cli.options import (
    DetectorName,
    Overwrite,
    Seed,
    Threads,
    console,
    epilog,
    progress_console,
)
from moliere.errors import ConfigError

if TYPE_CHECKING:
    from moliere.evaluation import Report
    from moliere.events import EventSource
    from moliere.models import Bundle


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("evaluate", epilog=epilog("moliere evaluate geant4.h5 fast.h5 -o report"))(evaluate)


def evaluate(
    reference: Annotated[str, typer.Argument(help="What is right by definition: a file or a shipped sample.")],
    generated: Annotated[str, typer.Argument(help="What is judged: a file, whoever made it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for report.html and report.json.")] = Path(
        "report"
    ),
    detector: DetectorName = None,
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", help="The generated events' model: its split is used for --part, and it is timed."),
    ] = None,
    part: Annotated[
        Literal["all", "train", "validation", "test"],
        typer.Option("--part", help="Only this part of the reference, in the split that the bundle was trained with."),
    ] = "all",
    reference_ms: Annotated[
        float | None, typer.Option("--reference-ms", min=0, help="Milliseconds a shower of the reference simulation.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, help="MeV; smaller signals count as zero; the detector's by default."),
    ] = None,
    max_events: Annotated[
        int, typer.Option("--max-events", min=2, help="Use so many events of each at most.")
    ] = 100_000,
    suite: Annotated[
        str,
        typer.Option(
            "--suite",
            help="default suits the detector; calochallenge has the community's classifier (for a GPU) and table.",
        ),
    ] = "default",
    classifier_seeds: Annotated[
        int, typer.Option("--classifier-seeds", min=0, help="Repetitions of each classifier test; 0 leaves them out.")
    ] = 3,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", help="A third sample, such as GFLASH's, whose figures stand beside."),
    ] = None,
    match_incident: Annotated[
        bool,
        typer.Option("--match-incident", help="Choose generated events with the reference's incident energies."),
    ] = False,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", help="Exit with 1 when a figure is so: auc_high>0.7, auc_low, fpd, … (repeatable)."),
    ] = None,
    seed: Seed = 0,
    threads: Threads = 0,
    overwrite: Overwrite = False,
) -> None:
    """Compare generated with reference events: numbers with errors and floors, figures, one self-contained page."""
    from moliere.evaluation import evaluate as compare
    from moliere.evaluation.conditions import parse_condition
    from moliere.files import check_free
    from moliere.models import load_bundle
    from moliere.report import write_report
    from moliere.samples import open_source
    from moliere.training.recipe import left_out_energies
    from moliere.weights import find_bundle

    if reference_ms is not None and bundle is None:
        raise ConfigError("--reference-ms stands beside the time of a bundle; add --bundle NAME")
    check_free(output / "report.html", overwrite=overwrite)
    conditions = [parse_condition(text) for text in fail_if or []]
    model = None if bundle is None else load_bundle(find_bundle(bundle))
    whole, other = open_source(reference, detector), open_source(generated, detector)
    one = _part_of(whole, part, model)
    if model is not None and part != "all":
        _warn_of_other_file(model, part, reference)
    with progress_console.status("reading") as status:
        report = compare(
            one,
            other,
            names=(_short(reference, part), _short(generated), _short(baseline or "")),
            max_events=max_events,
            suite=suite,
            classifier_seeds=classifier_seeds,
            threshold=threshold,
            match_incident=match_incident,
            left_out=None if model is None else left_out_energies(model.recipe),
            seed=seed,
            threads=threads,
            baseline=None if baseline is None else open_source(baseline, detector),
            # of the same file, so that nothing of the reference is among it
            training=_part_of(whole, "train", model) if part == "test" else None,
            progress=lambda step: status.update(step),
        )
        if model is not None:
            status.update("timing")
            report = _timed(report, model, one, threads, reference_ms)
        status.update("drawing")
        page = write_report(report, output, overwrite=overwrite)
    _show(report)
    if suite == "calochallenge":
        _show_community(report)
    console.print(f"page: {page}")
    if met := [condition.text for condition in conditions if condition.holds(report)]:
        console.print(f"failed: {', '.join(met)}", style="bold red")
        raise typer.Exit(1)


def _short(name: str, part: str = "all") -> str:
    """A file's name without its folder: pages are read where the folders are not."""
    return Path(name).name + ("" if part == "all" else f" ({part})")


def _part_of(source: EventSource, part: str, bundle: Bundle | None) -> EventSource:
    """One part of the reference, in the split of the bundle's training."""
    from moliere.training.recipe import split_of

    if part == "all":
        return source
    if bundle is None:
        raise ConfigError(f"--part {part} needs --bundle: the split is the one that the bundle was trained with")
    return source.take(split_of(source, bundle.recipe, part))


def _warn_of_other_file(bundle: Bundle, part: str, reference: str) -> None:
    """A part is only what the model has not seen where it is of the file that the model was trained on."""
    trained_on = bundle.recipe["data"]["events"]
    if Path(reference).name != Path(trained_on).name:
        console.print(
            f"warning: {bundle.name} was trained on {trained_on}; the {part} part of {reference} may hold events that "
            "it has seen",
            style="yellow",
        )


def _timed(report: Report, bundle: Bundle, like: EventSource, threads: int, reference_ms: float | None) -> Report:
    """Time the bundle on the reference's incident particles, 1000 at once."""
    from dataclasses import replace

    import numpy as np
    import torch

    from moliere.evaluation.timing import measure
    from moliere.generation import generate
    from moliere.threads import set_threads

    set_threads(threads)
    rows = np.arange(1000) % len(like)
    incident = {name: like.incident[name][rows] for name in bundle.columns if name in like.incident}
    device = f"CPU, {torch.get_num_threads()} threads"
    # what lies outside of its range costs the same
    timing = measure(
        lambda n: generate(bundle, incident, n_events=n, outside="extrapolate"), 1000, device, reference_ms=reference_ms
    )
    made = bundle.provenance
    timing = replace(
        timing,
        training_minutes=made["training_seconds"] / 60 if "training_seconds" in made else None,
        training_memory_mb=made.get("peak_memory_mb"),
        n_parameters=bundle.n_parameters,
    )
    return replace(report, timing=timing)


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
    from moliere.evaluation.community import community_table

    for name, value in community_table(report):
        console.print(f"{name:<34}{value}")
