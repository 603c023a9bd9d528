"""Samples as clouds of points: whether generated events cover the reference, and whether they repeat the training's.

References:
    "Reliable fidelity and diversity metrics for generative models", M. Naeem, 2020, https://arxiv.org/abs/2002.09797
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from moliere.evaluation.evidence import Memorisation

Points = NDArray[np.floating]
#: a generated event this much nearer to a training event than training events are to each other is a copy
_COPY = 1e-3


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
        generated: (m, d), likewise.
        k: neighbours that make a neighbourhood.
    """
    trees = cKDTree(reference), cKDTree(generated)
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


def _inside(tree: cKDTree, radii: NDArray[np.float64], points: Points) -> NDArray[np.int64]:
    """In how many of the balls around the tree's points each point lies, (n,)."""
    counts = np.zeros(len(points), np.int64)
    asked = cKDTree(points)
    for rows in np.array_split(np.arange(len(radii)), max(1, len(radii) // 500)):
        for found in asked.query_ball_point(tree.data[rows], radii[rows]):
            counts[found] += 1
    return counts


def memorisation(training: Points, test: Points, generated: Points) -> Memorisation:
    """Whether generated events lie nearer to the training's events than to others of the same kind.

    For a model that has learned the distribution, a generated event's nearest neighbour is a training event as often as
    a test event, when there are as many of both.

    Args:
        training: (n, d), what the model has seen, standardised.
        test: (n, d), what it has not; the longer of the two is cut.
        generated: (m, d).
    """
    n = min(len(training), len(test))
    seen, unseen = cKDTree(training[:n]), cKDTree(test[:n])
    to_seen, to_unseen = seen.query(generated)[0], unseen.query(generated)[0]
    usual = float(np.median(seen.query(seen.data, 2)[0][:, 1]))
    nearer, ties = float((to_seen < to_unseen).mean()), float((to_seen == to_unseen).mean())
    return Memorisation(
        n_events=len(generated),
        nearer_to_training=nearer + ties / 2,
        error=0.5 / len(generated) ** 0.5,
        copies=float((to_seen < _COPY * usual).mean()),
    )


def standardise(reference: Points, *others: Points) -> list[Points]:
    """All samples in units of the reference's standard deviations, without columns that do not vary."""
    mean, std = reference.mean(axis=0, dtype=np.float64), reference.std(axis=0, dtype=np.float64)
    varies = std > 1e-6 * np.maximum(np.abs(mean), 1e-30)
    return [((x - mean) / np.where(varies, std, 1))[:, varies] for x in (reference, *others)]
