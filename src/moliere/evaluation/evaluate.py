"""Events × events → a report: who made either of them does not matter."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from moliere.detectors import Calorimeter, Detector
from moliere.errors import InvalidEvents, UnknownName, did_you_mean
from moliere.evaluation.collect import Collected, collect
from moliere.evaluation.details import details
from moliere.evaluation.distances import ks_test
from moliere.evaluation.figures import (
    LEAST_FOR_CLASSIFIER,
    LEAST_FOR_FPD,
    classifier_figures,
    distance_figures,
    histogram_pairs,
    observable_figures,
    response_figures,
)
from moliere.evaluation.goodness import combine_p_values
from moliere.evaluation.response import energy_bins, response_points
from moliere.evaluation.result import ExampleEvent, Figure, HistogramPair, MeanShower, Report, ResponsePoint, Sample
from moliere.evaluation.suites import SUITES, Suite
from moliere.evaluation.verdicts import overall
from moliere.events import EventSource
from moliere.events.events import energy_of
from moliere.threads import limited_threads

_EXAMPLES = 6  # events of each sample for the display


def evaluate(
    reference: EventSource,
    generated: EventSource,
    *,
    names: tuple[str, str] = ("reference", "generated"),
    max_events: int = 100_000,
    suite: str = "default",
    classifier_seeds: int = 3,
    threshold: float | None = None,
    seed: int = 0,
    threads: int = 2,
    training: EventSource | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Compare two samples of one detector.

    At most ``max_events`` of each are used, chosen at random, so that memory does not grow with the files. The same
    seed gives the same report.

    Args:
        reference: what is right by definition.
        generated: what is judged.
        names: of both, for the page.
        max_events: of each sample.
        suite: ``default``, or ``calochallenge`` for the community's own classifier, which wants a GPU.
        classifier_seeds: repetitions of each classifier test; 0 leaves them out.
        threshold: in MeV, below which signals count as zero in both; ``None`` takes the detector's.
        seed: of every choice.
        threads: CPU threads.
        training: what the model has seen, of which the reference holds nothing; looked at for memorisation.
        progress: told the name of each step.

    Raises:
        InvalidEvents: different detectors, not calorimeters, or no events.
        UnknownName: no such suite.
    """
    if suite not in SUITES:
        raise UnknownName(f"unknown suite {suite!r}; {did_you_mean(suite, SUITES)}")
    detector = _common_detector(reference, generated)
    step = progress or (lambda _: None)
    bins = energy_bins(energy_of(reference.incident))
    with limited_threads(threads):
        step("observables")
        one, other = (collect(x, detector, bins, max_events, seed, threshold) for x in (reference, generated))
        warnings = [*_geometry_warnings(detector, generated.detector), *_warnings(one, other)]
        points = response_points(one.energy, one.observables["response"], other.energy, other.observables["response"])
        pairs = histogram_pairs(one, other, detector)
        figures = tuple(_figures(one, other, pairs, points, SUITES[suite], classifier_seeds, seed, step))
        seen = collect(training, detector, bins, max_events, seed, threshold) if training else None
        more = details(one, other, seen, bins, classifier_seeds, seed, step)
    return Report(
        verdict=overall(figures),
        detector=detector.to_spec(),
        reference=_describe(names[0], reference, one),
        generated=_describe(names[1], generated, other),
        figures=figures,
        histograms=pairs,
        response=points,
        mean_showers=_mean_showers(one, other, bins),
        examples=(*_examples("reference", one, bins), *_examples("generated", other, bins)),
        settings={"suite": suite, **_settings(detector, threshold, seed, max_events, classifier_seeds)},
        warnings=tuple(warnings),
        goodness=combine_p_values([pair.ks_p for pair in pairs if pair.name != "voxel_energy"]),
        **more,
    )


def _figures(
    one: Collected,
    other: Collected,
    pairs: tuple[HistogramPair, ...],
    points: tuple[ResponsePoint, ...],
    suite: Suite,
    classifier_seeds: int,
    seed: int,
    step: Callable[[str], None],
) -> Iterator[Figure]:
    """All figures that the number of events allows."""
    n = min(len(one.energy), len(other.energy))
    if classifier_seeds and n >= LEAST_FOR_CLASSIFIER:
        yield from classifier_figures(one, other, suite, classifier_seeds, seed, step)
    if n >= LEAST_FOR_FPD:
        yield from distance_figures(one, other, seed, step)
    step("distances")
    yield from observable_figures(one, other, pairs, seed)
    if points:
        yield from response_figures(points)


def _common_detector(reference: EventSource, generated: EventSource) -> Calorimeter:
    one, other = reference.detector, generated.detector
    if one.n_channels != other.n_channels:
        raise InvalidEvents(
            f"the reference is of {one.name} with {one.n_channels} channels, the generated events of {other.name} with "
            f"{other.n_channels}; both must be of the same detector"
        )
    if not isinstance(one, Calorimeter):
        raise InvalidEvents(f"{one.name} is not a calorimeter; only calorimeters can be evaluated so far")
    for name, source in (("reference", reference), ("generated", generated)):
        if len(source) < 2:
            raise InvalidEvents(f"the {name} sample holds {len(source)} events; at least 2 are needed")
    return one


def _geometry_warnings(one: Calorimeter, other: Detector) -> list[str]:
    # the same rings from a list and from equal steps differ in the last bit
    if isinstance(other, Calorimeter) and np.allclose(other.centres[:, :2], one.centres[:, :2]):
        return []
    warning = (
        f"the generated events are of {other.name}, whose cells differ from those of {one.name}: "
        "they are compared by their number"
    )
    return [warning]


def _warnings(one: Collected, other: Collected) -> list[str]:
    warnings = []
    p = ks_test(one.energy, other.energy)[1]
    if p < 1e-3:
        warnings.append(
            f"the incident energies of the two samples differ (Kolmogorov-Smirnov p = {p:.1e}): differences below may "
            "be those of the energies; generate with --like the reference"
        )
    n = min(len(one.energy), len(other.energy))
    if n < LEAST_FOR_CLASSIFIER:
        warnings.append(f"{n} events are too few for classifier tests, which start at {LEAST_FOR_CLASSIFIER}")
    if n < LEAST_FOR_FPD:
        warnings.append(f"{n} events are too few for FPD and KPD, which start at {LEAST_FOR_FPD}")
    return warnings


def _describe(name: str, source: EventSource, used: Collected) -> Sample:
    metadata = {key: value for key, value in source.metadata.items() if key != "detector_spec"}
    return Sample(name, used.n_events, len(used.energy), (float(used.energy.min()), float(used.energy.max())), metadata)


def _mean_showers(one: Collected, other: Collected, bins: list[tuple[float, float]]) -> tuple[MeanShower, ...]:
    energies = [None, *((low * high) ** 0.5 for low, high in bins)]
    rows = zip(energies, one.mean_signals, other.mean_signals, strict=True)
    return tuple(MeanShower(energy, tuple(_short(a)), tuple(_short(b))) for energy, a, b in rows)


def _examples(
    sample: Literal["reference", "generated"], used: Collected, bins: list[tuple[float, float]]
) -> Iterator[ExampleEvent]:
    """Events spread over the incident energies, the most energetic last."""
    spread = np.linspace(0, len(bins) - 1, min(_EXAMPLES, len(bins))).astype(int)
    for low, high in (bins[k] for k in spread):
        inside = np.flatnonzero((used.showers.energy >= low) & (used.showers.energy <= high))
        for row in inside[: max(1, _EXAMPLES // len(bins))]:
            signals = used.showers.signals[row]
            channels = np.flatnonzero(signals)
            yield ExampleEvent(
                sample, float(used.showers.energy[row]), tuple(channels.tolist()), tuple(_short(signals[channels]))
            )


def _short(values: Any) -> list[float]:
    """Four digits are enough to draw, and a page is read over networks."""
    return [float(f"{value:.4g}") for value in values]


def _settings(
    detector: Calorimeter, threshold: float | None, seed: int, max_events: int, classifier_seeds: int
) -> dict[str, Any]:
    return {
        "threshold_mev": detector.threshold if threshold is None else threshold,
        "seed": seed,
        "max_events": max_events,
        "classifier_seeds": classifier_seeds,
        "versions": {name: version(name) for name in ("moliere", "numpy", "scipy", "scikit-learn", "torch")},
        "python": platform.python_version(),
    }
