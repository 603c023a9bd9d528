"""The condition of a network: numbers of order one, made from the columns of the incident particle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.errors import ConfigError, InvalidEvents
from moliere.preprocess.base import NO_FACTS, Encoding, Facts

_HARMONICS = 2


class ConditionEncoding(Encoding):
    r"""Incident columns → network condition.

    Energy becomes its logarithm scaled to [-1, 1] over the training range, and a few harmonics of it, so that a small
    network can bend in energy; angles (theta, phi) become sine and cosine; ``pdg_id`` becomes one-hot over the
    particles seen in training; any other column is standardised.

    Args:
        columns: names of the incident columns, in the order of the condition's columns.
        particles: PDG identifiers that ``pdg_id`` may take; seen in training.

    Example:
        >>> encoding = ConditionEncoding(["energy"])
        >>> encoding.fit(torch.tensor([[1e3], [1e5]]))
        >>> encoding(torch.tensor([[1e4]]))[:, 0]
        tensor([0.])
        >>> encoding.width
        5
    """

    low: Tensor
    high: Tensor
    particles: Tensor

    def __init__(self, columns: Sequence[str], particles: Sequence[int] = ()) -> None:
        super().__init__()
        if "energy" not in columns:
            raise ConfigError(f"condition columns are {list(columns)}; 'energy' must be one of them")
        if "pdg_id" in columns and not particles:
            raise ConfigError("the condition has a pdg_id column, but no list of particles that it may take")
        self.columns = tuple(columns)
        self.register_buffer("low", torch.zeros(len(columns), dtype=torch.float64))
        self.register_buffer("high", torch.ones(len(columns), dtype=torch.float64))
        self.register_buffer("particles", torch.tensor(list(particles), dtype=torch.float64), persistent=False)

    @property
    def width(self) -> int:
        """Number of encoded numbers."""
        sizes = {"energy": 1 + 2 * _HARMONICS, "theta": 2, "phi": 2, "pdg_id": len(self.particles)}
        return sum(sizes.get(name, 1) for name in self.columns)

    @property
    def energy_column(self) -> int:
        """Position of the energy among the columns."""
        return self.columns.index("energy")

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Take the range of every column from training conditions (n, n_columns)."""
        values = values.double().clone()
        values[:, self.energy_column] = values[:, self.energy_column].log()
        self.low.copy_(values.amin(0))
        self.high.copy_(values.amax(0))

    def forward(self, values: Tensor) -> Tensor:
        """(n, n_columns) in MeV, rad, … → (n, width) of order one, float32."""
        parts = [self._encode(k, name, values[:, k]) for k, name in enumerate(self.columns)]
        return torch.cat(parts, dim=1).float()

    def _encode(self, k: int, name: str, column: Tensor) -> Tensor:
        if name == "energy":
            x = self._scale(k, column.double().log())
            phases = [math.pi / 2 * (h + 1) * x for h in range(_HARMONICS)]
            return torch.stack([x, *(f(p) for p in phases for f in (torch.sin, torch.cos))], dim=1)
        if name in ("theta", "phi"):
            return torch.stack([column.sin(), column.cos()], dim=1)
        if name == "pdg_id":
            return (column[:, None].double() == self.particles).double()
        return self._scale(k, column.double())[:, None]

    def _scale(self, k: int, values: Tensor) -> Tensor:
        half = ((self.high[k] - self.low[k]) / 2).clamp(min=1e-6)
        return (values - (self.high[k] + self.low[k]) / 2) / half


def condition_matrix(
    incident: Mapping[str, NDArray[Any]], columns: Sequence[str], n_events: int | None = None
) -> NDArray[np.float64]:
    """The incident columns that a model is conditioned on, side by side, in physical units.

    Args:
        incident: name → values (n_events,).
        columns: names; a model of a flux may need none.
        n_events: number of events, needed where there are no columns.

    Returns:
        (n_events, n_columns), float64.

    Raises:
        InvalidEvents: a column is missing.
    """
    missing = [name for name in columns if name not in incident]
    if missing:
        raise InvalidEvents(f"the model needs incident column(s) {missing}, but these events have {sorted(incident)}")
    if not columns:
        return np.zeros((len(next(iter(incident.values()), ())) if n_events is None else n_events, 0))
    return np.stack([np.asarray(incident[name], dtype=np.float64) for name in columns], axis=1)
