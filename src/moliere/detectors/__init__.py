"""Where signals are read out: detectors, their catalogue and the files that describe them."""

from __future__ import annotations

from pathlib import Path

from moliere.detectors import catalog
from moliere.detectors.base import Detector, kinds, of_kind
from moliere.detectors.binning import is_binning, read_binning, write_binning
from moliere.detectors.calorimeter import Calorimeter, Layer, Plate
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.detectors.phase_space import PhaseSpace
from moliere.detectors.spec import from_spec
from moliere.detectors.surface_array import SurfaceArray
from moliere.detectors.toml import read_toml
from moliere.detectors.xml import read_selected, split_selector

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
    "is_binning",
    "is_file_name",
    "kinds",
    "load",
    "of_kind",
    "read_binning",
    "write_binning",
]


def load(name: str) -> Detector:
    """A detector by its catalogue name, or from a ``.toml`` or ``.xml`` file.

    An XML file with bins for several particles or ranges in |eta| takes a choice behind a colon: ``binning.xml:pion``,
    ``binning.xml:211`` or ``binning.xml:211,eta=0.2``. An HDF5 file holds FastCaloSim's lists of cells.

    Raises:
        UnknownName: no such catalogue name.
        DetectorError: the file cannot be understood.
    """
    if not (is_file_name(name) or is_hdf5_name(name)):
        return catalog.get(name)
    if is_hdf5_name(name):
        return read_binning(Path(name))
    return read_toml(Path(name)) if name.lower().endswith(".toml") else read_selected(name)


def is_hdf5_name(name: str) -> bool:
    """Whether a name is that of an HDF5 file, which may hold FastCaloSim's lists of cells."""
    return name.lower().endswith((".h5", ".hdf5"))


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file which describes a detector, with or without a choice among its bins."""
    return Path(split_selector(name)[0]).suffix.lower() in {".toml", ".xml"}
