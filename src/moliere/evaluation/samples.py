"""The samples of a comparison, read alike; what makes them incomparable, and what the reader must know of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.errors import InvalidEvents
from moliere.evaluation.collect import Choice, Collected, align, collect
from moliere.evaluation.distances import ks_test
from moliere.evaluation.response import energy_bins
from moliere.evaluation.suites import Suite
from moliere.evaluation.suites.base import label_of
from moliere.events import EventSource
from moliere.events.events import energy_of
from moliere.progress import Progress, silent

Bins = list[tuple[float, float]]

#: fewer events of either sample give no metric of that kind
LEAST_FOR_CLASSIFIER = 300
LEAST_FOR_FPD = 500
#: by how much the faintest signals of two samples may differ, and of how many events and signals they are known
_CLIFF, _FAINT_EVENTS, _FAINT_SIGNALS = 2.0, 2_000, 1_000
#: fewer equal events may be chance
_SHARED = 3
#: p-value below which two samples certainly have other incident particles
_CERTAIN = 1e-3


@dataclass(frozen=True)
class Sources:
    """What is compared, unread.

    Args:
        reference: what is right by definition.
        generated: what is judged.
        baseline: a third sample, whose figures stand beside the generated one's.
        training: what the model has seen.
    """

    reference: EventSource
    generated: EventSource
    baseline: EventSource | None = None
    training: EventSource | None = None

    def check(self) -> None:
        """Refuse what cannot be compared.

        Raises:
            InvalidEvents: different detectors, or fewer than two events.
        """
        for role in ("generated", "baseline", "training"):
            source = getattr(self, role)
            if source is not None:
                _check_detectors(self.reference.detector, source.detector, role)
                _check_number(role, source)
        _check_number("reference", self.reference)


@dataclass(frozen=True)
class Samples:
    """What is compared, read and aligned.

    Args:
        reference: what is right by definition.
        generated: what is judged.
        baseline: a third sample, where one was given.
        training: what the model has seen, where it is known.
        bins: of the scale, from the reference, closed intervals in MeV.
        mean_bins: those that mean signals were made in; none where events have no incident energy.
        dropped: observables and features that not all samples have.
        suite: how events of this detector are compared.
        seed: of every choice.
        classifier_seeds: repetitions of each classifier test; 0 leaves out what needs a classifier.
        left_out: incident energies in MeV that the generated events' model has not seen, if it was trained so.
        progress: told how much of what looks at them now is done.
    """

    reference: Collected
    generated: Collected
    baseline: Collected | None
    training: Collected | None
    bins: Bins
    mean_bins: Bins
    dropped: list[str]
    suite: Suite
    seed: int = 0
    classifier_seeds: int = 0
    left_out: tuple[float, float] | None = None
    progress: Progress = field(default=silent, compare=False)

    def step(self, name: str, share: float = 0.0) -> None:
        """Say what begins, and which share of the finding's work is done."""
        self.progress(name, share)

    @property
    def n_events(self) -> int:
        """Events used of the smaller of both samples."""
        return min(len(self.reference), len(self.generated))

    @staticmethod
    def read(
        sources: Sources, suite: Suite, max_events: int, seed: int, threshold: float | None, *, match_incident: bool
    ) -> Samples:
        """Read all of them; see :func:`~moliere.evaluation.evaluate`."""
        reference = sources.reference
        by_energy = suite.scale == "incident energy" and "energy" in reference.incident
        bins = energy_bins(reference.incident["energy"]) if by_energy else []
        like = energy_of(reference.incident) if match_incident else None
        free, matched = Choice(max_events, seed), Choice(max_events, seed, like)
        wanted = {"reference": free, "generated": matched, "baseline": matched, "training": free}
        found = {
            role: collect(source, reference.detector, suite, bins, choice, threshold)
            for role, choice in wanted.items()
            if (source := getattr(sources, role)) is not None
        }
        aligned, dropped = align(list(found.values()))
        named = dict(zip(found, aligned, strict=True))
        return Samples(
            named["reference"],
            named["generated"],
            named.get("baseline"),
            named.get("training"),
            bins or energy_bins(named["reference"].scale),
            bins,
            dropped,
            suite,
            seed,
        )


def sample_warnings(sources: Sources, samples: Samples) -> Iterator[str]:
    """What the reader must know before the numbers."""
    one, other = samples.reference, samples.generated
    if said := sources.generated.metadata.get("undertrained"):
        yield f"the training behind the generated events was cut short: {said}"
    yield from _threshold_warnings(sources, one, other)
    for role, source, used in (("reference", sources.reference, one), ("generated", sources.generated, other)):
        if source.weights is not None:
            yield f"the {role} events have weights: {len(used)} of {len(source)} were kept in proportion to them"
    if samples.dropped:
        shown = samples.suite.shown(sources.reference.detector)
        names = dict.fromkeys(label_of(name, shown) for name in samples.dropped)
        yield f"not in every sample, and left out: {', '.join(names)}"
    if samples.mean_bins:
        distance, p = ks_test(one.scale, other.scale)
        if p < _CERTAIN:
            yield (
                f"the incident energies of the two samples differ (Kolmogorov-Smirnov distance {distance:.3f}, p = "
                f"{p:.1e}): differences below may be those of the energies; generate with the "
                "particles of the reference, or compare events of matching energies only"
            )
    if (p := _same_particles(one, other)) < _CERTAIN:
        yield (
            f"the kinds of incident particles come in other shares in the two samples (p = {p:.1e}): differences below "
            "may be those of the kinds; generate with the particles of the reference"
        )
    if (shared := _shared_events(one, other)) >= _SHARED and not sources.reference.detector.repeats:
        yield (
            f"{shared} of {len(other)} generated events are also in the reference, with the same signals: an AUC below "
            "0.5 and small distances then prove nothing; compare with events that the generated sample was not made of"
        )
    n = samples.n_events
    if n < LEAST_FOR_CLASSIFIER:
        yield f"{n} events are too few for classifier tests, which start at {LEAST_FOR_CLASSIFIER}"
    if n < LEAST_FOR_FPD:
        yield f"{n} events are too few for FPD and KPD, which start at {LEAST_FOR_FPD}"


def _same_particles(one: Collected, other: Collected) -> float:
    """P-value of the kinds of particles having the same shares in both; 1 where a sample does not say its kinds."""
    if one.particles is None or other.particles is None:
        return 1.0
    kinds = np.unique(np.concatenate([one.particles, other.particles]))
    counts = [[int((sample.particles == kind).sum()) for kind in kinds] for sample in (one, other)]
    return float(scipy.stats.chi2_contingency(counts).pvalue) if len(kinds) > 1 else 1.0


def _shared_events(one: Collected, other: Collected) -> int:
    """Generated events whose signals are those of a reference event; events of one lit channel may be so by chance."""
    rows = [sample.kept.signals[np.count_nonzero(sample.kept.signals, axis=1) > 1] for sample in (one, other)]
    known = {hash(row.tobytes()) for row in rows[0]}
    return sum(hash(row.tobytes()) in known for row in rows[1])


def _check_number(role: str, source: EventSource) -> None:
    if len(source) < 2:
        raise InvalidEvents(f"the {role} sample holds {len(source)} events; at least 2 are needed")


def _check_detectors(one: Detector, other: Detector, role: str) -> None:
    if reason := one.incomparable_with(other):
        raise InvalidEvents(
            f"the reference is of {one.name}, the {role} events are of {other.name}: {reason}; both must be of the "
            "same detector"
        )
    if where := one.displaced_from(other):
        raise InvalidEvents(
            f"{where}: cells of the same number lie elsewhere, so the {role} events cannot be compared with the "
            "reference cell by cell; if both samples are of one detector, name that detector for both, else bring one "
            "sample to the cells of the other"
        )


def _threshold_warnings(sources: Sources, one: Collected, other: Collected) -> Iterator[str]:
    """Where the samples seem to be read out above different thresholds, which any classifier sees."""
    names = [source.detector.threshold for source in (sources.reference, sources.generated)]
    if names[0] != names[1]:
        yield (
            f"the detector of the reference has a threshold of {names[0]:g}, that of the generated events {names[1]:g} "
            f"{sources.reference.detector.unit}; choose a threshold that holds for both samples"
        )
        return
    if sources.reference.detector.signed:
        return
    smallest = [_faint(sample.kept.signals) for sample in (one, other)]
    if min(smallest) > 0 and max(smallest) > _CLIFF * min(smallest):
        yield (
            f"the faintest hundredth of the signals ends at {smallest[0]:.3g} {sources.reference.detector.unit} in the "
            f"reference and at {smallest[1]:.3g} in the generated events: if their thresholds differ, choose the "
            "larger one for both samples"
        )


def _faint(signals: NDArray[np.float32]) -> float:
    """The signal that a hundredth of all signals above 0 lies below; 0 where there are too few."""
    lit = signals[:_FAINT_EVENTS]
    lit = lit[lit > 0]
    return float(np.quantile(lit, 0.01)) if len(lit) >= _FAINT_SIGNALS else 0.0
