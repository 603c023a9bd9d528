"""ROOT trees of hits, an event an entry, put into any calorimeter.

A tree has jagged branches with the energy of each hit and with its channel, or its x, y and z (z along the shower axis
from the calorimeter's face, x and y across it), and a branch with the incident energy. Nothing in a ROOT file says
which is which, so names are looked for, in this order:

============== =====================================================================================
channel        hit_channel, hit_cell, cell_index, channel, cell
x, y, z        hit_x, cell_x, pos_x, x; and the same with y and z
hit energy     hit_energy, hit_e, hit_edep, cell_energy, cell_e, edep, e
incident       incident_energy, primary_energy, beam_energy, mc_energy, true_energy, TotalEnergy, energy
============== =====================================================================================

A channel is preferred to a position. Energies are taken as MeV and lengths as mm. :class:`HitBranches` says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Ints
from moliere.errors import FormatError
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.joint import Extras, JointFile
from moliere.events.formats.published import calorimeter
from moliere.events.formats.root import by_ranges, describe, is_root, opening, trees
from moliere.events.voxelise import OUTSIDE, Voxels, channels_at, collect, layers_at
from moliere.units import MeV, mm

_CHANNELS = ("hit_channel", "hit_cell", "cell_index", "channel", "cell")
_POSITIONS = tuple((f"{prefix}x", f"{prefix}y", f"{prefix}z") for prefix in ("hit_", "cell_", "pos_", ""))
_HIT_ENERGIES = ("hit_energy", "hit_e", "hit_edep", "cell_energy", "cell_e", "edep", "e")
_INCIDENTS = (
    *("incident_energy", "primary_energy", "beam_energy", "mc_energy", "true_energy"),
    *("TotalEnergy", "energy"),
)


@dataclass(frozen=True)
class HitBranches:
    """Which branches hold what, in which units.

    Args:
        incident: incident energy, a number an event.
        energy: energy of the hits, jagged.
        where: the branch of channels, or those of x, y and z, jagged.
        tree: name of the tree; by default the only one with these branches.
        incident_unit: unit of the incident energy.
        energy_unit: unit of the hits' energies.
        length_unit: unit of positions.

    Example:
        >>> from moliere.units import GeV, cm
        >>> HitBranches("E_beam", "dE", ("X", "Y", "Z"), incident_unit=GeV, length_unit=cm).where
        ('X', 'Y', 'Z')
    """

    incident: str
    energy: str
    where: tuple[str] | tuple[str, str, str]
    tree: str | None = None
    incident_unit: float = MeV
    energy_unit: float = MeV
    length_unit: float = mm

    @property
    def hits(self) -> tuple[str, ...]:
        """The jagged branches."""
        return self.energy, *self.where


def find_branches(names: Collection[str]) -> HitBranches | None:
    """Branches of a tree by their usual names; ``None`` where one is missing.

    Example:
        >>> find_branches(["event", "energy", "hit_x", "hit_y", "hit_z", "hit_e"])
        HitBranches(incident='energy', energy='hit_e', where=('hit_x', 'hit_y', 'hit_z'), ...)
    """
    incident = next((name for name in _INCIDENTS if name in names), None)
    energy = next((name for name in _HIT_ENERGIES if name in names), None)
    channel = next(((name,) for name in _CHANNELS if name in names), None)
    where = channel or next((triple for triple in _POSITIONS if set(triple) <= set(names)), None)
    return HitBranches(incident, energy, where) if incident and energy and where else None


class RootHitsFile(JointFile):
    """Events of a ROOT tree of hits; ``extras["outside"]`` (n,) is the energy in MeV of the hits in no cell.

    Args:
        path: the file.
        detector: what the hits are put into.
        branches: which branches hold what; found by their usual names by default.

    Raises:
        FormatError: not ROOT, truncated, no detector named, no tree (or several) of such branches, branches of the
            wrong shape.
        DetectorError: hits are positions, and the detector does not say at which depth its layers lie.
    """

    def __init__(self, path: Path, detector: Detector | None = None, branches: HitBranches | None = None) -> None:
        with opening(path) as file:
            self._tree, self._branches = _only_tree(path, file, branches)
            tree = file[self._tree]
            _check_shapes(path, tree, self._branches)
            energy = tree[self._branches.incident].array(library="np").astype(np.float64)
        self._calorimeter = calorimeter(path, detector)
        if len(self._branches.where) == 3:
            # a detector without depths is refused now, not at the first event
            layers_at(self._calorimeter, np.empty(0))
        super().__init__(path, self._calorimeter, len(energy), {"energy": energy * self._branches.incident_unit})

    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Signals and ``outside`` in MeV, (n_rows, n_channels) and (n_rows,)."""
        with opening(self.path) as file:
            parts = by_ranges(rows, len(self), partial(self._read, file[self._tree]))
        outside = np.concatenate([part.outside for part in parts])
        return np.concatenate([part.signals for part in parts]), {OUTSIDE: outside}

    def _read(self, tree: Any, first: int, stop: int, wanted: Ints) -> Voxels:
        import awkward

        hits = tree.arrays(self._branches.hits, entry_start=first, entry_stop=stop)[wanted]
        counts = [awkward.to_numpy(awkward.num(hits[name])) for name in self._branches.hits]
        if any((count != counts[0]).any() for count in counts):
            raise FormatError(f"{self.path}: {', '.join(self._branches.hits)} have different numbers of hits an event")
        energy, *where = (awkward.to_numpy(awkward.flatten(hits[name])) for name in self._branches.hits)
        event = np.repeat(np.arange(len(wanted)), counts[0])
        energy = energy * self._branches.energy_unit
        return collect(self._calorimeter, event, self._channels(where), energy, len(wanted))

    def _channels(self, where: list[NDArray[Any]]) -> Ints:
        if len(where) == 3:
            x, y, z = (values * self._branches.length_unit for values in where)
            return channels_at(self._calorimeter, layers_at(self._calorimeter, z), x, y)
        channel = where[0].astype(np.int64)
        wrong = channel[(channel < 0) | (channel >= self.detector.n_channels)]
        if len(wrong):
            raise FormatError(
                f"{self.path} has hits in channel {wrong[0]}, but detector {self.detector.name} has "
                f"{self.detector.n_channels} channels; is it the right one?"
            )
        return channel


def _only_tree(path: Path, file: Any, branches: HitBranches | None) -> tuple[str, HitBranches]:
    found = {
        name: chosen for name, tree in trees(file).items() if (chosen := _choose(name, set(tree.keys()), branches))
    }
    if len(found) != 1:
        wanted = "no tree" if not found else f"several trees ({', '.join(found)})"
        names = "hits and an incident energy" if branches is None else ", ".join((branches.incident, *branches.hits))
        raise FormatError(
            f"{path} has {wanted} with {names}; it holds {describe(file)}; say which branches with HitBranches"
        )
    return next(iter(found.items()))


def _choose(tree: str, names: set[str], branches: HitBranches | None) -> HitBranches | None:
    """The branches to read of a tree, if it has them."""
    if branches is None:
        return find_branches(names)
    return branches if {branches.incident, *branches.hits} <= names and branches.tree in {None, tree} else None


def _check_shapes(path: Path, tree: Any, branches: HitBranches) -> None:
    import uproot

    if not isinstance(tree[branches.incident].interpretation, uproot.AsDtype):
        raise FormatError(
            f"{path}: branch {branches.incident} holds {tree[branches.incident].typename}, expected a number an event"
        )
    for name in branches.hits:
        if not isinstance(tree[name].interpretation, uproot.AsJagged):
            raise FormatError(f"{path}: branch {name} holds {tree[name].typename}, expected a list of numbers an event")


formats.register("root-hits")(
    Format(
        summary="ROOT tree of hits (channel or x, y, z, and energy; MeV, mm), put into --detector",
        extensions=(".root",),
        # any ROOT file that no other format knows: opening it then says what it holds
        sniff=is_root,
        open=RootHitsFile,
    )
)
