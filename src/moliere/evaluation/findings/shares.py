"""Shares of events that users count, such as those with a momentum above a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from moliere.detectors.base import Floats
from moliere.evaluation.collect import Collected
from moliere.evaluation.finding import Finding, Listing, Quantity, findings
from moliere.evaluation.findings.tails import same_rate
from moliere.evaluation.samples import Samples
from moliere.evaluation.suites import Suite


@dataclass(frozen=True)
class Share:
    """How many events of both samples have something in common, such as a momentum above a threshold.

    Args:
        label: what they have, in words.
        reference: share of the reference.
        reference_error: one standard deviation, binomial.
        generated: share of the generated events.
        generated_error: error of the generated share.
        p_value: of both shares being the same (Fisher's exact test).
    """

    label: str
    reference: float
    reference_error: float
    generated: float
    generated_error: float
    p_value: float


@findings.register("shares")
@dataclass(frozen=True)
class Shares(Finding):
    """Shares of all events that a suite counts.

    Args:
        rows: one a kind of events.
    """

    rows: tuple[Share, ...]
    title = "What users count"
    place = 26

    @classmethod
    def look(cls, samples: Samples) -> Shares | None:
        """Where the suite counts something."""
        rows = share_rows(samples.reference, samples.generated, samples.suite)
        return cls(rows) if rows else None

    @property
    def words(self) -> str:
        """What the numbers are."""
        return "Shares of all events, with binomial errors."

    @property
    def listings(self) -> tuple[Listing, ...]:
        """One row a kind of events."""
        rows = tuple(
            (
                row.label,
                Quantity(100 * row.reference, 100 * row.reference_error, "%"),
                Quantity(100 * row.generated, 100 * row.generated_error, "%"),
                Quantity(row.p_value, p_value=min(1.0, row.p_value * len(self.rows))),
            )
            for row in self.rows
        )
        return (Listing(("events", "reference", "generated", "p"), rows),)


def share_rows(reference: Collected, generated: Collected, suite: Suite) -> tuple[Share, ...]:
    """Shares of the events that a suite counts."""
    if suite.shares is None:
        return ()
    first, second = (suite.shares(sample.observables) for sample in (reference, generated))
    return tuple(_share(label, first[label], second[label]) for label in first)


def _share(label: str, one: Any, other: Any) -> Share:
    first, second = (share_of(mask) for mask in (one, other))
    p_value = same_rate(int(one.sum()), len(one), int(other.sum()), len(other))
    return Share(label, *first, *second, p_value)


def share_of(chosen: Any, weights: Floats | None = None) -> tuple[float, float]:
    r"""Share of events that are chosen, and its error.

    .. math:: f = \frac{\sum w_i c_i}{\sum w_i}, \quad \sigma_f = \frac{\sqrt{\sum w_i^2 (c_i - f)^2}}{\sum w_i}

    Args:
        chosen: whether an event is, (n,).
        weights: of the events; 1 each by default.

    Example:
        >>> share_of(np.array([True, False, False, False]))
        (0.25, 0.216...)
    """
    weights = np.ones(len(chosen)) if weights is None else weights
    share = float(weights @ chosen / weights.sum())
    return share, float(np.sqrt(np.sum((weights * (chosen - share)) ** 2)) / weights.sum())
