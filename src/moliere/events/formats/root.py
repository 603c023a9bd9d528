"""Reading ROOT so that everything that can be wrong with a file becomes one sentence.

A branch is stored in baskets of many entries, each unpacked whole. So rows are read by ranges of entries, and rows that
lie near each other share a range.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from moliere.detectors.base import Ints
from moliere.errors import FormatError, MoliereError
from moliere.events.formats.base import Rows
from moliere.events.formats.foreign import foreign

T = TypeVar("T")

#: entries of a file that are read at once; 507 branches of doubles then take 40 MB
RANGE = 10_000


def is_root(path: Path) -> bool:
    """Whether a file begins as ROOT files do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"root"


@contextmanager
def opening(path: Path) -> Iterator[Any]:
    """Open for reading; yields an uproot directory.

    Raises:
        FormatError: no such file; not ROOT, or cut short.
    """
    if not path.exists():
        raise FormatError(f"no file {path}")
    if not is_root(path):
        raise FormatError(f"{path} is not a ROOT file: it does not begin with 'root'; copy or make it again")
    import uproot

    with foreign(path, "ROOT"), uproot.open(path) as file:
        yield file


def trees(file: Any) -> dict[str, Any]:
    """The trees of an open file by name; of several cycles of a tree the last."""
    names = file.keys(cycle=False, filter_classname=["TTree", "TNtuple*", "*RNTuple"])
    return {name: file[name] for name in dict.fromkeys(names)}


def trees_with(file: Any, branches: Collection[str]) -> dict[str, Any]:
    """The trees of an open file that have all these branches, by name."""
    return {name: tree for name, tree in trees(file).items() if set(branches) <= set(tree.keys())}


def has_tree_with(path: Path, branches: Collection[str]) -> bool:
    """Whether a file is ROOT, whole, with such a tree."""
    if not is_root(path):
        return False
    try:
        with opening(path) as file:
            return bool(trees_with(file, branches))
    except MoliereError:
        return False


def axes_of(tree: Any, name: str) -> int:
    """How many axes a branch has: 1 for a number an entry, 2 for a list; 0 for what holds no numbers."""
    import awkward

    array = tree[name].array(entry_start=0, entry_stop=0)
    inner = awkward.type(array).content
    axes = 1
    while isinstance(inner, awkward.types.ListType | awkward.types.RegularType):
        inner, axes = inner.content, axes + 1
    return axes if isinstance(inner, awkward.types.NumpyType) else 0


def describe(file: Any, *, most: int = 12) -> str:
    """What an open file holds, for messages.

    Args:
        file: the open file.
        most: how many branches of a tree are listed.
    """
    found = []
    for name, tree in trees(file).items():
        branches = tree.keys()
        more = ", …" if len(branches) > most else ""
        found.append(f"tree {name!r} with branches {', '.join(branches[:most])}{more}")
    return "; ".join(found) or f"no tree, but {', '.join(file.keys(cycle=False)) or 'nothing at all'}"


def by_ranges(rows: Rows, n_entries: int, read: Callable[[int, int, Ints], T]) -> list[T]:
    """Read rows range by range.

    Args:
        rows: a forward slice, or increasing positions.
        n_entries: entries of the tree.
        read: first entry, one past the last, and the rows wanted counted from the first → what they hold.

    Returns:
        What was read of each range that holds rows; of one empty range where there are none.

    Example:
        >>> by_ranges(np.array([2, 3, 20_005]), 30_000, lambda first, stop, rows: (first, stop, rows.tolist()))
        [(2, 4, [0, 1]), (20005, 20006, [0])]
    """
    wanted = np.arange(n_entries)[rows]
    if not len(wanted):
        return [read(0, 0, wanted)]
    parts = np.split(wanted, np.flatnonzero(np.diff(wanted // RANGE)) + 1)
    return [read(int(part[0]), int(part[-1]) + 1, part - part[0]) for part in parts]
