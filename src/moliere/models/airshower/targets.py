"""What a reconstruction predicts: incident columns ⇄ numbers of order one, an axis as a vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.errors import ConfigError
from moliere.models.base import Loss

#: columns that are predicted together, by the name of what they are
_TOGETHER = {"axis": ("theta", "phi"), "core": ("core_x", "core_y")}
_AXIS = 3


class Targets(nn.Module):
    """Incident columns in groups: ``energy`` by its logarithm, ``axis`` as a unit vector, ``core``, others alone.

    Numbers are standardised over the training events; the columns of a group share one scale.

    Args:
        columns: names of incident columns, in the order of the condition's columns.

    Raises:
        ConfigError: no columns, particles, or half of an axis.

    Example:
        >>> targets = Targets(["phi", "energy", "theta"])
        >>> targets.groups
        {'axis': ('theta', 'phi'), 'energy': ('energy',)}
        >>> targets.widths
        {'axis': 3, 'energy': 1}
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.groups = _group(self.columns)
        self.widths = {name: _AXIS if name == "axis" else len(parts) for name, parts in self.groups.items()}
        width = sum(self.widths.values())
        self.register_buffer("mean", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(width, dtype=torch.float64))

    def fit(self, condition: Tensor) -> None:
        """Take the statistics of training conditions, (n, n_columns) in physical units."""
        values = self._vectors(condition.double())
        self.mean.copy_(values.mean(dim=0))
        variances = values.var(dim=0, correction=0).split([*self.widths.values()])
        scales = [part.mean().sqrt().expand(len(part)) for part in variances]
        scale = torch.cat(scales)
        self.scale.copy_(torch.where(scale > 0, scale, torch.ones_like(scale)))

    def encode(self, condition: Tensor) -> Tensor:
        """(n, n_columns) in physical units → (n, width), float32."""
        return ((self._vectors(condition.double()) - self.mean) / self.scale).float()

    def decode(self, predicted: Tensor) -> Tensor:
        """(n, width) → (n, n_columns) in physical units, float64."""
        values = predicted.double() * self.scale + self.mean
        found: dict[str, Tensor] = {}
        for (name, parts), vector in zip(self.groups.items(), self.split(values).values(), strict=True):
            found |= dict(zip(parts, _columns_of(name, vector), strict=True))
        return torch.stack([found[name] for name in self.columns], dim=1)

    def loss(self, predicted: Tensor, condition: Tensor) -> Loss:
        """Mean squared errors of predictions (n, width) for conditions (n, n_columns), summed over the groups."""
        wanted, found = self.split(self.encode(condition)), self.split(predicted)
        errors = {name: F.mse_loss(found[name], wanted[name]) for name in wanted}
        return Loss(torch.stack([*errors.values()]).sum(), {name: error.item() for name, error in errors.items()})

    def split(self, encoded: Tensor) -> dict[str, Tensor]:
        """(n, width) → group name → (n, group's width)."""
        return dict(zip(self.widths, encoded.split([*self.widths.values()], dim=1), strict=True))

    def _vectors(self, condition: Tensor) -> Tensor:
        """(n, n_columns) → (n, width), not yet standardised."""
        columns = dict(zip(self.columns, condition.unbind(1), strict=True))
        return torch.cat([_vector(name, [columns[part] for part in parts]) for name, parts in self.groups.items()], 1)


def _group(columns: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    if not columns or "pdg_id" in columns:
        raise ConfigError(
            f"a reconstruction predicts numbers, got data.condition = {list(columns)}; choose from energy, theta and "
            "phi, core_x and core_y, xmax, or other columns but pdg_id"
        )
    if len({"theta", "phi"} & set(columns)) == 1:
        raise ConfigError(f"an axis is theta and phi together, got data.condition = {list(columns)}; add the other one")
    groups: dict[str, tuple[str, ...]] = {}
    for column in columns:
        homes = {name: parts for name, parts in _TOGETHER.items() if column in parts}
        groups |= {name: tuple(p for p in parts if p in columns) for name, parts in homes.items()} or {
            column: (column,)
        }
    return groups


def _vector(name: str, columns: list[Tensor]) -> Tensor:
    if name == "energy":
        return columns[0].log()[:, None]
    if name == "axis":
        theta, phi = columns
        return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], dim=1)
    return torch.stack(columns, dim=1)


def _columns_of(name: str, vector: Tensor) -> list[Tensor]:
    if name == "energy":
        return [vector[:, 0].exp()]
    if name == "axis":
        x, y, z = vector.unbind(1)
        return [torch.atan2(torch.hypot(x, y), z), torch.atan2(y, x)]
    return [*vector.unbind(1)]
