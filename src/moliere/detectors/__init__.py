"""Where signals are read out: detectors, their catalogue and the files that describe them."""

from __future__ import annotations

from pathlib import Path

from moliere.detectors import catalog
from moliere.detectors.base import Detector
from moliere.detectors.calorimeter import Calorimeter, Layer, Plate
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.detectors.phase_space import PhaseSpace
from moliere.detectors.spec import from_spec
from moliere.detectors.surface_array import SurfaceArray
from moliere.detectors.toml import read_toml
from moliere.detectors.xml import read_xml

__all__ = [
    "Calorimeter",
    "CartesianGrid",
    "Detector",
    "Layer",
    "PhaseSpace",
    "Plate",
    "PolarGrid",
    "SurfaceArray",
    "catalog",
    "from_spec",
    "load",
]


def load(name: str) -> Detector:
    """A detector by its catalogue name, or from a ``.toml`` or ``.xml`` file.

    Raises:
        UnknownName: no such catalogue name.
        DetectorError: the file cannot be understood.
    """
    readers = {".toml": read_toml, ".xml": read_xml}
    reader = readers.get(Path(name).suffix.lower())
    return reader(Path(name)) if reader else catalog.get(name)
