"""Whether two samples have the same incident energies, asked while a model is trained on both."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents
from moliere.models.base import Batch
from moliere.units import format_energy

#: batches that are looked at, and the p-value below which energies differ: one in a thousand equal samples would
_LOOKS, _LEAST_P = 40, 2.5e-5


class EnergyMatch:
    """Collects the energies of both samples from the first batches and compares them, each event counted once.

    A batch alone is too small to see a difference, and the samples themselves are not the model's to look at.

    Args:
        column: of the incident energy in the condition; ``None`` where data have no energies, and nothing is compared.
    """

    def __init__(self, column: int | None) -> None:
        self.column = column
        self._looks = 0
        self._seen: tuple[Floats, Floats] = np.empty((0, 2)), np.empty((0, 2))

    def look(self, first: Batch, second: Batch) -> None:
        """Take in the energies of another batch.

        Raises:
            InvalidEvents: they differ; how, and what to do.
        """
        if self.column is None or self._looks == _LOOKS:
            return
        self._looks += 1
        batches = zip(self._seen, (first, second), strict=True)
        one, other = (np.unique(np.concatenate([seen, _rows(b, self.column)]), axis=0) for seen, b in batches)
        self._seen = one, other
        _compare(one[:, 0], other[:, 0])


def _rows(batch: Batch, column: int) -> Floats:
    """Energy and total signal, by which an event that comes again is known: (n, 2)."""
    return np.stack([_numpy(batch.condition[:, column]), _numpy(batch.signals.double().sum(dim=1))], axis=1)


def _numpy(values: Tensor) -> Floats:
    return values.detach().cpu().double().numpy()


def _compare(one: Floats, other: Floats) -> None:
    from scipy.stats import ks_2samp

    test = ks_2samp(one, other, method="asymp")
    if test.pvalue >= _LEAST_P:
        return
    spans = [
        f"{format_energy(e.min())} – {format_energy(e.max())}, mean {format_energy(e.mean())}" for e in (one, other)
    ]
    raise InvalidEvents(
        f"data.events ({spans[0]}) and data.second ({spans[1]}) have different incident energies "
        f"(Kolmogorov-Smirnov distance {test.statistic:.2f}, p = {test.pvalue:.0e}): a refiner would learn them as if "
        "they were the detector's doing. Train with --match-incident, which takes those with the data's energies, or "
        "simulate the data's spectrum; data without energies are trained on with data.condition = []"
    )
