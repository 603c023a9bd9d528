"""ROOT trees of hits, an event an entry, put into any calorimeter.

A tree has jagged branches with the energy of each hit and with its channel, or its x, y and z (z along the shower axis
from the calorimeter's face, x and y across it), and a branch with the incident energy. Nothing in a ROOT file says
which is which, so names are looked for, in this order:

============== =====================================================================================
channel        hit_channel, hit_cell, cell_index, channel, cell
x, y, z        hit_x, cell_x, pos_x, x; and the same with y and z
hit energy     hit_energy, hit_e, hit_edep, cell_energy, cell_e, edep, e
incident       incident_energy, primary_energy, beam_energy, mc_energy, true_energy, TotalEnergy, energy
theta, phi     incident_theta, primary_theta, beam_theta, mc_theta, true_theta, theta; and the same with phi
particle       incident_pdg, primary_pdg, beam_pdg, mc_pdg, true_pdg, pdg_id, pdgid, pdg
============== =====================================================================================

A channel is preferred to a position. Energies are taken as MeV and lengths as mm. :class:`HitBranches` says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.config import read_toml
from moliere.detectors import Detector
from moliere.detectors.base import Ints
from moliere.errors import ConfigError, FormatError
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.joint import Extras, JointFile
from moliere.events.formats.published import calorimeter
from moliere.events.formats.root import axes_of, by_ranges, describe, is_root, opening, trees
from moliere.events.voxelise import OUTSIDE, Voxels, channels_at, collect, layers_at
from moliere.units import MeV, mm, parse_angle, parse_energy, parse_length, rad

_CHANNELS = ("hit_channel", "hit_cell", "cell_index", "channel", "cell")
_POSITIONS = tuple((f"{prefix}x", f"{prefix}y", f"{prefix}z") for prefix in ("hit_", "cell_", "pos_", ""))
_HIT_ENERGIES = ("hit_energy", "hit_e", "hit_edep", "cell_energy", "cell_e", "edep", "e")
#: what a particle's direction and kind are called
_COLUMNS = {
    "theta": ("incident_theta", "primary_theta", "beam_theta", "mc_theta", "true_theta", "theta"),
    "phi": ("incident_phi", "primary_phi", "beam_phi", "mc_phi", "true_phi", "phi"),
    "pdg_id": ("incident_pdg", "primary_pdg", "beam_pdg", "mc_pdg", "true_pdg", "pdg_id", "pdgid", "pdg"),
}
_ANGLES = ("theta", "phi")
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
        columns: further incident columns: theta, phi, pdg_id, … → branch, a number an event.
        angle_unit: unit of theta and phi.

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
    columns: Mapping[str, str] = field(default_factory=dict)
    angle_unit: float = rad

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
    columns = incident_branches(names)
    incident = columns.pop("energy", None)
    energy = next((name for name in _HIT_ENERGIES if name in names), None)
    channel = next(((name,) for name in _CHANNELS if name in names), None)
    where = channel or next((triple for triple in _POSITIONS if set(triple) <= set(names)), None)
    return HitBranches(incident, energy, where, columns=columns) if incident and energy and where else None


def incident_branches(names: Collection[str]) -> dict[str, str]:
    """Incident columns → the first of their usual names among some, of those that there are."""
    known = {"energy": _INCIDENTS, **_COLUMNS}
    usual = {column: [name for name in usual if name in names] for column, usual in known.items()}
    return {column: found[0] for column, found in usual.items() if found}


def parse_branches(text: str) -> HitBranches:
    """Branches as a user writes them: in a TOML file, or one after the other, each with its unit where it has one.

    Args:
        text: path of a TOML file, or what it would hold: ``incident``, ``energy``, and ``channel`` or ``x``, ``y`` and
            ``z``; ``tree`` and incident columns such as ``theta``, ``phi`` and ``pdg_id`` where there are any.

    Raises:
        ConfigError: one is missing, or lengths have different units.
        InvalidQuantity: an unknown unit.

    Example:
        >>> branches = parse_branches("incident=gun_E:GeV,energy=calo_E:GeV,channel=calo_id,pdg_id=gun_pdg")
        >>> branches.where, branches.energy_unit, branches.columns
        (('calo_id',), 1000.0, {'pdg_id': 'gun_pdg'})
    """
    named = read_toml(Path(text)) if text.endswith(".toml") else dict(_pair(part) for part in text.split(","))
    split = {key: str(value).partition(":") for key, value in named.items()}
    branch = {key: name for key, (name, _, _) in split.items()}
    unit = {key: unit for key, (_, _, unit) in split.items() if unit}
    where = ("channel",) if "channel" in branch else ("x", "y", "z")
    if missing := [key for key in ("incident", "energy", *where) if not branch.get(key)]:
        raise ConfigError(
            f"branches {text!r} do not say which is {', '.join(missing)}; expected incident=…:GeV, energy=…:GeV and "
            "channel=… or x=…:mm, y=…:mm, z=…:mm"
        )
    lengths = {unit.get(key, "mm") for key in where if key != "channel"} or {"mm"}
    angles = {unit.get(key, "rad") for key in _ANGLES if key in branch} or {"rad"}
    if len(lengths) > 1 or len(angles) > 1:
        raise ConfigError(f"branches {text!r} have lengths or angles of different units; they must share one")
    return HitBranches(
        branch["incident"],
        branch["energy"],
        tuple(branch[key] for key in where),  # type: ignore[arg-type]
        branch.get("tree"),
        parse_energy(f"1{unit.get('incident', 'MeV')}"),
        parse_energy(f"1{unit.get('energy', 'MeV')}"),
        parse_length(f"1{lengths.pop()}"),
        {key: name for key, name in branch.items() if key not in {"incident", "energy", "tree", *where}},
        parse_angle(f"1{angles.pop()}"),
    )


def _pair(text: str) -> tuple[str, str]:
    key, _, name = text.partition("=")
    return key.strip(), name.strip()


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
            units = dict.fromkeys(_ANGLES, self._branches.angle_unit)
            columns = {
                column: tree[name].array(library="np") * units.get(column, 1)
                for column, name in self._branches.columns.items()
            }
            used = {self._branches.incident, *self._branches.hits, *self._branches.columns.values()}
            names = set(tree.keys())
            counters = {f"n{name}" for name in names}  # uproot writes them beside lists
            passed_over = [f"branch {name}" for name in sorted(names - used - counters)]
        self._calorimeter = calorimeter(path, detector)
        if len(self._branches.where) == 3:
            # a detector without depths is refused now, not at the first event
            layers_at(self._calorimeter, np.empty(0))
        incident = {"energy": energy * self._branches.incident_unit, **columns}
        super().__init__(path, self._calorimeter, len(energy), incident, passed_over=passed_over)

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
        # energy at no known place is in no cell, and its amount is said to be unknown
        energy = np.where(np.isfinite(where).all(axis=0), energy * self._branches.energy_unit, np.nan)
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
            f"{path} has {wanted} with {names}; it holds {describe(file)}; say which "
            "branch holds what (convert takes them, and HitBranches in Python)"
        )
    return next(iter(found.items()))


def _choose(tree: str, names: set[str], branches: HitBranches | None) -> HitBranches | None:
    """The branches to read of a tree, if it has them."""
    if branches is None:
        return find_branches(names)
    wanted = {branches.incident, *branches.hits, *branches.columns.values()}
    return branches if wanted <= names and branches.tree in {None, tree} else None


def _check_shapes(path: Path, tree: Any, branches: HitBranches) -> None:
    for name in (branches.incident, *branches.columns.values()):
        if axes_of(tree, name) != 1:
            raise FormatError(f"{path}: branch {name} holds {tree[name].typename}, expected a number an event")
    for name in branches.hits:
        if axes_of(tree, name) != 2:
            raise FormatError(f"{path}: branch {name} holds {tree[name].typename}, expected a list of numbers an event")


formats.register("root-hits")(
    Format(
        summary="ROOT tree of hits (channel or x, y, z, and energy; MeV, mm), with a detector",
        extensions=(".root",),
        # any ROOT file that no other format knows: opening it then says what it holds
        sniff=is_root,
        open=RootHitsFile,
    )
)
