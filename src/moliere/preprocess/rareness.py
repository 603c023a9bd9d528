"""How rare a muon is: the auxiliary number that generators are trained with and steered by.

References:
    "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from moliere.detectors import catalog
from moliere.detectors.base import Floats, Ints
from moliere.errors import ConfigError, InvalidEvents
from moliere.events import Events
from moliere.events.neighbours import mean_distance
from moliere.events.resample import unweighted_rows
from moliere.preprocess.base import NO_FACTS, Encoding, Facts
from moliere.preprocess.kinematics import check_rows, to_polar

_QUANTITIES = ("r", "z", "pt", "pz")


def half_normal_ranks(values: Floats, weights: Floats | None = None) -> Floats:
    r"""Values → numbers of a half-Gaussian :math:`|N(0, 1)|` in the same order; the smallest gets the nearest to 0.

    With weights, the weighted sample becomes a half-Gaussian. Equal values get the same number, in the middle of their
    ranks.

    Args:
        values: (n,).
        weights: above 0, (n,); 1 each by default.

    Raises:
        InvalidEvents: a weight is not above 0.

    Example:
        >>> half_normal_ranks(np.array([5.0, 70.0, 6.0])).round(2)
        array([0.21, 1.38, 0.67])
    """
    weights = _checked(weights, len(values))
    distinct, where = np.unique(values, return_inverse=True)
    total = np.bincount(where, weights, len(distinct))
    return _half_normal((np.cumsum(total) - total / 2) / total.sum())[where]


def _half_normal(level: Floats) -> Floats:
    """The value below which a half-Gaussian has this share."""
    return np.asarray(ndtri((1 + level) / 2))


class Rareness(Encoding):
    """Mean distance to the nearest neighbours in a reference sample, mapped by rank to a half-Gaussian.

    The rarer a muon, the farther its neighbours: 0 is the commonest, and one in a thousand lies above 3.3. A group of
    several columns gives one number for all of them (the 1-D auxiliary); four groups of one column each give four
    numbers (the 4-D auxiliary). Columns should be scaled alike before.

    Weights count twice: the reference is drawn by weight, no muon twice, and ranks are weighted. Copies of a muon
    (productions re-use muons) count as one muon with the sum of their weights; a muon is not its own neighbour.

    Args:
        groups: positions of columns.
        k: how many neighbours.
        reference_size: most muons in the reference; the draw by weight may leave fewer.
        n_knots: distances that map ranks, evenly spread in the half-Gaussian.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> muons = torch.from_numpy(rng.normal(size=(20_000, 2)))
        >>> rareness = Rareness([(0, 1), (0,)])
        >>> rareness.fit(muons, rng=rng)
        >>> common, rare = rareness(torch.tensor([[0.0, 0.0], [0.0, 4.0]]))
        >>> bool(common[0] < 1 and rare[0] > 3), bool(rare[1] == common[1])
        (True, True)
    """

    reference: Tensor
    distances: Tensor
    highest: Tensor

    def __init__(
        self, groups: Sequence[Sequence[int]], k: int = 3, reference_size: int = 10_000, n_knots: int = 512
    ) -> None:
        super().__init__()
        if not groups or not all(groups) or k < 1 or reference_size <= k:
            raise ConfigError(
                f"rareness of groups {list(map(list, groups))} with {k} neighbours among {reference_size}; expected "
                "groups of at least one column, at least one neighbour, and more muons than neighbours"
            )
        self.groups = tuple(tuple(group) for group in groups)
        self.k = k
        width = 1 + max(map(max, self.groups))
        # rows that the reference does not fill stay NaN
        self.register_buffer("reference", torch.full((reference_size, width), torch.nan, dtype=torch.float64))
        self.register_buffer("distances", torch.zeros(len(groups), n_knots, dtype=torch.float64))
        self.register_buffer("highest", torch.ones((), dtype=torch.float64))
        self._grown: tuple[int, list[Any]] = (-1, [])

    @property
    def n_reference(self) -> int:
        """Number of muons in the reference."""
        return len(self._points())

    def fit(self, values: Tensor, facts: Facts = NO_FACTS, rng: np.random.Generator | None = None) -> None:
        """Draw the reference and learn the distances that ranks have.

        Args:
            values: (n, d), all columns scaled alike.
            facts: weights above 0, where muons have any.
            rng: draws the reference; by default the same every time.

        Raises:
            InvalidEvents: no rows, values that are not finite, weights that are not above 0, or fewer different muons
                than neighbours.
        """
        check_rows(values)
        given = None if facts.weights is None else facts.weights.double().cpu().numpy()
        columns = values[:, : self.reference.shape[1]].double().cpu().numpy()
        muons, total = _merge(columns, _checked(given, len(columns)))
        rows = self._draw_reference(total, rng or np.random.default_rng(0))
        self.reference.fill_(torch.nan)
        self.reference[: len(rows)] = torch.from_numpy(muons[rows])
        self.highest.fill_(float(_half_normal(np.array(1 - 0.5 / len(muons)))))
        found = [weighted_quantiles(d, total, self._levels()) for d in self._mean_distances(muons)]
        self.distances.copy_(torch.from_numpy(np.stack(found)))

    def forward(self, values: Tensor) -> Tensor:
        """(n, d) → rareness (n, n_groups); beyond the rarest muon of the fit in proportion to the distance.

        Raises:
            InvalidEvents: it is not fitted.
        """
        if not self.n_reference:
            raise InvalidEvents("this rareness has no reference sample; fit it, or load a state that is fitted")
        columns = values[:, : self.reference.shape[1]].double().cpu().numpy()
        scores, knots = self._scores(), self.distances.cpu().numpy()
        found = [_score(d, knots[g], scores) for g, d in enumerate(self._mean_distances(columns))]
        return torch.from_numpy(np.stack(found, axis=1)).to(values)

    def _draw_reference(self, weights: Floats, rng: np.random.Generator) -> Ints:
        rows = rng.permutation(unweighted_rows(weights, rng))[: len(self.reference)]
        if len(rows) <= self.k:
            heaviest = 100 * weights.max() / weights.sum()
            raise InvalidEvents(
                f"{len(weights)} different muons, the heaviest with {heaviest:.3g} % of all weight, make a reference "
                f"of {len(rows)}; rareness with {self.k} neighbours needs at least {self.k + 1}: give more muons"
            )
        return rows

    def _mean_distances(self, columns: Floats) -> list[Floats]:
        groups = map(list, self.groups)
        return [mean_distance(tree, columns[:, g], self.k) for tree, g in zip(self._trees(), groups, strict=True)]

    def _trees(self) -> list[Any]:
        """Search trees of the reference, one for each group; built again only for a new reference."""
        from scipy.spatial import cKDTree

        if self._grown[0] != self.reference._version:
            points = self._points()
            self._grown = self.reference._version, [cKDTree(points[:, group]) for group in map(list, self.groups)]
        return self._grown[1]

    def _points(self) -> Floats:
        points = self.reference.cpu().numpy()
        return np.asarray(points[np.isfinite(points[:, 0])])

    def _scores(self) -> Floats:
        return np.linspace(0, float(self.highest), self.distances.shape[1])

    def _levels(self) -> Floats:
        return np.asarray(2 * ndtr(self._scores()) - 1)


def rareness_flux(events: Events, k: int = 3, rng: np.random.Generator | None = None) -> Events:
    """How rare muons are in r, z, pt and pz, each by itself, as events of ``ship-muons-rareness``.

    Args:
        events: a flux in Cartesian or polar form.
        k: how many neighbours.
        rng: draws the reference; by default the same every time.

    Raises:
        InvalidEvents: other columns, or what :meth:`Rareness.fit` does not take.
    """
    polar = events if "theta_pt" in _names(events) else to_polar(events)
    columns = [_names(polar).index(name) for name in _QUANTITIES]
    rows = torch.from_numpy(polar.signals[:, columns].astype(np.float64))
    rareness = Rareness([(column,) for column in range(len(columns))], k)
    weights = None if events.weights is None else torch.from_numpy(np.array(events.weights))
    rareness.fit(rows, Facts(weights=weights), rng)
    signals = rareness(rows).numpy().astype(np.float32)
    return replace(polar, detector=catalog.get("ship-muons-rareness"), signals=signals)


def _names(events: Events) -> list[str]:
    return list(events.detector.column_names)


def _checked(weights: Floats | None, n: int) -> Floats:
    """Weights, 1 each where there are none."""
    if weights is None:
        return np.ones(n)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if len(wrong):
        raise InvalidEvents(
            f"{len(wrong)} of {len(weights)} weights are not above 0 (first: row {wrong[0]}, {weights[wrong[0]]:g}); "
            "drop these muons"
        )
    return weights


def _merge(columns: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Different muons, and the weights of each together."""
    muons, where = np.unique(columns, axis=0, return_inverse=True)
    return np.asarray(muons), np.bincount(where.reshape(-1), weights, len(muons)).astype(np.float64)


def weighted_quantiles(values: Floats, weights: Floats, levels: Floats) -> Floats:
    """Values below which these shares of all weight lie.

    Args:
        values: (n,).
        weights: (n,).
        levels: shares, of any shape.

    Example:
        >>> weighted_quantiles(np.array([3.0, 1.0]), np.array([1.0, 3.0]), np.array([0.1, 0.9])).tolist()
        [1.0, 3.0]
    """
    order = np.argsort(values)
    share = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    return np.asarray(np.interp(levels, share, values[order]))


def _score(distance: Floats, knots: Floats, scores: Floats) -> Floats:
    inside = np.interp(distance, knots, scores)
    farthest = max(knots[-1], np.finfo(np.float64).tiny)
    return np.where(distance > knots[-1], scores[-1] * distance / farthest, inside)
