"""Fréchet and kernel physics distance of the observables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from moliere.evaluation.finding import CutFinding, Metric, Paper, findings
from moliere.evaluation.fpd import Features, fpd
from moliere.evaluation.kpd import kpd
from moliere.evaluation.samples import LEAST_FOR_FPD, Samples
from moliere.evaluation.verdicts import judged

Distance = Callable[[Features, Features], tuple[float, float]]

#: pairs of bootstrap samples that floors and errors are taken from
_DRAWS = 5
_DISTANCES: Mapping[str, tuple[str, Distance]] = {
    "fpd": ("Fréchet physics distance", fpd),
    "kpd": ("kernel physics distance", kpd),
}
#: distance, and number of the pair, from 1; 0 are the samples themselves
Piece = tuple[str, int]


@findings.register("distances")
@dataclass(frozen=True)
class Distances(CutFinding):
    """FPD and KPD; they are metrics."""

    title = "Distances"
    place = 11
    figures = ("fpd", "kpd")
    citations = (
        Paper(
            "Fréchet and kernel physics distance",
            "Evaluating generative models in high energy physics",
            "R. Kansal",
            2023,
            "https://arxiv.org/abs/2211.10295",
        ),
    )

    @classmethod
    def cut(cls, samples: Samples) -> list[Piece]:
        """Each distance, and each of its floors; none where there are too few events."""
        return list(product(_DISTANCES, range(_DRAWS + 1))) if samples.n_events >= LEAST_FOR_FPD else []

    @classmethod
    def piece(cls, samples: Samples, name: Piece) -> tuple[float, float]:
        """Distance and error of the samples, or of a pair of bootstrap samples of the reference of the same sizes."""
        which, draw = name
        label, distance = _DISTANCES[which]
        samples.step(label)
        one, other = samples.reference.features, samples.generated.features
        if draw == 0:
            return distance(one, other)
        rng = np.random.default_rng(samples.seed)
        for _ in range(draw):
            first, second = (rng.integers(len(one), size=len(x)) for x in (one, other))
        return distance(one[first], one[second])

    @classmethod
    def joined(cls, samples: Samples, pieces: Mapping[Piece, tuple[float, float]]) -> Distances:
        """Both metrics."""
        return cls(metrics=tuple(_metrics(pieces)))


def _metrics(pieces: Mapping[Piece, tuple[float, float]]) -> Iterator[Metric]:
    for name, (label, _) in _DISTANCES.items():
        value, error = pieces[name, 0]
        floors = np.array([pieces[name, draw][0] for draw in range(1, _DRAWS + 1)])
        spread = float(floors.std(ddof=1))
        note = (
            f"on the observables; floor: mean of {_DRAWS} pairs of bootstrap samples of the reference; errors hold the "
            f"spread of these {_DRAWS}"
        )
        yield judged(Metric(
            name, label, "distribution", value, float(np.hypot(error, spread)), float(floors.mean()), spread, note=note
        ))  # fmt: skip
