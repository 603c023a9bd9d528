"""What a comparison shows beyond its figures: where samples differ, in which observable, and what one is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from moliere.evaluation.collect import Collected
from moliere.evaluation.correlations import varying
from moliere.evaluation.equivalent import equivalent_size
from moliere.evaluation.evidence import Giveaway, Memorisation, Reweighting
from moliere.evaluation.figures import LEAST_FOR_CLASSIFIER
from moliere.evaluation.giveaway import give_aways, reweighting
from moliere.evaluation.goodness import conditional_rows
from moliere.evaluation.neighbours import memorisation, standardise
from moliere.evaluation.tails import tails

#: events of each sample in searches for neighbours, whose time grows faster than their number
_NEIGHBOURS = 5_000


def details(
    reference: Collected,
    generated: Collected,
    training: Collected | None,
    bins: Sequence[tuple[float, float]],
    classifier_seeds: int,
    seed: int,
    step: Callable[[str], None],
) -> dict[str, Any]:
    """Fields of a :class:`~moliere.evaluation.result.Report`, by name.

    Args:
        reference: what is right.
        generated: what is judged.
        training: what the model has seen, where that is known.
        bins: closed intervals of the scale in MeV.
        classifier_seeds: 0 leaves out what needs a classifier.
        seed: of every choice.
        step: told the name of each step.
    """
    one, other = reference.observables, generated.observables
    step("energies and tails")
    found: dict[str, Any] = {
        "conditional": tuple(conditional_rows(one, other, (reference.scale, generated.scale), bins)),
        "tails": tuple(tails(one, other)),
    }
    step("equivalent sample size")
    if names := varying(one):
        found["equivalent"] = equivalent_size([one[name] for name in names], [other[name] for name in names], seed)
    if classifier_seeds and min(len(reference), len(generated)) >= LEAST_FOR_CLASSIFIER:
        step("what gives the sample away")
        found["giveaways"], found["reweighting"] = _telling(reference, generated, seed)
    if training is not None:
        step("memorisation")
        found["memorisation"] = _memorisation(reference, generated, training)
    return found


def _telling(reference: Collected, generated: Collected, seed: int) -> tuple[tuple[Giveaway, ...], Reweighting | None]:
    """The observables that a classifier needs, and what its weights do to the first of them."""
    one, other = reference.features, generated.features
    found, weights = give_aways(one, other, reference.feature_names, seed)
    if not found:
        return found, None
    column = list(reference.feature_names).index(found[0].observable)
    first, second = (x[:, column].astype(np.float64) for x in (one, other))
    return found, reweighting(found[0].observable, first, second, weights)


def _memorisation(reference: Collected, generated: Collected, training: Collected) -> Memorisation:
    test, seen, made = standardise(
        reference.features[:_NEIGHBOURS], training.features[:_NEIGHBOURS], generated.features[:_NEIGHBOURS]
    )
    return memorisation(seen, test, made)
