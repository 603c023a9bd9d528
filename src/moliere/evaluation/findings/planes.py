"""Pairs of observables, and how rare events are in them.

References:
    "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from moliere.detectors.base import Floats
from moliere.evaluation.collect import Collected
from moliere.evaluation.finding import Finding, Metric, findings
from moliere.evaluation.findings.shares import share_of
from moliere.evaluation.samples import Samples
from moliere.evaluation.suites import Suite
from moliere.evaluation.verdicts import judged
from moliere.events.neighbours import mean_distance

#: bins along each axis of a plane
_BINS = 24
#: as published: neighbours, and the reference events among which they are looked for
_NEIGHBOURS, _POINTS = 3, 10_000
#: the rarest of the reference
_RAREST = 0.001
#: fewer of them say nothing
_LEAST = 10


@dataclass(frozen=True)
class Plane:
    """Two observables of both samples in common bins.

    Args:
        names: along x and y.
        labels: for people, with units.
        log: which axes are logarithmic.
        x_edges: increasing.
        y_edges: increasing.
        reference: share of the events in each bin, (n_x, n_y).
        generated: share of the generated events in each bin, (n_x, n_y).
        reference_rareness: mean distance to neighbours in each bin, in spreads of the columns; 0 in empty ones, and no
            rows where nobody asked.
        generated_rareness: the same of the generated events.
    """

    names: tuple[str, str]
    labels: tuple[str, str]
    log: tuple[bool, bool]
    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    reference: tuple[tuple[float, ...], ...]
    generated: tuple[tuple[float, ...], ...]
    reference_rareness: tuple[tuple[float, ...], ...] = ()
    generated_rareness: tuple[tuple[float, ...], ...] = ()


@findings.register("planes")
@dataclass(frozen=True)
class Planes(Finding):
    """Pairs of observables that a suite shows together, and the rate of the rarest events.

    Args:
        planes: the first one with the mean rarity of its bins.
    """

    planes: tuple[Plane, ...]
    title = "Pairs"
    place = 33
    figures = ("rarest",)

    @classmethod
    def look(cls, samples: Samples) -> Planes | None:
        """Where the suite names pairs, or knows what makes an event rare."""
        one, other, suite = samples.reference, samples.generated, samples.suite
        rare = rarity(one, other, suite)
        found, metrics = planes(one, other, suite, rare), tuple(rarity_metrics(rare))
        return cls(found, metrics=metrics) if found or metrics else None


@dataclass(frozen=True)
class Rarity:
    """How rare the events of both samples are, by distance to their neighbours in a part of the reference.

    Args:
        reference: mean distances of the reference, (n,).
        generated: of the generated events, (m,).
    """

    reference: Floats
    generated: Floats


def rarity(reference: Collected, generated: Collected, suite: Suite) -> Rarity | None:
    """Rarity of all kept events; nothing where the suite knows no such thing, or there are too few events."""
    if suite.rareness is None or len(reference) <= 2 * _NEIGHBOURS:
        return None
    one, other = (suite.rareness(sample.kept) for sample in (reference, generated))
    if one.shape[1] == 0:
        return None
    spread = one.std(axis=0)
    scaled = [values / np.where(spread > 0, spread, 1) for values in (one, other)]
    tree = scipy.spatial.cKDTree(scaled[0][:_POINTS])
    return Rarity(*(mean_distance(tree, values, _NEIGHBOURS) for values in scaled))


def rarity_metrics(rare: Rarity | None) -> Iterator[Metric]:
    """By how much the rate of events as rare as the reference's rarest deviates, in percent."""
    if rare is None or _RAREST * len(rare.reference) < _LEAST or len(rare.generated) == 0:
        return
    edge = np.quantile(rare.reference, 1 - _RAREST)
    one, other = (share_of(values > edge) for values in (rare.reference, rare.generated))
    value = 100 * abs(other[0] / one[0] - 1)
    error = 100 * float(np.hypot(other[1], one[1] * other[0] / one[0]) / one[0])
    floor = 100 * one[1] / one[0] * np.sqrt(1 + len(rare.reference) / len(rare.generated))
    yield judged(Metric(
        "rarest", "rate of the rarest 0.1 %", "distribution", value, error, float(np.sqrt(2 / np.pi) * floor),
        float(floor), "%", tolerance=50.0,
        note=f"|generated / reference - 1| beyond the reference's rarest 0.1 %, by distance to {_NEIGHBOURS} "
        "neighbours",
    ))  # fmt: skip


def planes(reference: Collected, generated: Collected, suite: Suite, rare: Rarity | None) -> tuple[Plane, ...]:
    """Every pair of observables that a suite shows together; the first with the mean rarity of its bins."""
    if suite.planes is None:
        return ()
    pairs = [pair for pair in suite.planes(reference.kept.detector) if set(pair) <= reference.observables.keys()]
    return tuple(_plane(pair, reference, generated, suite, rare if k == 0 else None) for k, pair in enumerate(pairs))


def _plane(
    names: tuple[str, str], reference: Collected, generated: Collected, suite: Suite, rare: Rarity | None
) -> Plane:
    described = suite.shown(reference.kept.detector)
    words = [described[name] for name in names]
    binnings = [described[name].bins(reference.observables[name]) for name in names]
    edges = [_coarse(binning.edges, log=binning.log) for binning in binnings]
    counts = [_counts(sample.observables, names, edges) for sample in (reference, generated)]
    means: list[Any] = [(), ()]
    if rare is not None:
        samples = ((reference.observables, rare.reference), (generated.observables, rare.generated))
        means = [_rows(_means(values, names, edges, distances)) for values, distances in samples]
    labels = [f"{word.label} ({word.unit})" if word.unit else word.label for word in words]
    return Plane(
        names, (labels[0], labels[1]), (binnings[0].log, binnings[1].log),
        tuple(edges[0].tolist()), tuple(edges[1].tolist()),
        *(_rows(count / max(len(sample), 1)) for count, sample in zip(counts, (reference, generated), strict=True)),
        *means,
    )  # fmt: skip


def _coarse(edges: Floats, *, log: bool) -> Floats:
    """The same range in fewer bins."""
    between = np.geomspace if log else np.linspace
    return np.asarray(between(edges[0], edges[-1], _BINS + 1))


def _counts(values: Mapping[str, Floats], names: tuple[str, str], edges: list[Floats]) -> Floats:
    return np.asarray(np.histogram2d(values[names[0]], values[names[1]], edges)[0])


def _means(values: Mapping[str, Floats], names: tuple[str, str], edges: list[Floats], distances: Floats) -> Floats:
    """Mean distance in each bin, of as many events as distances are known of; 0 in empty bins."""
    x, y = (values[name][: len(distances)] for name in names)
    total = np.histogram2d(x, y, edges, weights=distances)[0]
    return np.asarray(total / np.maximum(np.histogram2d(x, y, edges)[0], 1))


def _rows(table: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(f"{value:.4g}") for value in row) for row in table)
