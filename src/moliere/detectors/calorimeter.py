"""Calorimeters: layers along the shower axis, each a polar or a Cartesian grid, over a stack of material."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from moliere.detectors import materials
from moliere.detectors.atlas_layers import describe_parts
from moliere.detectors.base import Detector, Floats, Ints, check_size, kinds, of_kind
from moliere.detectors.grids import CartesianGrid, Grid, PolarGrid
from moliere.errors import DetectorError, UnknownName


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


@kinds.register("calorimeter")
@dataclass(frozen=True, repr=False)
class Calorimeter(Detector):
    """A calorimeter as its readout sees it: channels run over layers, then over each layer's cells.

    Args:
        name: catalogue name or a user's own.
        layers: in the order of the channels; unused layers are kept, so that files round-trip.
        stack: material from front to back; needed to simulate, not to train.
        threshold: readout threshold in MeV; the community zeroes smaller signals before any observable.
        particles: PDG identifiers that the layout is meant for, for catalogues.
        description: one sentence, with its source.
        signed: whether signals may be negative, as after the subtraction of a pedestal.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    layers: tuple[Layer, ...]
    stack: tuple[Plate, ...] = ()
    threshold: float = 0.0
    particles: tuple[int, ...] = ()
    description: str = ""
    unit: str = "MeV"
    signed: bool = False
    kind: Literal["calorimeter"] = field(default="calorimeter", repr=False)
    measures_energy: ClassVar[bool] = True
    parts: ClassVar[dict[str, type[Any]]] = {
        "layers": Layer,
        "stack": Plate,
        "polar": PolarGrid,
        "cartesian": CartesianGrid,
    }

    def __post_init__(self) -> None:
        """Check once that there is something to read out and that plates point at layers that exist."""
        where = f"calorimeter {self.name!r}"
        if not self.read_out:
            raise DetectorError(f"{where} has no layer with cells")
        check_size(self)
        if not 0 <= self.threshold < math.inf:
            raise DetectorError(f"{where}: threshold {self.threshold:g} MeV; expected 0 or more")
        for layer in self.layers:
            _check_layer(where, layer)
        for plate in self.stack:
            if not 0 < plate.thickness < math.inf:
                raise DetectorError(f"{where}: a {plate.material} plate is {plate.thickness:g} mm thick")
            if not -1 <= plate.layer < len(self.layers):
                raise DetectorError(
                    f"{where}: a plate belongs to layer {plate.layer}, but there are {len(self.layers)} layers"
                )
        if self.stack:
            self._check_readout(where)

    def _check_readout(self, where: str) -> None:
        """Refuse a stack that nothing reads out: showers would leave no signal, without any message."""
        seen = {plate.layer for plate in self.stack if plate.active}
        if -1 in seen:
            material = next(plate.material for plate in self.stack if plate.active and plate.layer == -1)
            raise DetectorError(
                f"{where}: an active plate of {material} belongs to no layer, so that its signals would be lost; "
                "give its stack a layer = number, counted from 0"
            )
        for position, layer in enumerate(self.layers):
            if layer.grid is not None and position not in seen:
                raise DetectorError(
                    f"{where}: no active plate of the stack belongs to {layer.label}, so that it would never have a "
                    'signal; mark what is read out, as in plates = [["G4_Pb", 1.5], ["G4_lAr", 4.2, "active"]], and '
                    f"give the stack layer = {position}"
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

    @property
    def layer_labels(self) -> tuple[str, ...]:
        """Names of the read-out layers."""
        return tuple(layer.label for layer in self.read_out)

    @property
    def transverse_axes(self) -> tuple[str, str]:
        """Names of the axes across: eta and phi where the layers have the names of ATLAS' barrel, else x and y."""
        barrel = any(layer.name.startswith(("EMB", "TileBar")) for layer in self.layers)
        return ("eta", "phi") if barrel else ("x", "y")

    @property
    def sampling_fractions(self) -> Floats:
        """What each channel's visible energy was divided by, (n_channels,)."""
        return np.array([layer.sampling_fraction for layer in self.read_out])[self.layer_of_channel]

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

    def incomparable_with(self, other: Detector) -> str | None:
        """Channels are compared one by one, so layers must have cells in the same rows and columns."""
        reason = super().incomparable_with(other)
        if type(other) is not type(self):
            return reason
        where = self._first_difference(of_kind(other, Calorimeter, self.name))
        return f"{reason} ({where})" if reason and where else reason or where

    def _first_difference(self, other: Calorimeter) -> str | None:
        for label, grid, own in zip(self.layer_labels, self.grids, other.grids, strict=False):
            if (grid.kind, grid.shape) != (own.kind, own.shape):
                return f"{label} of {self.name} is {_shape(grid)}, of {other.name} {_shape(own)}"
        if len(self.grids) != len(other.grids):
            return f"{self.name} has {len(self.grids)} layers, {other.name} {len(other.grids)}"
        return None

    def displaced_from(self, other: Detector) -> str | None:
        """The first layer whose cells lie elsewhere; the same rings from a list and from equal steps agree."""
        if self.incomparable_with(other) is not None:
            return None
        grids = of_kind(other, Calorimeter, self.name).grids
        for label, grid, own in zip(self.layer_labels, self.grids, grids, strict=True):
            for axis, another in zip(grid.edges, own.edges, strict=True):
                if not np.allclose(axis, another):
                    return f"the cells of {other.name} differ from those of {self.name}, first in {label}"
        return None

    def describe(self) -> str:
        """A headline, a line for each run of equal layers, and what part of ATLAS layers of its names are."""
        lines = [
            f"{self.name}: calorimeter, {self.n_channels} channels in {len(self.read_out)} layers"
            + (f", threshold {self.threshold:g} MeV" if self.threshold else ""),
            *([f"  {self.description}"] if self.description else []),
        ]
        first = 0
        for k in range(1, len(self.layers) + 1):
            if k == len(self.layers) or self.layers[k].grid != self.layers[first].grid:
                start, end = self.layers[first], self.layers[k - 1]
                label = start.label if start is end else f"{start.label} … {end.label}"
                lines.append(f"  {label}: {start.grid.describe() if start.grid else 'not read out'}")
                first = k
        parts = [f"  {line}" for line in self.atlas_parts]
        return "\n".join(lines + parts + ([f"  {self._describe_stack()}"] if self.stack else []))

    @property
    def atlas_parts(self) -> list[str]:
        """What part of ATLAS the layers of its names are, a line a part; none elsewhere."""
        return describe_parts(layer.name for layer in self.layers)

    def _describe_stack(self) -> str:
        depth = sum(plate.thickness for plate in self.stack)
        text = f"{len(self.stack)} plates, {depth:g} mm deep"
        try:
            lengths = [plate.thickness / materials.get(plate.material).radiation_length_mm for plate in self.stack]
        except UnknownName as error:
            return f"{text}; depth in radiation lengths unknown: {error}"
        return f"{text} = {sum(lengths):.1f} X0"


def _check_layer(where: str, layer: Layer) -> None:
    if not 0 < layer.sampling_fraction < math.inf:
        raise DetectorError(f"{where}: {layer.label} has sampling fraction {layer.sampling_fraction:g}; expected > 0")
    if layer.z is not None and not -math.inf < layer.z[0] < layer.z[1] < math.inf:
        raise DetectorError(
            f"{where}: {layer.label} reaches from {layer.z[0]:g} to {layer.z[1]:g} mm; expected z = [start, end] with "
            "start below end"
        )


def _shape(grid: PolarGrid | CartesianGrid) -> str:
    names = ("alpha", "r") if grid.kind == "polar" else ("x", "y")
    return " × ".join(f"{n} {name}" for n, name in zip(grid.shape, names, strict=True))
