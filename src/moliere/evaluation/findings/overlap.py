"""Whether generated events cover the reference: precision, recall, density and coverage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from moliere.evaluation.finding import Finding, Metric, Paper, findings
from moliere.evaluation.neighbours import Coverage, coverage, standardise
from moliere.evaluation.samples import LEAST_FOR_FPD, Samples
from moliere.evaluation.verdicts import judged

#: events of each sample in searches for neighbours, whose time grows faster than their number
_NEIGHBOURS = 3_000


@findings.register("overlap")
@dataclass(frozen=True)
class Overlap(Finding):
    """How the clouds of both samples overlap; they are all metrics."""

    title = "Overlap"
    place = 12
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
    for name in ("precision", "recall", "density", "coverage"):
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
