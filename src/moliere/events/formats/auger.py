"""The Pierre Auger Observatory's open data: a JSON file an event, or a folder of them.

``sdrec`` is the reconstruction: ``energy`` in EeV, ``theta`` and ``phi`` in degrees, the core ``x``, ``y``, ``z`` in m.
``stations`` lists those with a signal: ``id``, ``x``, ``y``, ``z`` in m, ``t`` in ns, ``isSelected``, ``signal`` in
VEM, and ``pmt1`` to ``pmt3``, traces in bins of 25 ns, of which those that work are averaged. Stations that the
reconstruction did not select are left out. Nobody knows the true energy; the columns are what was reconstructed. Traces
whose pedestal was subtracted hold negative signals: a user says whether they are clipped or kept.

References:
    Pierre Auger Observatory open data, https://doi.org/10.5281/zenodo.4487612
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector, SurfaceArray, of_kind
from moliere.errors import FormatError
from moliere.events.events import ARRIVAL_TIMES
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.foreign import foreign
from moliere.events.formats.joint import Extras, JointFile
from moliere.units import eV, m

RECONSTRUCTION, STATIONS = "sdrec", "stations"
_BIN_WIDTH = 25.0
_COLUMNS = {"energy": 1e18 * eV, "theta": np.pi / 180, "phi": np.pi / 180, "x": m, "y": m, "z": m}
_NAMES = {"x": "core_x", "y": "core_y", "z": "core_z"}
#: bytes of an event, which has some hundred kilobytes; bins of a trace; distance of stations that are the same, in mm
_MOST_BYTES, _MOST_BINS, _SAME = 2**24, 4096, 1 * m


def sniff(path: Path) -> bool:
    """Whether a file, or the first JSON file of a folder, is an event with a reconstruction and stations."""
    files = _files(path)
    return bool(files) and {RECONSTRUCTION, STATIONS} <= set(_read(files[0]))


class AugerEvents(JointFile):
    """Events of JSON files; ``extras["arrival_times"]`` (n, n_stations) in ns are NaN for stations without a signal.

    Args:
        path: a file or a folder.
        detector: the array; by default one of all stations that have a signal in any of the events.

    Raises:
        FormatError: no JSON, keys missing, traces of different lengths in one station, a station that the array lacks.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        self._files = _files(path)
        if not self._files:
            raise FormatError(f"{path} holds no JSON file")
        columns: dict[str, list[float]] = {name: [] for name in _COLUMNS}
        positions: dict[Any, tuple[float, float, float]] = {}
        n_bins = 1
        for file in self._files:
            event = _read(file)
            with foreign(file, "an Auger event"):
                for name, unit in _COLUMNS.items():
                    columns[name].append(float(event[RECONSTRUCTION][name]) * unit)
                for station in _selected(event):
                    positions[station["id"]] = _position(station)
                    n_bins = max(n_bins, _trace(file, station).size)
        if detector is None:
            detector = SurfaceArray(path.stem, tuple(positions.values()), n_bins, _BIN_WIDTH)
        self._array = of_kind(detector, SurfaceArray, f"{path}", FormatError)
        incident = {_NAMES.get(name, name): np.array(values) for name, values in columns.items()}
        super().__init__(path, self._array, len(self._files), incident)

    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Signals in VEM and arrival times, (n_rows, n_channels) and (n_rows, n_stations)."""
        files = [self._files[k] for k in np.arange(len(self))[rows]]
        array = self._array
        traces = np.zeros((len(files), array.n_stations, array.n_bins), np.float32)
        times = np.full((len(files), array.n_stations), np.nan)
        for row, file in enumerate(files):
            with foreign(file, "an Auger event"):
                for station in _selected(_read(file)):
                    k = self._place(file, station)
                    trace = _trace(file, station)[: array.n_bins]
                    traces[row, k, : trace.size] = trace
                    times[row, k] = float(station["t"])
        return traces.reshape(len(files), -1), {ARRIVAL_TIMES: times}

    def _place(self, file: Path, station: Mapping[str, Any]) -> int:
        """Position of a station in the array."""
        away = np.linalg.norm(self._array.stations - _position(station), axis=1)
        if not away.min() < _SAME:
            raise FormatError(f"{file}: station {station['id']} stands where {self._array.name} has none")
        return int(away.argmin())


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.is_dir() else [path] if path.suffix.lower() == ".json" else []


def _read(path: Path) -> dict[str, Any]:
    with foreign(path, "JSON"):
        if path.stat().st_size > _MOST_BYTES:
            raise FormatError(f"{path} is larger than {_MOST_BYTES:,} bytes, which no event is")
        event = json.loads(path.read_text())
    if not isinstance(event, dict):
        raise FormatError(f"{path} holds no event: expected keys {RECONSTRUCTION} and {STATIONS}")
    return event


def _selected(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [station for station in event[STATIONS] if station.get("isSelected", True)]


def _position(station: Mapping[str, Any]) -> tuple[float, float, float]:
    x, y, z = (float(station[axis]) * m for axis in "xyz")
    return x, y, z


def _trace(file: Path, station: Mapping[str, Any]) -> NDArray[np.float64]:
    """Mean of the photomultipliers that have a trace, (n_bins,) in VEM."""
    found = [np.asarray(station[name], np.float64) for name in ("pmt1", "pmt2", "pmt3") if station.get(name)]
    if len({trace.shape for trace in found}) > 1 or any(trace.ndim != 1 or trace.size > _MOST_BINS for trace in found):
        raise FormatError(f"{file}: traces of station {station['id']} have different lengths or no numbers")
    return np.asarray(np.mean(found, axis=0)) if found else np.array([float(station["signal"])])


formats.register("auger")(
    Format(
        summary="Pierre Auger Observatory open data (JSON, an event a file, or a folder of them)",
        extensions=(".json",),
        sniff=sniff,
        open=AugerEvents,
        kinds=("surface-array",),
    )
)
