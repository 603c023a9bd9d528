"""CaloGAN's ROOT tree, as its Geant4 program writes it: ``cell_0`` … ``cell_506`` in MeV and ``TotalEnergy`` in GeV.

The first 504 branches are the cells of the three layers, rows of phi (x) after each other; the last three are what each
layer got outside its cells. The tree may have any name; written files have the original's, ``fancy_tree``.

References:
    CaloGAN: Simulating 3D high energy particle showers in multilayer electromagnetic calorimeters with generative
    adversarial networks, M. Paganini et al. 2017, https://arxiv.org/abs/1712.10321
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Ints
from moliere.errors import FormatError
from moliere.events.events import Events
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.calogan import OVERFLOW
from moliere.events.formats.joint import Extras, JointFile
from moliere.events.formats.published import left_out, of_layout
from moliere.events.formats.root import axes_of, by_ranges, has_tree_with, only_tree, opening, writer_of
from moliere.units import GeV

TREE, ENERGY = "fancy_tree", "TotalEnergy"
CELLS = tuple(f"cell_{k}" for k in range(504))
OVERFLOWS = tuple(f"cell_{k}" for k in range(504, 507))
_BRANCHES = (ENERGY, *CELLS)


def sniff(path: Path) -> bool:
    """Whether a file is ROOT with a tree of CaloGAN's branches."""
    return has_tree_with(path, _BRANCHES)


class CaloGanRootFile(JointFile):
    """Events in a ROOT tree.

    Args:
        path: the file.
        detector: the user's own with the same cells; ``calogan`` by default.

    Raises:
        FormatError: not ROOT, truncated, no tree (or several) with these branches, branches that are no numbers.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        detector = of_layout(path, detector, "calogan")
        with opening(path) as file:
            names = f"{CELLS[0]} … {CELLS[-1]} and {ENERGY}"
            self._tree, tree = only_tree(path, file, _BRANCHES, names)
            present = set(tree.keys())
            self._branches = CELLS + OVERFLOWS if present >= set(OVERFLOWS) else CELLS
            _check_numbers(path, tree, (*self._branches, ENERGY))
            energy = tree[ENERGY].array(library="np").astype(np.float64) * GeV
        super().__init__(path, detector, len(energy), {"energy": energy})

    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Signals in MeV, (n_rows, 504), and ``overflow`` in MeV, (n_rows, 3), where the tree has it."""
        with opening(self.path) as file:
            cells = np.concatenate(by_ranges(rows, len(self), partial(self._read, file[self._tree])))
        signals, overflow = np.split(cells, [len(CELLS)], axis=1)
        return signals, {OVERFLOW: overflow} if overflow.shape[1] else {}

    def _read(self, tree: Any, first: int, stop: int, wanted: Ints) -> NDArray[np.float32]:
        columns = tree.arrays(self._branches, entry_start=first, entry_stop=stop, library="np")
        block = np.empty((len(wanted), len(self._branches)), np.float32)
        for k, name in enumerate(self._branches):
            block[:, k] = columns[name][wanted]
        return block


def _columns(events: Events, written: int) -> dict[str, NDArray[Any]]:
    del written
    columns: dict[str, NDArray[Any]] = dict(zip(CELLS, np.ascontiguousarray(events.signals.T), strict=True))
    if OVERFLOW in events.extras:
        columns |= zip(OVERFLOWS, np.ascontiguousarray(events.extras[OVERFLOW].T), strict=True)
    return columns | {ENERGY: events.energy / GeV}


def _check_numbers(path: Path, tree: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if axes_of(tree, name) != 1:
            raise FormatError(f"{path}: branch {name} holds {tree[name].typename}, expected one number an event")


formats.register("calogan-root")(
    Format(
        summary="CaloGAN ROOT tree (cell_0 … cell_506 in MeV, TotalEnergy in GeV)",
        extensions=(".root",),
        sniff=sniff,
        open=CaloGanRootFile,
        create=writer_of(TREE, _columns, partial(of_layout, "format 'calogan-root'", name="calogan")),
        losses=partial(left_out, extras=(OVERFLOW,), provenance=False),
    )
)
