"""Showers of particles that are aimed: which cells lie around the track, and what each cell can expect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from moliere.detectors import Calorimeter
from moliere.models.flow.geometry import critical_energy, is_centred, layer_depths, mirrored, moliere_radius
from moliere.preprocess.frame import LayerWindows, Track
from moliere.preprocess.quantiles import to_logit

#: depths of each layer at which the mean shower is looked at
_DEPTHS = 5
#: widths of the mean shower in Molière radii; each holds a third of the energy of the one before, so 1 / r³ far out
_WIDTHS = (0.25, 0.75, 2.25, 6.75)
#: of the longitudinal profile, in inverse radiation lengths
_FALL = 0.5
#: tables of a layer, one for each step of ln(expected share), from 1 to 1.4e-5
N_TABLES, _STEP = 32, 0.35


class Aim(nn.Module):
    r"""What place and angle of a particle say about the cells.

    A textbook shower along the particle's track, :math:`t^{\,b t_{max}} e^{-bt}` along it and four Gaussians across it,
    tells which share of its layer's energy each cell expects. That is no model of the shower: it only puts cells in
    order, so that those of similar shares can have a table in common
    (:class:`~moliere.models.flow.cell_coder.CellCoder`), wherever the particle is aimed and whatever size cells have.
    What such cells hold is learned.

    The network sees windows of whole cells around the track, and where in its middle cell the track lies. Cells outside
    the windows are left to the tables.

    Args:
        detector: see :meth:`fits`.
        columns: of the condition.
    """

    depths: Tensor
    lengths: Tensor
    across: Tensor
    weights: Tensor
    offset: Tensor
    drift: Tensor
    starts: Tensor

    def __init__(self, detector: Calorimeter, columns: Sequence[str]) -> None:
        super().__init__()
        self.track, self.energy_column = Track(tuple(columns)), list(columns).index("energy")
        self.windows = LayerWindows(
            detector, [(x + 1 - x % 2, y + 1 - y % 2) for x, y in (grid.shape for grid in detector.grids)]
        )
        (middle, thickness), radius = layer_depths(detector), moliere_radius(detector)
        inside = (np.arange(_DEPTHS) + 0.5) / _DEPTHS - 0.5
        size = np.diff(detector.depths, axis=1)
        portions = np.array([1 / 3**k for k in range(len(_WIDTHS))])
        tables = {
            "depths": detector.depths.mean(axis=1)[:, None] + size * inside,
            "lengths": middle[:, None] + thickness[:, None] * inside,
            "across": radius * np.array(_WIDTHS),
            "weights": portions / portions.sum(),
            "offset": self.windows.pitch.numpy() / radius,
            "drift": size / radius,
        }
        for name, values in tables.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64), persistent=False)
        for layer, grid in enumerate(detector.grids):
            for axis, edges in enumerate(grid.edges):
                self.register_buffer(f"edges_{layer}_{axis}", torch.tensor(edges), persistent=False)
        starts = torch.tensor(detector.layer_of_channel) * N_TABLES
        self.register_buffer("starts", starts, persistent=False)
        self.critical_energy = critical_energy(detector)
        self.mirrors = [axis for axis in (0, 1) if all(is_centred(grid, axis) for grid in detector.grids)]
        for axis in self.mirrors:
            self.register_buffer(f"mirror_{axis}", torch.tensor(mirrored(detector, (axis + 1,))), persistent=False)

    @staticmethod
    def fits(detector: Calorimeter, columns: Sequence[str]) -> bool:
        """Whether a condition tells place or angle, and the detector has Cartesian layers of equal cells and depths."""
        widths = [np.diff(edges) for grid in detector.grids for edges in grid.edges]
        return (
            Track(tuple(columns)).is_told
            and all(grid.kind == "cartesian" for grid in detector.grids)
            and all(np.allclose(width, width[0]) for width in widths)
            and bool(np.isfinite(detector.depths).all())
        )

    def tables(self, condition: Tensor) -> Tensor:
        """The number of each cell's table, (n, n_channels)."""
        ring = (self.shares(condition).clamp(min=1e-30).log() / -_STEP).floor().long().clamp(0, N_TABLES - 1)
        return ring + self.starts

    def shares(self, condition: Tensor) -> Tensor:
        """Of its layer's energy that each cell expects, (n, n_channels) float64."""
        along = self._along(condition)
        points = self.track.at(condition, self.depths.flatten()).unflatten(1, self.depths.shape)
        parts = []
        for layer in range(len(self.depths)):
            weights = (along[:, layer, :, None] * self.weights).flatten(1)
            x, y = (self._inside(getattr(self, f"edges_{layer}_{k}"), points[:, layer, :, k]) for k in (0, 1))
            parts.append(((x * weights[:, :, None]).transpose(1, 2) @ y).flatten(1))
        return torch.cat(parts, dim=1)

    def centres(self, condition: Tensor) -> Tensor:
        """Where the mean shower lies in each layer, in mm: (n, n_layers, 2)."""
        return self.track.at(condition, (self._along(condition) * self.depths).sum(2))

    def channels(self, condition: Tensor) -> Tensor:
        """Those of the windows' cells, see :class:`~moliere.preprocess.frame.LayerWindows`."""
        return self.windows.channels(self.centres(condition))

    def vectors(self, condition: Tensor) -> Tensor:
        """From the middle of each window to the shower, and how far the track moves in the layer.

        Both along x and y in Molière radii: (n, n_layers, 4) float32.
        """
        offset = self.windows.offsets(self.centres(condition)) * self.offset
        drift = self.track.slopes(condition)[:, None] * self.drift
        return torch.cat([offset, drift], dim=2).float()

    def mirror(self, signals: Tensor, condition: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Showers and their conditions, half of them with x as -x and half of them with y as -y."""
        for axis in self.mirrors:
            which = torch.rand(len(signals), generator=rng, device=signals.device) < 0.5
            turned = signals[:, getattr(self, f"mirror_{axis}")]
            signals = torch.where(which[:, None], turned, signals)
            condition = self.track.mirror(condition, axis, which)
        return signals, condition

    def _along(self, condition: Tensor) -> Tensor:
        """How much of each layer's energy lies at each of its depths, (n, n_layers, n_depths)."""
        energy = condition[:, self.energy_column].double()
        maximum = (energy / self.critical_energy).clamp(min=2).log()[:, None, None] - 0.5
        return torch.softmax(_FALL * (maximum * self.lengths.log() - self.lengths), dim=2)

    def _inside(self, edges: Tensor, middles: Tensor) -> Tensor:
        """How much of Gaussians around middles (n, n_depths) lies between edges, (n, n_depths · n_widths, n_cells)."""
        below = torch.sigmoid(to_logit((edges - middles[:, :, None, None]) / self.across[:, None]))
        return (below[..., 1:] - below[..., :-1]).flatten(1, 2)


class InWindows(nn.Module):
    """A network of the windows' cells as one of all cells: (x, t, condition, layers, channels) → the shape of x.

    Args:
        windows: around the tracks.
        network: (x, t, condition, layers), of the windows' cells.
    """

    def __init__(self, windows: LayerWindows, network: nn.Module) -> None:
        super().__init__()
        self.windows, self.network = windows, network

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, layers: Tensor, channels: Tensor) -> Tensor:
        """What the network makes; 0 outside the windows."""
        made = self.network(self.windows.gather(x, channels), t, condition, layers)
        return self.windows.scatter(made, channels)
