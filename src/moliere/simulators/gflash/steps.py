"""The plates that are read out as steps along the shower: their depths, and how much is seen there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from moliere.detectors import materials
from moliere.detectors.base import Floats, Ints
from moliere.detectors.calorimeter import Calorimeter, Plate
from moliere.detectors.materials import Material
from moliere.errors import DetectorError
from moliere.simulators.gflash.medium import Medium, critical_energy, e_over_mip, effective_medium
from moliere.units import cm

#: a shower lives in these first radiation lengths: what lies behind does not shape it
SHOWER_DEPTH = 25.0

#: radial profiles change slowly: a thicker plate is cut into steps of at most so many radiation lengths
_MAX_STEP = 0.25

#: range in g/cm² of the soft electrons that cross the border of two plates: 9 sandwiches of Geant4, see Tuning
_SOFT_RANGE = 0.12


@dataclass(frozen=True)
class Steps:
    """Slices of active plates; every field (k,).

    Args:
        front: depth of the front face in X0, along the plates.
        back: depth of the back face in X0.
        layer: position of the layer among ``detector.read_out``.
        visible: energy seen in the step over what the effective medium takes up between the two depths.
        cell: depth in X0 of the step with the passive material in front of it: what the step samples.
    """

    front: Floats
    back: Floats
    layer: Ints
    visible: Floats
    cell: Floats

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.front)


@dataclass(frozen=True)
class _Slab:
    """A plate with its material's numbers and its place."""

    plate: Plate
    substance: Material
    front: float

    @property
    def depth(self) -> float:
        return _depth(self.plate)

    @property
    def mass(self) -> float:
        return self.plate.thickness * self.substance.density

    @property
    def critical_energy(self) -> float:
        return critical_energy(self.substance.z, self.substance.a, self.substance.radiation_length)


def shower_medium(detector: Calorimeter) -> Medium:
    """The effective medium of the first 25 X0 of a detector's stack.

    Raises:
        DetectorError: the detector has no stack, or nothing in it is active.
    """
    position = _positions(detector)
    if not any(plate.active and position[plate.layer] >= 0 for plate in detector.stack):
        raise DetectorError(
            f"detector {detector.name!r} has no stack with active plates read out, which gflash needs; "
            "describe its plates (material, thickness, layer, active), or choose a detector with materials"
        )
    faces = np.cumsum([0.0] + [_depth(plate) for plate in detector.stack])
    return effective_medium([p for p, front in zip(detector.stack, faces, strict=False) if front < SHOWER_DEPTH])


def readout_steps(detector: Calorimeter, medium: Medium, *, thin_plates: bool = False) -> Steps:
    """Cut the active plates of a detector into steps.

    By Rossi's definition charged tracks lose Ec by ionisation in each radiation length of any material. A
    plate d radiation lengths thick therefore takes up Ec d of a track, the effective medium Ec_eff d of it.
    The visible share is thus Ec / Ec_eff, times e/mip for the soft electrons that an active plate between
    heavier ones does not see, over the layer's sampling fraction.

    Args:
        detector: gives plates and sampling fractions.
        medium: of the same stack.
        thin_plates: weaken e/mip where active plates are thin, see :func:`seen_by_plate`; the paper's does not.

    Returns:
        The steps from front to back.
    """
    position = _positions(detector)
    rows = []
    for slab, passive in _active_slabs(detector.stack):
        place = position[slab.plate.layer]
        if place < 0:
            continue
        transition = _transition(slab, passive)
        if thin_plates:
            transition = seen_by_plate(transition, slab.mass / cm)
        visible = slab.critical_energy / medium.critical_energy * transition
        visible /= detector.read_out[place].sampling_fraction
        cell = slab.depth + sum(other.depth for other in passive)
        rows += _cut(slab, place, visible, cell)
    front, back, layer, share, cells = np.array(rows, dtype=np.float64).T
    return Steps(front, back, layer.astype(np.int64), share, cells)


def seen_by_plate(transition: float, mass: float) -> float:
    """e/mip of an active plate of finite thickness.

    The soft electrons that the absorber releases cross a thin plate and are seen; a thick one stops its own and lacks
    the absorber's. Between the two e/mip goes from 1 to the paper's value, as fitted to Geant4.

    Args:
        transition: e/mip of a thick plate.
        mass: thickness in g/cm².

    Example:
        >>> round(seen_by_plate(0.7, 0.01), 2), round(seen_by_plate(0.7, 10.0), 2)
        (0.98, 0.7)
    """
    return 1 - (1 - transition) * mass / (mass + _SOFT_RANGE)


def active_thickness(detector: Calorimeter) -> float:
    """Mean thickness of the active plates that are read out, in g/cm²."""
    position = _positions(detector)
    slabs = [slab for slab, _ in _active_slabs(detector.stack) if position[slab.plate.layer] >= 0]
    return float(np.mean([slab.mass for slab in slabs])) / cm


def _depth(plate: Plate) -> float:
    substance = materials.get(plate.material)
    return plate.thickness / cm * substance.density / substance.radiation_length


def _positions(detector: Calorimeter) -> list[int]:
    """Position among the read-out layers of each layer; -1, also for the index -1, where there is none."""
    used = np.cumsum([layer.grid is not None for layer in detector.layers]) - 1
    return [int(at) if layer.grid else -1 for at, layer in zip(used, detector.layers, strict=True)] + [-1]


def _active_slabs(stack: Sequence[Plate]) -> Iterator[tuple[_Slab, list[_Slab]]]:
    """Every active plate with the passive plates between it and the active one before."""
    depth, passive = 0.0, list[_Slab]()
    for plate in stack:
        slab = _Slab(plate, materials.get(plate.material), depth)
        depth += slab.depth
        if plate.active:
            yield slab, passive
            passive = []
        else:
            passive.append(slab)


def _transition(slab: _Slab, passive: Sequence[_Slab]) -> float:
    """e/mip of an active plate behind some passive plates; 1 behind none."""
    if not passive:
        return 1.0
    z = np.average([other.substance.z for other in passive], weights=[other.mass for other in passive])
    return e_over_mip(float(z), slab.substance.z)


def _cut(slab: _Slab, place: int, visible: float, cell: float) -> list[tuple[float, ...]]:
    pieces = ceil(slab.depth / _MAX_STEP)
    faces = slab.front + np.linspace(0, slab.depth, pieces + 1)
    return [(low, high, place, visible, cell / pieces) for low, high in pairwise(faces)]
