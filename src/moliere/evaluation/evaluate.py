"""Events × events → a report: who made either of them does not matter."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from moliere.evaluation.collect import Collected
from moliere.evaluation.details import details
from moliere.evaluation.evidence import Correlations
from moliere.evaluation.examples import example_events, short
from moliere.evaluation.figures import (
    LEAST_FOR_CLASSIFIER,
    LEAST_FOR_FPD,
    beside,
    classifier_figures,
    correlation_figure,
    distance_figures,
    observable_figures,
    overlap_figures,
    response_figures,
)
from moliere.evaluation.goodness import combine_p_values
from moliere.evaluation.histograms import histogram_pairs, own_pairs
from moliere.evaluation.interpolation import interpolation
from moliere.evaluation.layers import layer_validation
from moliere.evaluation.planes import Rarity, planes, rarity, rarity_figures, share_rows
from moliere.evaluation.response import response_points
from moliere.evaluation.result import Figure, HistogramPair, MeanShower, Report, ResponsePoint, Sample
from moliere.evaluation.samples import Samples, Sources, sample_warnings
from moliere.evaluation.suites import Suite, find_suite
from moliere.evaluation.verdicts import overall
from moliere.events import EventSource
from moliere.threads import limited_threads

Step = Callable[[str], None]

#: what total over incident energy is called
_RESPONSES = ("response", "sampling_fraction")


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
    progress: Step | None = None,
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
        baseline: a third sample, such as a classical parametrisation, whose figures stand beside the generated one's.
        progress: told the name of each step.

    Raises:
        InvalidEvents: different detectors, or too few events.
        UnknownName: no such suite.
    """
    step = progress or (lambda _: None)
    sources = Sources(reference, generated, baseline, training)
    sources.check()
    suite_name, chosen = find_suite(suite, reference.detector)
    settings = _Settings(chosen, classifier_seeds, seed)
    with limited_threads(threads):
        step("observables")
        samples = Samples.read(sources, chosen, max_events, seed, threshold, match_incident=match_incident)
        one, other = samples.reference, samples.generated
        compared = _compare(samples, other, settings, step)
        figures = compared.figures
        if samples.baseline is not None:
            step("the baseline")
            figures = beside(figures, _compare(samples, samples.baseline, settings, lambda _: None).figures)
        more = details(one, other, samples.training, samples.bins, classifier_seeds, seed, step)
        more |= {"shares": share_rows(one, other, chosen), "planes": planes(one, other, chosen, compared.rare)}
        if chosen.by_layer:
            step("layers")
            more["layers"] = layer_validation(one, other, samples.bins)
        if left_out is not None:
            more["interpolation"] = interpolation(one, other, left_out, samples.bins, seed)
    return Report(
        verdict=overall(figures),
        detector=reference.detector.to_spec(),
        reference=_describe(names[0], reference, one),
        generated=_describe(names[1], generated, other),
        baseline=_describe(names[-1], baseline, samples.baseline) if baseline and samples.baseline else None,
        figures=figures,
        histograms=compared.histograms,
        response=compared.response,
        correlations=compared.correlations,
        mean_showers=_mean_showers(samples),
        examples=example_events(one, other, samples.bins),
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
        warnings=tuple(sample_warnings(sources, samples)),
        goodness=combine_p_values([pair.ks_p for pair in own_pairs(compared.histograms, chosen)]),
        **more,
    )


@dataclass(frozen=True)
class _Settings:
    """How every pair of samples is compared."""

    suite: Suite
    classifier_seeds: int
    seed: int


@dataclass(frozen=True)
class _Compared:
    """What two samples give, by the names of a :class:`~moliere.evaluation.result.Report`."""

    figures: tuple[Figure, ...]
    histograms: tuple[HistogramPair, ...]
    response: tuple[ResponsePoint, ...]
    correlations: Correlations | None
    rare: Rarity | None


def _compare(samples: Samples, other: Collected, settings: _Settings, step: Step) -> _Compared:
    """Histograms of the reference and another sample, and all figures that the number of events allows."""
    one, suite = samples.reference, settings.suite
    pairs = histogram_pairs(one, other, suite)
    points: tuple[ResponsePoint, ...] = ()
    name = next((name for name in _RESPONSES if name in one.observables), None)
    if name is not None and samples.mean_bins:
        points = response_points(one.scale, one.observables[name], other.scale, other.observables[name])
    figures = list(_figures(one, other, settings, step))
    step("distances")
    figures += observable_figures(one, other, own_pairs(pairs, suite), settings.seed)
    matrices = correlation_figure(one, other, {pair.name: pair.label for pair in pairs}, settings.seed)
    if matrices is not None:
        figures.append(matrices[1])
    figures += response_figures(points) if points else ()
    figures += rarity_figures(rare := rarity(one, other, suite))
    return _Compared(tuple(figures), pairs, points, matrices[0] if matrices else None, rare)


def _figures(one: Collected, other: Collected, settings: _Settings, step: Step) -> Iterator[Figure]:
    """Those that need many events."""
    n, seeds = min(len(one), len(other)), settings.classifier_seeds
    if seeds and n >= LEAST_FOR_CLASSIFIER:
        yield from classifier_figures(one, other, settings.suite, seeds, settings.seed, step)
    if n >= LEAST_FOR_FPD:
        yield from distance_figures(one, other, settings.seed, step)
        yield from overlap_figures(one, other, step)


def _describe(name: str, source: EventSource, used: Collected) -> Sample:
    metadata = {key: value for key, value in source.metadata.items() if key != "detector_spec"}
    return Sample(name, used.n_events, len(used), (float(used.scale.min()), float(used.scale.max())), metadata)


def _mean_showers(samples: Samples) -> tuple[MeanShower, ...]:
    energies = [None, *((low * high) ** 0.5 for low, high in samples.mean_bins)]
    rows = zip(energies, samples.reference.mean_signals, samples.generated.mean_signals, strict=True)
    return tuple(MeanShower(energy, short(a), short(b)) for energy, a, b in rows)


def _versions() -> dict[str, Any]:
    return {
        "versions": {name: version(name) for name in ("moliere", "numpy", "scipy", "scikit-learn", "torch")},
        "python": platform.python_version(),
    }
