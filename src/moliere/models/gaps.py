"""Gaps in a training sample: a model makes something of energies between 1 and 10 GeV that it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: neighbouring energies further apart than by this factor leave a gap; models interpolate over a factor of 4 (with the
#: photons of 8.2 GeV left out, those of 4.1 and 16.4 GeV are neighbours)
_FACTOR = 4.1
#: neighbouring values of another column further apart than this share of its range leave a gap
_SHARE = 0.5

Gap = tuple[float, float]


def gaps_in(incident: Mapping[str, ArrayLike], columns: Sequence[str]) -> dict[str, list[Gap]]:
    """The widest steps between neighbouring values of condition columns, where they are too wide to interpolate.

    Args:
        incident: columns of the training sample.
        columns: those that the model is conditioned on; particles have no order and so no gaps.

    Returns:
        Both ends of each gap by column, in MeV, rad, …; nothing of columns without gaps.

    Example:
        >>> gaps_in({"energy": [1e3, 1e4, 2e4], "theta": [1.0, 1.1, 1.2]}, ["energy", "theta"])
        {'energy': [(1000.0, 10000.0)]}
    """
    found = {name: _gaps(name, np.unique(np.asarray(incident[name], dtype=np.float64))) for name in columns}
    return {name: gaps for name, gaps in found.items() if gaps and name != "pdg_id"}


def _gaps(name: str, values: NDArray[np.float64]) -> list[Gap]:
    low, high = values[:-1], values[1:]
    if name == "energy":
        wide = high > _FACTOR * low
    else:
        wide = high - low > (_SHARE + 1e-6) * np.ptp(values) if len(values) else np.zeros(0, bool)
    return [(float(one), float(other)) for one, other in zip(low[wide], high[wide], strict=True)]


def in_gaps(values: NDArray[np.float64], gaps: Sequence[Sequence[Any]], slack: float) -> NDArray[np.bool_]:
    """Which values lie inside a gap, further from both ends than the relative slack."""
    inside = np.zeros(np.shape(values), dtype=np.bool_)
    for low, high in gaps:
        inside |= (values > low + slack * abs(low)) & (values < high - slack * abs(high))
    return inside
