"""Whether generated events repeat what the model has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from moliere.evaluation.finding import Finding, Headline, Quantity, findings
from moliere.evaluation.findings.overlap import Points, standardise
from moliere.evaluation.samples import Samples

#: a generated event this much nearer to a training event than training events are to each other is a copy
_COPY = 1e-3
#: events of each sample in searches for neighbours, whose time grows faster than their number
_NEIGHBOURS = 5_000


@findings.register("memorisation")
@dataclass(frozen=True)
class Memorisation(Finding):
    """Whether generated events repeat what the model has seen.

    Args:
        n_events: generated events that were looked at.
        nearer_to_training: share whose nearest neighbour is a training event rather than a test event; 0.5 is right.
        error: of the share.
        copies: share of events that are copies of a training event, to rounding.
    """

    n_events: int
    nearer_to_training: float
    error: float
    copies: float
    title = "Memorisation"
    place = 23

    @classmethod
    def look(cls, samples: Samples) -> Memorisation | None:
        """Nothing where the events of the training are not known."""
        if samples.training is None:
            return None
        samples.step("memorisation")
        clouds = (samples.reference, samples.training, samples.generated)
        test, seen, made = standardise(*(cloud.features[:_NEIGHBOURS] for cloud in clouds))
        return memorisation(seen, test, made)

    @property
    def headline(self) -> Headline:
        """The share that lies nearer to the training."""
        return Headline(Quantity(self.nearer_to_training, self.error))

    @property
    def words(self) -> str:
        """What the share means."""
        return (
            "Share of generated events that lie nearer to a training event than to a held-out one; 0.5 is right. "
            f"Copies: {100 * self.copies:.2g} %."
        )


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
    seen, unseen = scipy.spatial.cKDTree(training[:n]), scipy.spatial.cKDTree(test[:n])
    to_seen, to_unseen = seen.query(generated)[0], unseen.query(generated)[0]
    usual = float(np.median(seen.query(seen.data, 2)[0][:, 1]))
    nearer, ties = float((to_seen < to_unseen).mean()), float((to_seen == to_unseen).mean())
    return Memorisation(
        n_events=len(generated),
        nearer_to_training=nearer + ties / 2,
        error=0.5 / len(generated) ** 0.5,
        copies=float((to_seen < _COPY * usual).mean()),
    )
