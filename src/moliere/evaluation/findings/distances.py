"""Fréchet and kernel physics distance of the observables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from moliere.evaluation.finding import Finding, Metric, Paper, findings
from moliere.evaluation.fpd import fpd
from moliere.evaluation.kpd import kpd
from moliere.evaluation.samples import LEAST_FOR_FPD, Samples
from moliere.evaluation.verdicts import judged

#: pairs of bootstrap samples that floors and errors are taken from
_DRAWS = 5


@findings.register("distances")
@dataclass(frozen=True)
class Distances(Finding):
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
    def look(cls, samples: Samples) -> Distances | None:
        """Nothing where there are too few events."""
        return cls(metrics=tuple(_metrics(samples))) if samples.n_events >= LEAST_FOR_FPD else None


def _metrics(samples: Samples) -> Iterator[Metric]:
    """Floors and sampling errors from bootstrap samples of the reference of the same sizes."""
    one, other = samples.reference.features, samples.generated.features
    rng = np.random.default_rng(samples.seed)
    pairs = [[rng.integers(len(one), size=len(x)) for x in (one, other)] for _ in range(_DRAWS)]
    for name, label, distance in (("fpd", "Fréchet physics distance", fpd), ("kpd", "kernel physics distance", kpd)):
        samples.step(label)
        value, error = distance(one, other)
        floors = np.array([distance(one[first], one[second])[0] for first, second in pairs])
        spread = float(floors.std(ddof=1))
        note = (
            f"on the observables; floor: mean of {_DRAWS} pairs of bootstrap samples of the reference; errors hold the "
            f"spread of these {_DRAWS}"
        )
        yield judged(Metric(
            name, label, "distribution", value, float(np.hypot(error, spread)), float(floors.mean()), spread, note=note
        ))  # fmt: skip
