"""Everything that is looked at in two samples: one file a kind of finding."""

from __future__ import annotations

from moliere.evaluation.findings import (
    classifiers,
    conditional,
    correlations,
    distances,
    equivalent,
    examples,
    giveaways,
    interpolation,
    layers,
    mean_showers,
    memorisation,
    observables,
    overlap,
    planes,
    response,
    shares,
    tails,
)

__all__ = [
    "classifiers",
    "conditional",
    "correlations",
    "distances",
    "equivalent",
    "examples",
    "giveaways",
    "interpolation",
    "layers",
    "mean_showers",
    "memorisation",
    "observables",
    "overlap",
    "planes",
    "response",
    "shares",
    "tails",
]
