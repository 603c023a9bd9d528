"""Plain tables: Parquet, CSV or NumPy's npz, of particles for phase spaces, or of cells or hits of a calorimeter.

Columns of particles are those of the phase space, in moliere's units (mm, MeV); ``weight`` is the statistical weight,
and further columns of numbers are taken as incident ones. The detector and the provenance are carried along. Structured
arrays in npy, which have no place for either, are read too.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, Detector, PhaseSpace, catalog, from_spec, of_kind
from moliere.errors import FormatError, MissingExtra, did_you_mean
from moliere.events.events import Events, EventSource, provenance_of
from moliere.events.formats.base import Collector, Format, formats
from moliere.events.formats.calorimeter_table import cell_names, is_calorimeter, read_calorimeter
from moliere.events.formats.foreign import check_unpacked, foreign
from moliere.events.formats.npz import open_npz, write_npz
from moliere.events.formats.published import left_out
from moliere.files import check_free, replacing

WEIGHT = "weight"
#: key of an npz, and of a Parquet schema, under which detector and provenance lie as JSON
_ABOUT = "moliere"
_PARQUET_MAGIC = b"PAR1"

#: letters of a line of names, and of a number; more is no table
_LONGEST_HEADER, _NUMBER_BYTES = 2**22, 40

Columns = dict[str, NDArray[Any]]


def sniff(path: Path) -> bool:
    """Whether a file is Parquet, an npz of equally long columns, a structured array, or CSV of a calorimeter."""
    if not path.is_file():
        return False
    kind = _kind(path)
    if kind == ".npy":  # a plain array is refused in words when it is opened
        return True
    if kind == ".csv":
        return is_calorimeter(_header(path))
    return kind == ".parquet" or (zipfile.is_zipfile(path) and _holds_columns(path))


def _holds_columns(path: Path) -> bool:
    with open_npz(path) as file:
        shapes = {file[name].shape for name in file if name != _ABOUT}
    return len(shapes) == 1 and len(shapes.pop()) == 1


def read_table(path: Path, detector: Detector | None = None) -> Events:
    """Read a whole table.

    Args:
        path: the file.
        detector: a phase space, or the calorimeter of cells and hits; by default the one that the file names, else the
            catalogue's with these columns.

    Raises:
        FormatError: no table, truncated, a column missing (the nearest is named) or not of numbers.
        MissingExtra: Parquet without pyarrow.
    """
    columns, about = _READERS[_kind(path)](path)
    if is_calorimeter(columns):
        recorded = from_spec(about["detector_spec"]) if "detector_spec" in about else None
        return read_calorimeter(path, columns, detector or recorded, about)
    space = _recognise(path, columns, about, detector)
    for name, values in columns.items():
        if values.dtype.kind not in "fiub" or values.ndim != 1:
            raise FormatError(f"{path}: column {name!r} holds {values.dtype}, expected a number a row")
    names = [column.name for column in space.columns]
    if missing := [name for name in names if name not in columns]:
        hint = did_you_mean(missing[0], set(columns) - set(names))
        raise FormatError(f"{path} has no column {missing[0]!r}, which {space.name} is made of; {hint}")
    signals = np.stack([columns[name] for name in names], axis=1).astype(np.float32)
    incident = {name: values for name, values in columns.items() if name not in {*names, WEIGHT}}
    weights = columns[WEIGHT].astype(np.float64) if WEIGHT in columns else None
    return Events(space, incident, signals, weights, about.get("provenance", {}))


def _recognise(path: Path, columns: Columns, about: Mapping[str, Any], detector: Detector | None) -> PhaseSpace:
    found = detector or (from_spec(about["detector_spec"]) if "detector_spec" in about else None)
    if isinstance(found, PhaseSpace):
        return found
    if found is not None:
        raise FormatError(f"{path} is a table of particles, but detector {found.name} is a {found.kind}")
    spaces = [space for name in catalog.names() if isinstance(space := catalog.get(name), PhaseSpace)]
    fitting = [space for space in spaces if {column.name for column in space.columns} <= set(columns)]
    if len(fitting) != 1:
        words = "fits " + " and ".join(space.name for space in fitting) if fitting else "fits no phase space I know"
        raise FormatError(
            f"{path} has columns {', '.join(columns)}, which {words}; name one", options=("--detector NAME",)
        )
    return fitting[0]


def _kind(path: Path) -> str:
    """Which of the three a file is, by what it begins with."""
    if not path.is_file():
        raise FormatError(f"no file {path}")
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(_PARQUET_MAGIC):
        return ".parquet"
    if head == b"\x93NUMPY":
        return ".npy"
    return ".csv" if path.suffix.lower() == ".csv" else ".npz"


def _header(path: Path) -> list[str]:
    """Names of the columns of a CSV file."""
    with path.open(errors="replace") as file:
        return [name.strip().strip('"') for name in file.readline(_LONGEST_HEADER).split(",")]


def _read_csv(path: Path) -> tuple[Columns, Mapping[str, Any]]:
    names = _header(path)
    with foreign(path, "CSV"), path.open("rb") as file:
        file.readline(_LONGEST_HEADER)
        if len(file.readline(most := _NUMBER_BYTES * len(names))) == most:
            raise FormatError(
                f"{path}: the second line has more than {most} letters, too many for {len(names)} numbers"
            )
        values = np.loadtxt(path, np.float64, delimiter=",", comments=None, skiprows=1, ndmin=2)
    if len(values) and values.shape[1] != len(names):
        raise FormatError(f"{path} has rows of {values.shape[1]} numbers below {len(names)} names")
    return dict(zip(names, values.reshape(-1, len(names)).T, strict=True)), {}


def _read_parquet(path: Path) -> tuple[Columns, Mapping[str, Any]]:
    parquet = _import_parquet()
    with foreign(path, "Parquet"), parquet.ParquetFile(path) as file:
        check_unpacked(path, 8 * file.metadata.num_rows * file.metadata.num_columns)
        table = file.read()
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
    metadata = table.schema.metadata or {}
    return columns, _read_about(path, metadata.get(_ABOUT.encode(), b"{}"))


def _read_about(path: Path, text: str | bytes) -> Mapping[str, Any]:
    """Detector and provenance, if they are what moliere writes."""
    with foreign(path, "a table with detector and provenance"):
        about = json.loads(text)
    wrong = not isinstance(about, dict) or [
        key for key in ("detector_spec", "provenance") if not isinstance(about.get(key, {}), dict)
    ]
    if wrong:
        raise FormatError(f"{path}: the note {_ABOUT!r} should hold tables detector_spec and provenance; remove it")
    return dict(about)


def _read_npz(path: Path) -> tuple[Columns, Mapping[str, Any]]:
    with open_npz(path) as file:
        columns = {name: file[name] for name in file}
    about = columns.pop(_ABOUT, np.array("{}"))
    if len({values.shape[:1] for values in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {values.shape}" for name, values in columns.items())
        raise FormatError(f"{path}: columns of different lengths ({lengths})")
    return columns, _read_about(path, str(about))


def _read_npy(path: Path) -> tuple[Columns, Mapping[str, Any]]:
    with foreign(path, "npy"):
        table = np.load(path, allow_pickle=False)
    if table.dtype.names is None:
        raise FormatError(f"{path} holds a plain array of shape {table.shape}; a table is one with named columns")
    return {name: table[name] for name in table.dtype.names}, {}


_READERS = {".csv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz, ".npy": _read_npy}


def _import_parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra('Parquet is read with pyarrow: pip install "moliere[parquet]"') from error
    return pyarrow.parquet


@contextmanager
def create(path: Path, detector: Detector, *, overwrite: bool = False) -> Iterator[Collector]:
    """A writer whose file appears, whole, when the block ends well; its ending says which kind of table.

    Raises:
        FormatError: another ending, or a detector that is neither phase space nor calorimeter.
        OutputExists: the file exists.
        WriteError: disk full or no permission; what was there is untouched.
    """
    if not isinstance(detector, Calorimeter):
        of_kind(detector, PhaseSpace, f"table {path}", FormatError)
    if path.suffix.lower() not in _WRITERS:
        raise FormatError(f"{path}: tables are files that end in {' or '.join(_WRITERS)}")
    check_free(path, overwrite=overwrite)
    writer = Collector()
    yield writer
    _WRITERS[path.suffix.lower()](path, Events.concatenate(writer.parts), overwrite)


def _columns(events: Events) -> Columns:
    names = events.detector.column_names or cell_names(events.detector)
    columns = {name: events.signals[:, k] for k, name in enumerate(names)}
    columns |= events.incident
    return columns if events.weights is None else {**columns, WEIGHT: events.weights}


def _about(events: Events) -> str:
    about = {"detector_spec": events.detector.to_spec(), "provenance": provenance_of(events.metadata)}
    return json.dumps(about, default=str)


def _write_parquet(path: Path, events: Events, overwrite: bool) -> None:
    parquet = _import_parquet()
    import pyarrow

    table = pyarrow.table(_columns(events)).replace_schema_metadata({_ABOUT: _about(events)})
    with replacing(path, overwrite=overwrite) as partial:
        parquet.write_table(table, partial)


def _write_npz(path: Path, events: Events, overwrite: bool) -> None:
    write_npz(path, {**_columns(events), _ABOUT: np.array(_about(events))}, overwrite=overwrite)


_WRITERS = {".parquet": _write_parquet, ".npz": _write_npz}


def losses(source: EventSource) -> list[str]:
    """What would not come back."""
    return left_out(source, tuple(source.incident), weights=True)


formats.register("table")(
    Format(
        summary="table of particles, of cells or of hits (Parquet, npz; CSV of a calorimeter; mm, MeV)",
        extensions=(".parquet", ".npz", ".npy"),
        sniff=sniff,
        open=read_table,
        create=create,
        kinds=("phase-space", "calorimeter"),
        losses=losses,
    )
)
