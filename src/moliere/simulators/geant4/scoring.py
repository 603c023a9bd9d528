"""Energies that Geant4's native scorers added up in one event → the channels of the calorimeter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from moliere.detectors.base import Floats, Ints
from moliere.detectors.calorimeter import Calorimeter
from moliere.detectors.grids import Grid
from moliere.simulators.geant4.geometry import Volumes, grid_of


@dataclass(frozen=True)
class CellMap:
    """From the index of a scorer of one grid to channels.

    Geant4 gives ``(plate · n_first + first) · n_second + second``; first and second are ring and sector of a polar
    grid, row and column of a Cartesian one.

    Args:
        grid: of the cells.
        first_channel: of each plate's layer, (n_plates,).
    """

    grid: Grid
    first_channel: Ints

    @property
    def sizes(self) -> tuple[int, int]:
        """(n_first, n_second)."""
        first, second = self.grid.shape
        return (second, first) if self.grid.kind == "polar" else (first, second)

    def depths(self) -> tuple[int, int, int]:
        """How many levels above a cell its plate, first and second number stand in Geant4's tree of volumes."""
        if self.grid.kind != "polar":
            return 3, 1, 0  # plate > block > row > cell
        if self.grid.n_alpha > 1:
            return 2, 1, 0  # plate > ring > cell
        return 1, 0, 2  # plate > ring, and the world (always 0) where a sector would be

    def channels(self, index: Ints) -> Ints:
        """Channel of each index."""
        n_first, n_second = self.sizes
        plate, cell = np.divmod(index, n_first * n_second)
        first, second = np.divmod(cell, n_second)
        return self.first_channel[plate] + self._position(first, second)

    def _position(self, first: Ints, second: Ints) -> Ints:
        n_first, n_second = self.sizes
        if self.grid.kind != "polar":
            return first * n_second + second
        # Geant4 counts sectors from azimuth 0 (for an odd number: from half a sector on), the grid from -pi
        sector = (second + (n_second + 1) // 2) % n_second
        return sector * n_first + first


@dataclass(frozen=True)
class Readout:
    """What one event's maps mean.

    Args:
        detector: with a stack.
    """

    detector: Calorimeter

    @cached_property
    def cell_maps(self) -> dict[Grid, CellMap]:
        """For each distinct grid."""
        stack = self.detector.stack
        grids = {grid for plate in stack if (grid := grid_of(self.detector, plate)) is not None}
        first = self.detector.boundaries[:-1][np.clip(self._layers, 0, None)]
        return {grid: CellMap(grid, first) for grid in sorted(grids, key=repr)}

    @cached_property
    def _layers(self) -> Ints:
        """Position among the read-out layers of each plate, -1 for plates that are not read out."""
        order = {id(layer): k for k, layer in enumerate(self.detector.read_out)}
        layers = self.detector.layers
        return np.array(
            [
                order[id(layers[plate.layer])] if grid_of(self.detector, plate) is not None else -1
                for plate in self.detector.stack
            ]
        )

    @cached_property
    def _scale(self) -> Floats:
        """One over each read-out layer's sampling fraction."""
        return np.array([1 / layer.sampling_fraction for layer in self.detector.read_out])

    @cached_property
    def _channel_scale(self) -> Floats:
        return self._scale[self.detector.layer_of_channel]

    def signals(self, hits: dict[Grid, tuple[Ints, Floats]]) -> Floats:
        """Indices and energies of each grid's map → signals in MeV, (n_channels,)."""
        signals = np.zeros(self.detector.n_channels)
        for grid, (index, energy) in hits.items():
            np.add.at(signals, self.cell_maps[grid].channels(index), energy)
        return signals * self._channel_scale

    def outside(self, plate: Ints, energy: Floats) -> tuple[Floats, float]:
        """What plates hold outside the cells.

        Returns:
            Signal beside the cells of each read-out layer, (n_layers,), and energy in plates without readout; MeV.
        """
        layer = self._layers[plate]
        seen = layer >= 0
        overflow = np.bincount(layer[seen], energy[seen], minlength=len(self._scale)) * self._scale
        return overflow, float(energy[~seen].sum())


def attach_scorers(g4: Any, readout: Readout, volumes: Volumes, construction: Any) -> dict[Grid | None, str]:
    """Attach one native scorer to all cells of a grid, and one to the plates.

    Returns:
        Names of the hit maps: of each grid, and of the plates under ``None``.
    """
    names: dict[Grid | None, str] = {}
    plates = len(readout.detector.stack)
    for number, (grid, cell_map) in enumerate(readout.cell_maps.items()):
        scorer = g4.G4PSEnergyDeposit3D("energy", plates, *cell_map.sizes, *cell_map.depths())
        names[grid] = _attach(g4, f"cells{number}", scorer, volumes.cells[grid], volumes, construction)
    names[None] = _attach(g4, "plates", g4.G4PSEnergyDeposit("energy", 0), volumes.plates, volumes, construction)
    return names


def _attach(g4: Any, name: str, scorer: Any, logical: list[Any], volumes: Volumes, construction: Any) -> str:
    detector = g4.G4MultiFunctionalDetector(name)
    volumes.keep += [scorer, detector]
    g4.G4SDManager.GetSDMpointer().AddNewDetector(detector)
    detector.RegisterPrimitive(scorer)
    for volume in logical:
        construction.SetSensitiveDetector(volume, detector)
    return f"{name}/energy"
