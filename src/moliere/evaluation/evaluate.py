"""Events × events → a report: who made either of them does not matter."""

from __future__ import annotations

import platform
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from moliere.evaluation.collect import Collected
from moliere.evaluation.finding import Failed, Finding, beside, findings
from moliere.evaluation.result import Report, Sample
from moliere.evaluation.samples import Samples, Sources, sample_warnings
from moliere.evaluation.shards import Doer, do_here, everywhere, look_at
from moliere.evaluation.suites import find_suite
from moliere.evaluation.verdicts import overall
from moliere.events import EventSource
from moliere.production import Engine
from moliere.progress import Progress, part, parts, silent
from moliere.threads import limited_threads

#: share of the work that reading the samples is, roughly
_READING = 0.1


def evaluate(
    reference: EventSource,
    generated: EventSource,
    *,
    names: tuple[str, str] | tuple[str, str, str] = ("reference", "generated", "baseline"),
    max_events: int = 100_000,
    suite: str = "default",
    classifier_seeds: int = 3,
    threshold: float | None = None,
    match_incident: bool = False,
    left_out: tuple[float, float] | None = None,
    seed: int = 0,
    threads: int = 2,
    training: EventSource | None = None,
    baseline: EventSource | None = None,
    only: Collection[str] | None = None,
    engine: Engine | None = None,
    scratch: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Compare two samples of one detector.

    At most ``max_events`` of each are used, chosen at random, so that memory does not grow with the files. Where a
    sample has weights, they decide how likely an event is chosen. The same seed gives the same report.

    Args:
        reference: what is right by definition.
        generated: what is judged.
        names: of both, and of the baseline, for the page.
        max_events: of each sample.
        suite: by name; ``default`` is the one that suits the detector.
        classifier_seeds: repetitions of each classifier test; 0 leaves them out.
        threshold: in the detector's unit, below which signals count as zero in both; ``None`` takes the detector's.
        match_incident: choose the generated events so that their incident energies are distributed as the reference's.
        left_out: incident energies in MeV that the generated events' model has not seen, if it was trained so.
        seed: of every choice.
        threads: CPU threads.
        training: what the model has seen, of which the reference holds nothing; looked at for memorisation.
        baseline: a third sample, such as a classical parametrisation, whose metrics stand beside the generated one's.
        only: kinds of findings that are looked at; all by default.
        engine: makes the executor that does the work, in numbered shards; nobody else does by default.
        scratch: with an engine: folder that all its machines see; any of this machine by default.
        progress: called with the name of each step, and the share of the work that is done.

    Raises:
        InvalidEvents: different detectors, or too few events.
        UnknownName: no such suite.
    """
    sources = Sources(reference, generated, baseline, training)
    sources.check()
    suite_name, chosen = find_suite(suite, reference.detector)
    # before anything that takes time, so that a cluster that does not answer is said at once
    doing = nullcontext(do_here) if engine is None else everywhere(engine, suite_name, scratch)
    with limited_threads(threads), doing as do:
        progress("observables", 0.0)
        samples = Samples.read(sources, chosen, max_events, seed, threshold, match_incident=match_incident)
        samples = replace(samples, classifier_seeds=classifier_seeds, left_out=left_out)
        kinds = [kind for kind in findings.in_order() if only is None or kind.kind in only]
        found = _looked(kinds, replace(samples, progress=part(progress, _READING, 1.0)), do)
    asked = classifier_seeds > 0 and (only is None or "classifiers" in only)
    third = samples.baseline
    return Report(
        verdict=overall([metric for one in found for metric in one.metrics], classifiers=asked),
        detector=reference.detector.to_spec(),
        reference=_describe(names[0], reference, samples.reference),
        generated=_describe(names[1], generated, samples.generated),
        baseline=_describe(names[-1], baseline, third) if baseline is not None and third is not None else None,
        findings=found,
        settings={
            "suite": suite_name,
            "binned_by": chosen.scale,
            "threshold": getattr(reference.detector, "threshold", 0.0) if threshold is None else threshold,
            "seed": seed,
            "max_events": max_events,
            "classifier_seeds": classifier_seeds,
            "match_incident": match_incident,
            **_versions(),
        },
        warnings=(*sample_warnings(sources, samples), *(one.words for one in found if isinstance(one, Failed))),
    )


def _looked(kinds: list[type[Finding]], samples: Samples, do: Doer) -> tuple[Finding, ...]:
    """What there is to see, with a third sample's metrics beside."""
    first, second = parts(samples.progress, (1, samples.baseline is not None))
    found = [one for one in look_at(kinds, replace(samples, progress=first), do) if one is not None]
    measured = [type(one) for one in found if one.metrics and samples.baseline is not None]
    thirds = dict(zip(measured, look_at(measured, replace(samples, progress=second), do, third=True), strict=True))
    both = (
        replace(one, metrics=beside(one.metrics, third.metrics)) if (third := thirds.get(type(one))) else one
        for one in found
    )
    return (*both, *(third for third in thirds.values() if isinstance(third, Failed)))


def _describe(name: str, source: EventSource, used: Collected) -> Sample:
    metadata = {key: value for key, value in source.metadata.items() if key != "detector_spec"}
    return Sample(name, used.n_events, len(used), (float(used.scale.min()), float(used.scale.max())), metadata)


def _versions() -> dict[str, Any]:
    return {
        "versions": {name: version(name) for name in ("moliere", "numpy", "scipy", "scikit-learn", "torch")},
        "python": platform.python_version(),
    }
