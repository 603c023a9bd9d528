"""Whether the rare events are there: how many generated events lie beyond the reference's outermost quantiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy import stats

from moliere.detectors.base import Floats
from moliere.evaluation.evidence import Tail

#: share of the reference in each tail
SHARES = (0.001, 0.005)
#: fewer reference events in a tail say nothing
_LEAST = 10


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
    return float(stats.fisher_exact([[k, n - k], [j, m - j]]).pvalue)
