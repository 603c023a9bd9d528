"""Whether the rare events are there: how many generated events lie beyond the reference's outermost quantiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy

from moliere.detectors.base import Floats
from moliere.evaluation.finding import Finding, Listing, Quantity, findings
from moliere.evaluation.samples import Samples
from moliere.evaluation.suites.base import label_of

#: share of the reference in each tail
SHARES = (0.001, 0.005)
#: fewer reference events in a tail say nothing
_LEAST = 10
#: so many are shown
_SHOWN = 10


@dataclass(frozen=True)
class Tail:
    """How many events lie beyond an outermost quantile of the reference.

    Args:
        observable: stable identifier.
        share: of the reference beyond the edge, by definition of it.
        upper: which end.
        edge: the quantile of the reference.
        generated_edge: the same quantile of the generated events.
        reference_fraction: beyond the edge.
        generated_fraction: beyond the edge.
        p_value: of both rates being the same (Fisher's exact test).
        label: of the observable, for people.
    """

    observable: str
    share: float
    upper: bool
    edge: float
    generated_edge: float
    reference_fraction: float
    generated_fraction: float
    p_value: float
    label: str = ""


@findings.register("tails")
@dataclass(frozen=True)
class Tails(Finding):
    """How many events lie in the tails of every observable.

    Args:
        rows: one a tail.
    """

    rows: tuple[Tail, ...]
    title = "Tails"
    place = 27

    @classmethod
    def look(cls, samples: Samples) -> Tails | None:
        """All observables of both samples."""
        samples.step("tails")
        shown = samples.suite.shown(samples.reference.kept.detector)
        found = tails(samples.reference.observables, samples.generated.observables)
        rows = tuple(replace(tail, label=label_of(tail.observable, shown)) for tail in found)
        return cls(rows) if rows else None

    @property
    def words(self) -> str:
        """What is shown."""
        return f"Events beyond the reference's outermost quantiles; the ten that agree least of {len(self.rows)}."

    @property
    def listings(self) -> tuple[Listing, ...]:
        """Those that agree least."""
        worst = sorted(self.rows, key=lambda tail: tail.p_value)[:_SHOWN]
        header = ("observable", "beyond", "reference", "generated", "p")
        return (Listing(header, tuple(self._row(tail) for tail in worst)),)

    def _row(self, tail: Tail) -> tuple[str | Quantity, ...]:
        shares = (f"{100 * share:.2f} %" for share in (tail.reference_fraction, tail.generated_fraction))
        p_value = Quantity(tail.p_value, p_value=min(1.0, tail.p_value * len(self.rows)))
        return (tail.label or tail.observable, f"{'>' if tail.upper else '<'} {tail.edge:.3g}", *shares, p_value)


def tails(reference: Mapping[str, Floats], generated: Mapping[str, Floats]) -> Iterator[Tail]:
    """All tails of all observables that have enough events.

    Args:
        reference: name → values, (n,).
        generated: name → values, (m,).
    """
    for name, values in reference.items():
        for share in SHARES:
            if share * len(values) >= _LEAST and len(generated[name]) and np.ptp(values) > 0:
                yield _tail(name, share, values, generated[name], upper=False)
                yield _tail(name, share, values, generated[name], upper=True)


def _tail(name: str, share: float, reference: Floats, generated: Floats, *, upper: bool) -> Tail:
    edge = float(np.quantile(reference, 1 - share if upper else share))
    beyond = [int(np.count_nonzero(x > edge if upper else x < edge)) for x in (reference, generated)]
    own = float(np.quantile(generated, 1 - share if upper else share))
    return Tail(
        observable=name,
        share=share,
        upper=upper,
        edge=edge,
        generated_edge=own,
        reference_fraction=beyond[0] / len(reference),
        generated_fraction=beyond[1] / len(generated),
        p_value=same_rate(beyond[0], len(reference), beyond[1], len(generated)),
    )


def same_rate(k: int, n: int, j: int, m: int) -> float:
    """P-value of k of n and j of m being the same rate: exact, given k + j (Fisher)."""
    return float(scipy.stats.fisher_exact([[k, n - k], [j, m - j]]).pvalue)
