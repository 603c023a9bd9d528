"""Whether generated events cover the reference, as clouds of points: precision, recall, density and coverage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from moliere.evaluation.finding import Finding, Metric, Paper, findings
from moliere.evaluation.samples import LEAST_FOR_FPD, Samples
from moliere.evaluation.verdicts import judged

Points = NDArray[np.floating]


@dataclass(frozen=True)
class Coverage:
    """How two clouds of points overlap.

    Args:
        precision: share of generated events inside the reference's neighbourhoods.
        recall: share of reference events inside the generated events' neighbourhoods.
        density: mean number of reference neighbourhoods (of k) around a generated event, over k; 1 for equal samples.
        coverage: share of reference events with a generated event among their neighbourhood.
        density_error: of the density, by its spread over generated events.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    density_error: float


def coverage(reference: Points, generated: Points, k: int = 5) -> Coverage:
    """Precision, recall, density and coverage.

    Args:
        reference: (n, d), standardised by the caller.
        generated: (m, d), standardised in the same way.
        k: neighbours that make a neighbourhood.
    """
    trees = scipy.spatial.cKDTree(reference), scipy.spatial.cKDTree(generated)
    radii = [tree.query(tree.data, k + 1)[0][:, k] for tree in trees]
    to_generated = trees[1].query(reference, 1)[0]
    inside = _inside(trees[0], radii[0], generated)
    return Coverage(
        precision=float((inside > 0).mean()),
        recall=float((_inside(trees[1], radii[1], reference) > 0).mean()),
        density=float(inside.mean() / k),
        coverage=float((to_generated < radii[0]).mean()),
        # events nearby share neighbourhoods: there are about k times fewer independent ones
        density_error=float(inside.std() / k / (len(generated) / k) ** 0.5),
    )


def _inside(tree: scipy.spatial.cKDTree, radii: NDArray[np.float64], points: Points) -> NDArray[np.int64]:
    """In how many of the balls around the tree's points each point lies, (n,)."""
    counts = np.zeros(len(points), np.int64)
    asked = scipy.spatial.cKDTree(points)
    for rows in np.array_split(np.arange(len(radii)), max(1, len(radii) // 500)):
        for found in asked.query_ball_point(tree.data[rows], radii[rows]):
            counts[found] += 1
    return counts


def standardise(reference: Points, *others: Points) -> list[Points]:
    """All samples in units of the reference's standard deviations, without columns that do not vary."""
    mean, std = reference.mean(axis=0, dtype=np.float64), reference.std(axis=0, dtype=np.float64)
    varies = std > 1e-6 * np.maximum(np.abs(mean), 1e-30)
    return [((x - mean) / np.where(varies, std, 1))[:, varies] for x in (reference, *others)]


#: events of each sample in searches for neighbours, whose time grows faster than their number
_NEIGHBOURS = 3_000


@findings.register("overlap")
@dataclass(frozen=True)
class Overlap(Finding):
    """How the clouds of both samples overlap; they are all metrics."""

    title = "Overlap"
    place = 12
    figures = ("precision", "recall", "density", "coverage")
    citations = (
        Paper(
            "precision and recall",
            "Improved precision and recall metric for assessing generative models",
            "T. Kynkäänniemi",
            2019,
            "https://arxiv.org/abs/1904.06991",
        ),
        Paper(
            "density and coverage",
            "Reliable fidelity and diversity metrics for generative models",
            "M. Naeem",
            2020,
            "https://arxiv.org/abs/2002.09797",
        ),
    )

    @classmethod
    def look(cls, samples: Samples) -> Overlap | None:
        """Nothing where there are too few events, or nothing varies."""
        metrics = tuple(_metrics(samples)) if samples.n_events >= LEAST_FOR_FPD else ()
        return cls(metrics=metrics) if metrics else None


def _metrics(samples: Samples) -> Iterator[Metric]:
    """Floors from two parts of the reference."""
    reference, generated = samples.reference, samples.generated
    samples.step("precision and recall")
    n = min(len(reference) // 2, len(generated), _NEIGHBOURS)
    truth, own, other = standardise(*(x.astype(np.float64) for x in (
        reference.features[:n], reference.features[n : 2 * n], generated.features[:n]
    )))  # fmt: skip
    if truth.shape[1] == 0:  # nothing varies
        return
    value, floor = coverage(truth, other), coverage(truth, own)
    for name in Overlap.figures:
        score, best = getattr(value, name), getattr(floor, name)
        error, best_error = (_share_error(x, name, n) for x in (value, floor))
        note = f"on the observables, {n} events each, 5 neighbours; floor: two parts of the reference"
        yield judged(Metric(
            name, name, "distribution", score, error, best, best_error, note=note, larger_is_better=True, tolerance=0.1
        ))  # fmt: skip


def _share_error(value: Coverage, name: str, n: int) -> float:
    """Of a share of n events, a binomial's; the density counts several neighbourhoods at once."""
    share = getattr(value, name)
    return value.density_error if name == "density" else float(np.sqrt(max(share * (1 - share), 1 / n) / n))
