"""A calorimeter's stack of plates as Geant4 volumes, with the cells of read-out plates as native replicas.

A plate is a slab across the whole stack. The cells of a plate that is read out are volumes inside it, so that Geant4
itself says which cell a step is in; native scorers then add up energies without a Python call a step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from moliere.detectors.calorimeter import Calorimeter, Plate
from moliere.detectors.grids import CartesianGrid, Grid, PolarGrid
from moliere.detectors.materials import ALIASES
from moliere.errors import DetectorError

Shape = Literal["box", "cylinder"]
#: the stack reaches at least so far from the axis, in mm: a metre across holds a shower
_SMALLEST_HALF_WIDTH = 500.0
#: beyond the outermost cells
_MARGIN = 1.05


def half_width_of(detector: Calorimeter) -> float:
    """How far plates reach from the axis in mm, where the user does not say."""
    return max(_SMALLEST_HALF_WIDTH, _MARGIN * max(_reach(grid) for grid in detector.grids))


def _reach(grid: PolarGrid | CartesianGrid) -> float:
    if grid.kind == "polar":
        return grid.r_edges[-1]
    return max(abs(edge) for edges in (grid.x_edges, grid.y_edges) for edge in (edges[0], edges[-1]))


def grid_of(detector: Calorimeter, plate: Plate) -> PolarGrid | CartesianGrid | None:
    """The cells of a plate; ``None`` where nothing is read out."""
    return detector.layers[plate.layer].grid if plate.active and plate.layer >= 0 else None


@dataclass
class Volumes:
    """Logical volumes by what is scored in them.

    Args:
        world: the physical world.
        plates: logical volumes of the plates themselves, cells excluded.
        cells: logical volumes of the cells of each grid.
        keep: everything that Geant4 points to but does not own.
    """

    world: Any = None
    plates: list[Any] = field(default_factory=list)
    cells: dict[Grid, list[Any]] = field(default_factory=dict)
    keep: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Builder:
    """Places plates and cells.

    Args:
        g4: the module ``geant4_pybind``.
        detector: with a stack.
        half_width: of the plates in mm.
        shape: of the plates.
    """

    g4: Any
    detector: Calorimeter
    half_width: float
    shape: Shape

    def build(self) -> Volumes:
        """All volumes, plates from z = 0 on in a vacuum.

        Raises:
            DetectorError: a material that Geant4 does not know.
        """
        volumes = Volumes()
        world = self._world(volumes)
        shared: dict[tuple[str, float, Grid | None], Any] = {}
        z = 0.0
        for number, plate in enumerate(self.detector.stack):
            grid = grid_of(self.detector, plate)
            key = (plate.material, plate.thickness, grid)
            if key not in shared:
                shared[key] = self._plate(volumes, plate, grid)
            self._place(volumes, shared[key], world, number, z=z + plate.thickness / 2)
            z += plate.thickness
        return volumes

    def _world(self, volumes: Volumes) -> Any:
        g4 = self.g4
        depth = sum(plate.thickness for plate in self.detector.stack) + 100
        solid = self._keep(volumes, g4.G4Box("world", 1.2 * self.half_width, 1.2 * self.half_width, depth))
        logical = self._keep(volumes, g4.G4LogicalVolume(solid, self._material("G4_Galactic"), "world"))
        volumes.world = self._keep(
            volumes, g4.G4PVPlacement(None, g4.G4ThreeVector(), logical, "world", None, False, 0)
        )
        return logical

    def _plate(self, volumes: Volumes, plate: Plate, grid: Grid | None) -> Any:
        half, g4 = self.half_width, self.g4
        if self.shape == "cylinder":
            solid = g4.G4Tubs("plate", 0, half, plate.thickness / 2, 0, 2 * math.pi)
        else:
            solid = g4.G4Box("plate", half, half, plate.thickness / 2)
        material = self._material(plate.material)
        logical = self._logical(volumes, solid, material)
        volumes.plates.append(logical)
        if grid is not None:
            fill = self._fill_polar if grid.kind == "polar" else self._fill_cartesian
            cells = fill(volumes, logical, grid, material, plate.thickness / 2)
            volumes.cells.setdefault(grid, []).extend(cells)
        return logical

    def _fill_polar(self, volumes: Volumes, plate: Any, grid: Any, material: Any, half: float) -> list[Any]:
        """Rings, each a volume of its own as they differ, replicated in azimuth."""
        g4, width = self.g4, 2 * math.pi / grid.n_alpha
        # sectors begin at -pi, Geant4's replicas at 0: for an odd number they differ by half a sector
        turn = self._keep(volumes, g4.G4RotationMatrix())
        turn.rotateZ(-width / 2 if grid.n_alpha % 2 else 0.0)
        cells = []
        for number, (low, high) in enumerate(pairwise(grid.r_edges)):
            ring = self._logical(volumes, g4.G4Tubs("ring", low, high, half, 0, 2 * math.pi), material)
            self._place(volumes, ring, plate, number, turn=turn)
            if grid.n_alpha > 1:
                cell = self._logical(volumes, g4.G4Tubs("cell", low, high, half, 0, width), material)
                self._keep(volumes, g4.G4PVReplica("cell", cell, ring, g4.kPhi, grid.n_alpha, width))
                cells.append(cell)
            else:
                cells.append(ring)
        return cells

    def _fill_cartesian(self, volumes: Volumes, plate: Any, grid: Any, material: Any, half: float) -> list[Any]:
        """A block over the grid, cut into rows of x, each cut into cells of y."""
        (x, dx), (y, dy) = (_middle_and_half(edges) for edges in (grid.x_edges, grid.y_edges))
        block = self._logical(volumes, self.g4.G4Box("block", dx, dy, half), material)
        self._place(volumes, block, plate, 0, x=x, y=y)
        cells = []
        for row, row_half in self._cut(volumes, block, grid.x_edges, 0, (dx, dy, half), material):
            cells += [cell for cell, _ in self._cut(volumes, row, grid.y_edges, 1, (row_half, dy, half), material)]
        return cells

    def _cut(
        self, volumes: Volumes, mother: Any, edges: tuple[float, ...], axis: int, size: Iterable[float], material: Any
    ) -> list[tuple[Any, float]]:
        """Cut a box along x (0) or y (1): one replicated volume where cells are equal, else one for each.

        Returns:
            Logical volumes with their half width along the axis.
        """
        g4, widths = self.g4, np.diff(edges)
        middle = (edges[0] + edges[-1]) / 2
        halves = [widths[0] / 2] if np.allclose(widths, widths[0]) else list(widths / 2)
        pieces = []
        for number, half in enumerate(halves):
            box = list(size)
            box[axis] = float(half)
            piece = self._logical(volumes, g4.G4Box("piece", *box), material)
            if len(halves) == 1:
                direction = (g4.kXAxis, g4.kYAxis)[axis]
                self._keep(volumes, g4.G4PVReplica("piece", piece, mother, direction, len(widths), 2 * float(half)))
            else:
                at = float(edges[number] + half - middle)
                self._place(volumes, piece, mother, number, **{"xy"[axis]: at})
            pieces.append((piece, float(half)))
        return pieces

    def _material(self, name: str) -> Any:
        material = self.g4.G4NistManager.Instance().FindOrBuildMaterial(ALIASES.get(name, name))
        if material is None:
            raise DetectorError(
                f"calorimeter {self.detector.name!r}: Geant4 has no material {name!r}; take a NIST name such as G4_Pb, "
                "G4_lAr, G4_POLYSTYRENE (Geant4's material database)"
            )
        return material

    def _logical(self, volumes: Volumes, solid: Any, material: Any) -> Any:
        return self._keep(volumes, self.g4.G4LogicalVolume(self._keep(volumes, solid), material, solid.GetName()))

    def _place(
        self,
        volumes: Volumes,
        logical: Any,
        mother: Any,
        number: int,
        *,
        x: float = 0.0,
        y: float = 0.0,
        z: float = 0.0,
        turn: Any = None,
    ) -> None:
        at = self.g4.G4ThreeVector(x, y, z)
        self._keep(volumes, self.g4.G4PVPlacement(turn, at, logical, logical.GetName(), mother, False, number))

    @staticmethod
    def _keep(volumes: Volumes, thing: Any) -> Any:
        volumes.keep.append(thing)
        return thing


def _middle_and_half(edges: tuple[float, ...]) -> tuple[float, float]:
    return (edges[0] + edges[-1]) / 2, (edges[-1] - edges[0]) / 2
