"""FairShip's muon ntuple: a ROOT tree with a row a muon, as its background generators read and write it.

Momenta are in GeV and positions in m. Of the branches ``id`` (13 is a muon of charge -1), ``w``, ``x``, ``y``, ``z``,
``px``, ``py`` and ``pz`` are the flux; the rest (``event_id``, ``parentid``, ``pythiaid``, ``ecut``, ``release_time``,
``mother_id``, ``process_id``) comes along as extras, and is made up where it is missing.

References:
    "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector, PhaseSpace, catalog, of_kind
from moliere.detectors.base import Floats, Ints
from moliere.errors import FormatError
from moliere.events.events import Events
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.joint import Extras, JointFile
from moliere.events.formats.published import left_out
from moliere.events.formats.root import by_ranges, has_tree_with, only_tree, opening, writer_of
from moliere.units import GeV, m

TREE, PARTICLE, WEIGHT = "pythia8-Geant4", "id", "w"
_UNITS = {"x": m, "y": m, "z": m, "px": GeV, "py": GeV, "pz": GeV}
_COLUMNS = ("charge", *_UNITS)
_BRANCHES = (PARTICLE, WEIGHT, *_UNITS)
#: what FairShip's own reader expects beside the flux, in single precision
_EXTRAS = ("event_id", "parentid", "pythiaid", "ecut", "release_time", "mother_id", "process_id")
_MUON = 13
#: SHiP's target lies 71 m before the origin; positions beyond this are cm or mm
_FARTHEST = 500.0  # m


def sniff(path: Path) -> bool:
    """Whether a file is ROOT with a tree of the flux's branches."""
    return has_tree_with(path, _BRANCHES)


class FairShipFile(JointFile):
    """Muons of a ROOT tree.

    Args:
        path: the file.
        detector: the user's own phase space with columns charge, x, y, z, px, py, pz; ``ship-muons`` by default.

    Raises:
        FormatError: not ROOT, truncated, no tree (or several) with these branches, particles that are no muons, weights
            that are not positive, positions that are no metres.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        detector = _phase_space(path, detector or catalog.get("ship-muons"))
        self._columns = detector.columns
        with opening(path) as file:
            self._tree, tree = only_tree(path, file, _BRANCHES, ", ".join(_BRANCHES))
            self._present = [name for name in _EXTRAS if name in tree.keys()]  # noqa: SIM118  a tree is no mapping
            particle, weights, z = (tree[name].array(library="np") for name in (PARTICLE, WEIGHT, "z"))
        _check_muons(path, particle)
        _check_weights(path, weights)
        _check_metres(path, z)
        super().__init__(path, detector, len(weights), {}, weights.astype(np.float64))

    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Columns of the flux in mm and MeV, (n_rows, 7), and the further branches."""
        with opening(self.path) as file:
            parts = by_ranges(rows, len(self), partial(self._read, file[self._tree]))
        signals = np.concatenate([part[0] for part in parts])
        return signals, {name: np.concatenate([part[1][name] for part in parts]) for name in self._present}

    def _read(self, tree: Any, first: int, stop: int, wanted: Ints) -> tuple[NDArray[np.float32], Extras]:
        names = [PARTICLE, *_UNITS, *self._present]
        columns = tree.arrays(names, entry_start=first, entry_stop=stop, library="np")
        flux = {name: columns[name][wanted] * unit for name, unit in _UNITS.items()}
        flux["charge"] = -np.sign(columns[PARTICLE][wanted])
        signals = np.stack([flux[column.name] for column in self._columns], axis=1).astype(np.float32)
        return signals, {name: columns[name][wanted] for name in self._present}


def _phase_space(where: str | Path, detector: Detector) -> PhaseSpace:
    if set(detector.column_names) != set(_COLUMNS):
        raise FormatError(f"{where} holds {', '.join(_COLUMNS)}; detector {detector.name} does not: use ship-muons")
    return of_kind(detector, PhaseSpace, str(where), FormatError)


def _check_muons(path: Path, particle: NDArray[Any]) -> None:
    others = particle[np.abs(particle) != _MUON]
    if len(others):
        kinds = ", ".join(str(int(number)) for number in np.unique(others)[:5])
        raise FormatError(f"{path}: {len(others)} of {len(particle)} rows are no muons (id {kinds}); select ±13")


def _check_weights(path: Path, weights: Floats) -> None:
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if len(wrong):
        raise FormatError(
            f"{path}: {len(wrong)} of {len(weights)} weights are not positive (first: row {wrong[0]}, "
            f"w = {weights[wrong[0]]:g}); drop these rows"
        )


def _check_metres(path: Path, z: Floats) -> None:
    far = float(np.median(np.abs(z))) if len(z) else 0.0
    if far > _FARTHEST:
        unit, factor = ("cm", 100) if far < 100 * _FARTHEST else ("mm", 1000)
        raise FormatError(f"{path}: z is {far:.0f} in the median, which looks like {unit}; divide by {factor}")


def _branches(events: Events, written: int) -> dict[str, NDArray[Any]]:
    space = _phase_space("format 'fairship'", events.detector)
    flux = {column.name: events.signals[:, k].astype(np.float64) for k, column in enumerate(space.columns)}
    particle = np.where(flux["charge"] < 0, _MUON, -_MUON)
    columns: dict[str, NDArray[Any]] = {name: flux[name] / unit for name, unit in _UNITS.items()}
    columns[PARTICLE] = particle.astype(np.float32)
    columns[WEIGHT] = np.ones(len(events)) if events.weights is None else events.weights
    # what FairShip reads beside the flux: as it came, else numbered rows, muons' own identifiers and zeros
    made_up = {"event_id": written + np.arange(len(events)), "pythiaid": particle}
    zeros = np.zeros(len(events))
    further = {name: events.extras.get(name, made_up.get(name, zeros)) for name in _EXTRAS}
    return columns | {name: values.astype(np.float32) for name, values in further.items()}


formats.register("fairship")(
    Format(
        summary="FairShip muon ntuple (ROOT tree; id, w, x, y, z in m, px, py, pz in GeV)",
        extensions=(".root",),
        sniff=sniff,
        open=FairShipFile,
        create=writer_of(TREE, _branches, partial(_phase_space, "format 'fairship'")),
        kinds=("phase-space",),
        losses=partial(left_out, columns=(), extras=_EXTRAS, weights=True, provenance=False),
    )
)
