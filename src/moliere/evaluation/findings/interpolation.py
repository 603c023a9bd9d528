"""Whether a model knows the energies between those that it has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Ints
from moliere.evaluation.collect import Collected
from moliere.evaluation.distances import ks_test, varying
from moliere.evaluation.finding import Finding, Headline, Quantity, findings, interval_words
from moliere.evaluation.samples import Samples

_LEAST = 30


@findings.register("interpolation")
@dataclass(frozen=True)
class Interpolation(Finding):
    """Whether a model knows energies that its training left out.

    Args:
        energy: ends of the interval that was left out, in MeV.
        n_events: reference events in it.
        distance: mean Kolmogorov-Smirnov distance of the observables in it.
        seen: the same at the energies beside it that were in the training, if they have enough events.
        floor: of reference against reference at these sizes.
    """

    energy: tuple[float, float]
    n_events: int
    distance: float
    seen: float | None
    floor: float
    title = "Interpolation"
    place = 22

    @classmethod
    def look(cls, samples: Samples) -> Interpolation | None:
        """At the energies that the training left out, where some were."""
        if samples.left_out is None:
            return None
        return interpolation(samples.reference, samples.generated, samples.left_out, samples.bins, samples.seed)

    @property
    def headline(self) -> Headline:
        """The distance at the energies left out."""
        return Headline(Quantity(self.distance), "at energies that the model has not seen")

    @property
    def words(self) -> str:
        """Where, and what it compares with."""
        beside = "" if self.seen is None else f" beside them, at energies of the training, {self.seen:.3g};"
        return (
            f"Mean Kolmogorov-Smirnov distance of the observables at {interval_words(self.energy)} ({self.n_events:,} "
            f"reference events), which the training left out;{beside} floor {self.floor:.3g}."
        )


def interpolation(
    reference: Collected,
    generated: Collected,
    left_out: tuple[float, float],
    bins: Sequence[tuple[float, float]],
    seed: int,
) -> Interpolation | None:
    """How far the samples are apart at the energies that the training left out, and at those beside them.

    Args:
        reference: what is right.
        generated: by a model that has not seen the energies left out.
        left_out: their interval in MeV.
        bins: closed intervals of incident energy in MeV, in which the neighbours are looked for.
        seed: of the floor's two parts of the reference.

    Returns:
        The distances; ``None`` where either sample has fewer than 30 events there.
    """
    inside = _within(reference, generated, left_out)
    if min(map(len, inside)) < _LEAST:
        return None
    pairs = [_within(reference, generated, interval) for interval in _neighbours(left_out, bins)]
    beside = [_mean_distance(reference, generated, *pair) for pair in pairs if min(map(len, pair)) >= _LEAST // 2]
    rows = np.random.default_rng(seed).permutation(inside[0])
    half = len(rows) // 2
    return Interpolation(
        energy=left_out,
        n_events=len(inside[0]),
        distance=_mean_distance(reference, generated, *inside),
        seen=float(np.mean(beside)) if beside else None,
        floor=_mean_distance(reference, reference, rows[:half], rows[half:]),
    )


def _neighbours(left_out: tuple[float, float], bins: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The bins just below and just above."""
    below = [interval for interval in bins if interval[1] < left_out[0]]
    above = [interval for interval in bins if interval[0] > left_out[1]]
    return [*below[-1:], *above[:1]]


def _within(reference: Collected, generated: Collected, interval: tuple[float, float]) -> tuple[Ints, Ints]:
    low, high = interval
    one, other = (np.flatnonzero((sample.scale >= low) & (sample.scale <= high)) for sample in (reference, generated))
    return one, other


def _mean_distance(one: Collected, other: Collected, rows: Ints, other_rows: Ints) -> float:
    """Mean Kolmogorov-Smirnov distance of the observables."""
    names = varying(one.observables)
    distances = [ks_test(one.observables[name][rows], other.observables[name][other_rows])[0] for name in names]
    return float(np.mean(distances))
