"""Whether a model knows the energies between those that it has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moliere.detectors.base import Ints
from moliere.evaluation.collect import Collected
from moliere.evaluation.correlations import varying
from moliere.evaluation.distances import ks_test
from moliere.evaluation.evidence import Interpolation

_LEAST = 30


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
