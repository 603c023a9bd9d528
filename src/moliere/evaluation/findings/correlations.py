"""Correlations of the observables with each other, in both samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moliere.evaluation.distances import correlation_matrix, matrix_distance, varying
from moliere.evaluation.finding import Finding, Metric, findings
from moliere.evaluation.samples import Samples
from moliere.evaluation.verdicts import judged

#: pairs of bootstrap samples that floor and error are taken from
_DRAWS = 10


@findings.register("correlations")
@dataclass(frozen=True)
class Correlations(Finding):
    """Pearson coefficients of the observables with each other.

    Args:
        names: stable identifiers, in the order of the matrices.
        labels: for people.
        reference: (d, d).
        generated: (d, d).
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    reference: tuple[tuple[float, ...], ...]
    generated: tuple[tuple[float, ...], ...]
    title = "Correlations"
    place = 34
    figures = ("correlations",)

    @classmethod
    def look(cls, samples: Samples) -> Correlations | None:
        """Both matrices and their distance; nothing where fewer than two observables vary."""
        reference, seed = samples.reference, samples.seed
        one, other = reference.observables, samples.generated.observables
        names = varying(one, other)
        if len(names) < 2:
            return None
        matrices = [correlation_matrix(sample, names) for sample in (one, other)]
        value = matrix_distance(*matrices)
        sizes = len(reference), len(samples.generated)
        draws = np.array([_distance_of_draws(one, names, *sizes, seed, k) for k in range(_DRAWS)])
        error, floor = float(draws.std(ddof=1)), float(draws.mean())
        metric = judged(Metric(
            "correlations", "correlation matrices, distance", "distribution", value, error, floor, error,
            note=f"Frobenius distance over the number of observables; floor: mean of {_DRAWS} pairs of bootstrap "
            f"samples of the reference; error: the spread of these {_DRAWS}", tolerance=0.05,
        ))  # fmt: skip
        described = samples.suite.shown(reference.kept.detector)
        labels = tuple(described[name].label for name in names)
        shown = (tuple(tuple(float(f"{x:.4f}") for x in row) for row in matrix) for matrix in matrices)
        return cls(tuple(names), labels, *shown, metrics=(metric,))


def _distance_of_draws(
    sample: Mapping[str, NDArray[np.float64]], names: Sequence[str], n: int, m: int, seed: int, k: int
) -> float:
    """Of two bootstrap samples of the reference."""
    rng = np.random.default_rng([seed, k])
    rows = [rng.integers(n, size=size) for size in (n, m)]
    draws = [{name: sample[name][chosen] for name in names} for chosen in rows]
    alive = varying(*draws)
    return matrix_distance(*(correlation_matrix(draw, alive) for draw in draws))
