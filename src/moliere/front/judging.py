"""Events against events: what is evaluated, which part of it, and what a generated event costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from moliere.cluster.engines import engine_of
from moliere.detectors import Detector
from moliere.errors import ConfigError
from moliere.evaluation import Report
from moliere.evaluation import evaluate as look
from moliere.evaluation.reading import Row, rank
from moliere.evaluation.result import measure
from moliere.events import EventSource
from moliere.files import check_free, writing
from moliere.front.bundles import load
from moliere.front.events import opened
from moliere.generation import generate
from moliere.models import Bundle
from moliere.production import Engine
from moliere.progress import Progress, parts, silent
from moliere.report import write_report
from moliere.report.ranking_page import write_ranking
from moliere.threads import limited_threads, processor
from moliere.units import parse_energy

Part = Literal["all", "train", "validation", "test"]
#: events that a bundle is timed on at once
_TIMED = 1000
#: a page takes as long as the evaluation of so many events
_PAGE = 2000


def evaluate(
    reference: str | Path | EventSource,
    generated: str | Path | EventSource,
    output: str | Path | None = None,
    *,
    detector: str | Detector | None = None,
    bundle: str | Path | Bundle | None = None,
    part: Part = "all",
    reference_ms: float | None = None,
    reference_on: str = "",
    threshold: float | str | None = None,
    max_events: int = 100_000,
    suite: str = "default",
    classifier_seeds: int = 3,
    baseline: str | Path | EventSource | None = None,
    match_incident: bool = False,
    seed: int = 0,
    threads: int = 0,
    workers: int = 1,
    cluster: str | Engine | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Report:
    """Compare generated with reference events: numbers with errors and floors, and a page where a folder is named.

    Args:
        reference: what is right by definition: a file, a sample, or events.
        generated: what is judged.
        output: folder for ``report.html`` and ``report.json``; without one, nothing is written.
        detector: where the events do not say it.
        bundle: the generated events' model: its split is used for ``part``, and it is timed.
        part: only this part of the reference, in the split that the bundle was trained with.
        reference_ms: milliseconds a shower of the reference simulation.
        reference_on: threads and machine that these were measured on, such as ``"one core, Xeon 2.1 GHz"``.
        threshold: smaller signals count as zero, MeV or a text with a unit; by default the threshold that
            the bundle was trained with, else the detector's.
        max_events: use so many events of each at most.
        suite: ``default`` suits the detector.
        classifier_seeds: repetitions of each classifier test; 0 leaves them out.
        baseline: a third sample whose figures stand beside.
        match_incident: choose generated events with the reference's incident energies.
        seed: the same seed gives the same report.
        threads: CPU threads; 0 takes as many as there are idle cores. Workers have one each.
        workers: processes; 0 takes as many as there are idle cores.
        cluster: who does the work instead of processes of this one; see :func:`moliere.cluster.find_engine`.
        overwrite: replace the page.
        progress: called with the name of each step, and the share of the work that is done.

    Raises:
        ConfigError: a part or a time of the reference without a bundle.
        InvalidEvents: samples of different detectors.
    """
    if reference_ms is not None and bundle is None:
        raise ConfigError(
            "the reference simulation's time stands beside the time of a bundle; name the bundle",
            options=("add --bundle NAME",),
        )
    if output is not None:
        check_free(Path(output) / "report.html", overwrite=overwrite)
    model = load(bundle) if isinstance(bundle, str | Path) else bundle
    (whole, first), (other, second) = opened(reference, detector), opened(generated, detector)
    third, beside = (None, "") if baseline is None else opened(baseline, detector)
    one = part_of(whole, part, model)
    events = min(len(one), len(other), max_events)
    looking, timing, drawing = parts(
        progress, (events, 0.1 * _PAGE * (model is not None), _PAGE * (output is not None))
    )
    engine = engine_of(cluster, workers)
    report = look(
        one,
        other,
        names=(_label(first or "reference", part), second or "generated", beside or "baseline"),
        max_events=max_events,
        suite=suite,
        classifier_seeds=classifier_seeds,
        threshold=_threshold(threshold, model),
        match_incident=match_incident,
        left_out=None if model is None else model.left_out,
        seed=seed,
        threads=threads,
        baseline=third,
        # of the same file, so that nothing of the reference is among it
        training=part_of(whole, "train", model) if part == "test" else None,
        engine=engine,
        scratch=_scratch(output, cluster),
        progress=looking,
    )
    if model is not None:
        asked = {"bundle": Path(bundle).name if isinstance(bundle, str | Path) else model.name, "part": part}
        warnings = (*report.warnings, *_other_file(model, part, first))
        report = replace(report, warnings=warnings, settings={**report.settings, **asked})
        timing("timing", 0.0)
        report = timed(report, model, one, threads, reference_ms, reference_on)
    if output is not None:
        write_report(report, output, overwrite=overwrite, progress=drawing)
    return report


def _scratch(output: str | Path | None, cluster: object) -> Path | None:
    """Where a cluster's machines read the samples: beside the output; this machine's own processes, anywhere."""
    if cluster is None:
        return None
    folder = Path(output or "report").parent
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _threshold(given: float | str | None, bundle: Bundle | None) -> float | None:
    """What was asked for, else what the bundle's model cuts its own events at, else the detector's."""
    if given is None:
        return None if bundle is None else getattr(bundle.model, "threshold", None)
    return parse_energy(given) if isinstance(given, str) else given


def _label(name: str, part: str) -> str:
    return name if part == "all" else f"{name} ({part})"


def part_of(source: EventSource, part: str, bundle: Bundle | None) -> EventSource:
    """One part of the reference, in the split of the bundle's training.

    Raises:
        ConfigError: a part without a bundle.
    """
    if part == "all":
        return source
    if bundle is None:
        raise ConfigError(
            f"the {part} part needs a bundle, because the split is the one that the bundle was trained with",
            options=("--part needs --bundle NAME",),
        )
    return source.take(bundle.rows_of(source, part))


def _other_file(bundle: Bundle, part: str, name: str) -> list[str]:
    """A part is only what the model has not seen where it is of the file that the model was trained on."""
    trained_on = Path(bundle.recipe["data"]["events"]).name
    if part == "all" or not name or name == trained_on:
        return []
    return [
        f"{bundle.name} was trained on {trained_on}; the {part} part of {name} may hold events that the model has seen"
    ]


def timed(
    report: Report,
    bundle: Bundle,
    like: EventSource,
    threads: int,
    reference_ms: float | None,
    reference_on: str = "",
) -> Report:
    """A report with what an event of a bundle costs, measured on the reference's incident particles.

    Args:
        report: without a time.
        bundle: what is timed.
        like: events whose incident particles are taken, 1,000 at once.
        threads: CPU threads; 0 takes as many as there are idle cores.
        reference_ms: milliseconds an event of the reference simulation, where known.
        reference_on: threads and machine of the reference simulation.
    """
    rows = np.arange(_TIMED) % len(like)
    incident = {name: like.incident[name][rows] for name in bundle.columns if name in like.incident}
    with limited_threads(threads):
        threads_used = torch.get_num_threads()
        timing = measure(
            # what lies outside the bundle's range costs the same
            lambda n: generate(bundle, incident, n_events=n, outside="extrapolate"),
            _TIMED,
            f"{processor()}, {threads_used} thread{'s' if threads_used > 1 else ''}",
            reference_ms=reference_ms,
        )
    made = bundle.provenance
    timing = replace(
        timing,
        reference_on=reference_on,
        training_minutes=made["training_seconds"] / 60 if "training_seconds" in made else None,
        training_memory_mb=made.get("peak_memory_mb"),
        n_parameters=bundle.n_parameters,
    )
    return replace(report, timing=timing)


def compare(
    reference: str | Path | EventSource,
    samples: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    detector: str | Detector | None = None,
    max_events: int = 100_000,
    classifier_seeds: int = 2,
    seed: int = 0,
    threads: int = 0,
    workers: int = 1,
    cluster: str | Engine | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[Row]:
    """Rank several samples against one reference, the best first; with a folder, a page and a report for each.

    Args:
        reference: what is right by definition: a file, a sample, or events.
        samples: what is judged: files or samples.
        output: folder for ``compare.html`` and the reports; without one, nothing is written.
        detector: where the events do not say it.
        max_events: use so many events of each at most.
        classifier_seeds: repetitions of each classifier test; 0 leaves them out.
        seed: the same seed gives the same ranking.
        threads: as of :func:`evaluate`.
        workers: as of :func:`evaluate`.
        cluster: as of :func:`evaluate`.
        overwrite: replace the pages.
        progress: called with the name of each sample and step, and the share of the work that is done.

    Raises:
        ConfigError: the same sample is named twice.
    """
    if output is not None:
        check_free(Path(output) / "compare.html", overwrite=overwrite)
    names = [str(sample) for sample in samples]
    if len(set(names)) < len(names):
        raise ConfigError(f"the same sample is named twice: {', '.join(names)}")
    one, first = opened(reference, detector)
    reports, engine = {}, engine_of(cluster, workers)
    *shares, drawing = parts(
        progress, [min(len(one), max_events)] * len(names) + [_PAGE * len(names) * (output is not None)]
    )
    for name, share in zip(names, shares, strict=True):
        other, _ = opened(name, detector)
        reports[name] = look(
            one,
            other,
            names=(first or "reference", name),
            max_events=max_events,
            classifier_seeds=classifier_seeds,
            seed=seed,
            threads=threads,
            engine=engine,
            scratch=_scratch(output, cluster),
            progress=lambda step, done, name=name, share=share: share(f"{name}: {step}", done),  # type: ignore[misc]
        )
    rows = rank(reports)
    if output is not None:
        write_ranking(rows, Path(output), overwrite=overwrite, progress=drawing)
    return rows
