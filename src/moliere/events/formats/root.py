"""Reading ROOT so that everything that can be wrong with a file becomes one sentence.

A branch is stored in baskets of many entries, each unpacked whole. So rows are read by ranges of entries, and rows that
lie near each other share a range.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Ints
from moliere.errors import FormatError, MoliereError
from moliere.events.events import Events
from moliere.events.formats.base import Rows
from moliere.events.formats.foreign import foreign
from moliere.files import replacing

T = TypeVar("T")
Columns = Callable[[Events, int], Mapping[str, NDArray[Any]]]

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


def only_tree(path: Path, file: Any, branches: Collection[str], names: str) -> tuple[str, Any]:
    """The one tree of an open file that has all these branches, and its name.

    Args:
        path: of the file, for the message.
        file: the open file.
        branches: that it must have.
        names: the branches in words.

    Raises:
        FormatError: there is none, or there are several.
    """
    found = trees_with(file, branches)
    if len(found) != 1:
        words = "no tree" if not found else f"several trees ({', '.join(found)})"
        raise FormatError(f"{path} has {words} with branches {names}; it holds {describe(file)}")
    return next(iter(found.items()))


class TreeWriter:
    """Appends events to a tree of an open file.

    Args:
        file: open for writing.
        tree: name of the tree.
        columns: events, and how many stand in the tree already → a column for each branch.
    """

    def __init__(self, file: Any, tree: str, columns: Columns) -> None:
        self._file = file
        self._tree = tree
        self._columns = columns
        self._written = 0

    def append(self, events: Events) -> None:
        """Write some more events; the first ones decide which branches there are."""
        columns = self._columns(events, self._written)
        if self._tree not in self._file:
            self._file.mktree(self._tree, {name: column.dtype for name, column in columns.items()})
        self._file[self._tree].extend(columns)
        self._written += len(events)


def writer_of(
    tree: str, columns: Columns, check: Callable[[Detector], object]
) -> Callable[..., AbstractContextManager[TreeWriter]]:
    """How a format of one tree creates its files, which appear whole.

    Args:
        tree: its name.
        columns: what events become.
        check: raises where the format cannot hold the events of a detector.

    Returns:
        A function of a path, a detector and the keyword ``overwrite``, as :class:`Format` takes it.
    """

    @contextmanager
    def create(path: Path, detector: Detector, *, overwrite: bool = False) -> Iterator[TreeWriter]:
        import uproot

        check(detector)
        with replacing(path, overwrite=overwrite) as partial, uproot.recreate(partial) as file:
            yield TreeWriter(file, tree, columns)

    return create


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
