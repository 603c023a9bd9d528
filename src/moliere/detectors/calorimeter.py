"""Calorimeters: layers along the shower axis, each a polar or a Cartesian grid, over a stack of material."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from moliere.detectors.base import Detector, Floats, Ints
from moliere.detectors.grids import CartesianGrid, Grid, PolarGrid
from moliere.errors import DetectorError


@dataclass(frozen=True)
class Plate:
    """One slab of material across the whole face.

    Args:
        material: NIST name, as in :mod:`moliere.detectors.materials`.
        thickness: in mm.
        layer: position in :attr:`Calorimeter.layers` of the layer that this slab belongs to, -1 for none.
        active: whether its deposits are read out.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    material: str
    thickness: float
    layer: int = -1
    active: bool = False


@dataclass(frozen=True)
class Layer:
    """One readout layer.

    Args:
        id: the experiment's own number (ATLAS: 0 PreSamplerB … 23 FCal2).
        grid: the cells; ``None`` marks a layer that the file format lists but nobody reads out.
        name: for labels.
        sampling_fraction: signals are visible energies divided by this.
        z: start and end along the shower axis in mm, where no stack of plates says it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: int
    grid: Grid | None = None
    name: str = ""
    sampling_fraction: float = 1.0
    z: tuple[float, float] | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells, 0 for an unused layer."""
        return self.grid.n_cells if self.grid else 0

    @property
    def label(self) -> str:
        """Name for people."""
        return self.name or f"layer {self.id}"


@dataclass(frozen=True)
class Calorimeter(Detector):
    """A calorimeter as its readout sees it: channels run over layers, then over each layer's cells.

    Args:
        name: catalogue name or a user's own.
        layers: in the order of the channels; unused layers are kept, so that files round-trip.
        stack: material from front to back; needed to simulate, not to train.
        threshold: readout threshold in MeV; the community zeroes smaller signals before any observable.
        particles: PDG identifiers that the layout is meant for, for catalogues.
        description: one sentence, with its source.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    layers: tuple[Layer, ...]
    stack: tuple[Plate, ...] = ()
    threshold: float = 0.0
    particles: tuple[int, ...] = ()
    description: str = ""
    unit: str = "MeV"
    kind: Literal["calorimeter"] = field(default="calorimeter", repr=False)

    def __post_init__(self) -> None:
        """Check once that there is something to read out and that plates point at layers that exist."""
        if not self.read_out:
            raise DetectorError(f"calorimeter {self.name!r} has no layer with cells")
        for plate in self.stack:
            if plate.thickness <= 0:
                raise DetectorError(
                    f"calorimeter {self.name!r}: a {plate.material} plate is {plate.thickness:g} mm thick"
                )
            if not -1 <= plate.layer < len(self.layers):
                raise DetectorError(
                    f"calorimeter {self.name!r}: a plate belongs to layer {plate.layer}, "
                    f"but there are {len(self.layers)} layers"
                )

    @cached_property
    def read_out(self) -> tuple[Layer, ...]:
        """The layers that have cells, in channel order; observables and models count layers like this."""
        return tuple(layer for layer in self.layers if layer.grid is not None)

    @property
    def grids(self) -> tuple[PolarGrid | CartesianGrid, ...]:
        """The grids of the layers that are read out."""
        return tuple(layer.grid for layer in self.read_out if layer.grid is not None)

    @property
    def n_channels(self) -> int:
        """Number of cells in all layers."""
        return int(self.boundaries[-1])

    @cached_property
    def boundaries(self) -> Ints:
        """First channel of each read-out layer and, last, ``n_channels``; shape (n_layers + 1,)."""
        return np.cumsum([0] + [grid.n_cells for grid in self.grids])

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """The channels of each read-out layer."""
        return tuple(slice(int(a), int(b)) for a, b in zip(self.boundaries[:-1], self.boundaries[1:], strict=True))

    @cached_property
    def layer_of_channel(self) -> Ints:
        """Position among :attr:`read_out` of each channel's layer, shape (n_channels,)."""
        return np.repeat(np.arange(len(self.read_out)), np.diff(self.boundaries))

    @cached_property
    def depths(self) -> Floats:
        """Start and end of each read-out layer along the axis in mm, shape (n_layers, 2).

        Taken from the layer, else from the first and last plate of the layer, else NaN.
        """
        faces = np.cumsum([0.0] + [plate.thickness for plate in self.stack])
        spans = np.full((len(self.layers), 2), np.nan)
        for position, layer in enumerate(self.layers):
            inside = [k for k, plate in enumerate(self.stack) if plate.layer == position]
            if layer.z is not None:
                spans[position] = layer.z
            elif inside:
                spans[position] = faces[inside[0]], faces[inside[-1] + 1]
        return spans[[layer.grid is not None for layer in self.layers]]

    @cached_property
    def centres(self) -> Floats:
        """Channel centres (x, y, z) in mm, shape (n_channels, 3); z is NaN where no depth is known."""
        z = self.depths.mean(axis=1)[self.layer_of_channel]
        return np.column_stack([np.concatenate([grid.centres for grid in self.grids]), z])

    @cached_property
    def r(self) -> Floats:
        """Distance of channel centres from the axis in mm, shape (n_channels,)."""
        return np.concatenate([grid.r for grid in self.grids])

    @cached_property
    def alpha(self) -> Floats:
        """Azimuth of channel centres in rad, shape (n_channels,)."""
        return np.concatenate([grid.alpha for grid in self.grids])

    @cached_property
    def volumes(self) -> Floats:
        """Channel volumes in mm³, shape (n_channels,); NaN where no depth is known."""
        depth = np.diff(self.depths, axis=1).ravel()[self.layer_of_channel]
        return np.concatenate([grid.areas for grid in self.grids]) * depth

    def neighbours(self) -> Ints:
        """Pairs of channels of one layer that share a border, shape (n_pairs, 2)."""
        return np.concatenate(
            [grid.neighbours() + start for grid, start in zip(self.grids, self.boundaries[:-1], strict=True)]
        )

    @property
    def is_regular(self) -> bool:
        """Whether every read-out layer has the same grid, so that signals form a dense block."""
        return all(grid == self.grids[0] for grid in self.grids)

    def grid(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Signals as a dense block.

        Args:
            signals: (n_events, n_channels).

        Returns:
            (n_events, n_layers, n_alpha, n_r) or (n_events, n_layers, n_x, n_y), a view where possible.

        Raises:
            DetectorError: the layers differ; use :attr:`slices` instead.
        """
        if not self.is_regular:
            raise DetectorError(f"calorimeter {self.name!r} has layers of different grids; use detector.slices")
        return signals.reshape(len(signals), len(self.read_out), *self.grids[0].shape)

    def layer_energies(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Energy of each read-out layer in MeV: (n_events, n_channels) → (n_events, n_layers)."""
        return np.stack([signals[:, part].sum(axis=1) for part in self.slices], axis=1)

    def describe(self) -> str:
        """A headline and a line a layer."""
        from moliere.detectors.text import describe_calorimeter

        return describe_calorimeter(self)
