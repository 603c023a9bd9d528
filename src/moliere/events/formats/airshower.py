"""Air showers in NumPy's npz, as the public simulation of arXiv:1802.03325 writes them: times and signals of stations.

``detector`` (n_stations, 3) are positions in m, ``logE`` log10(E/eV), ``mass`` nucleons, ``Xmax`` in g/cm²,
``showercore``, ``showeraxis`` (towards the source) and ``showermax`` (n, 3) in m, ``time`` (n, n_stations) in s and
``signal`` (n, n_stations, n_bins) in VEM, both NaN where a station did not trigger. Bins are 25 ns wide, which the file
does not say. Here silent stations have signals of 0, and ``extras["arrival_times"]`` keeps their NaN.

References:
    "Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks",
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector, SurfaceArray, catalog, of_kind
from moliere.errors import FormatError
from moliere.events.events import ARRIVAL_TIMES, Events, EventSource
from moliere.events.formats.base import Collector, FileSource, Format, Rows, formats
from moliere.events.formats.npz import names_in_npz, open_npz, write_npz
from moliere.events.formats.published import left_out
from moliere.files import check_free
from moliere.units import eV, m, ns

_SECOND = 1e9 * ns
_BIN_WIDTH = 25.0
MAXIMUM = "shower_maximum"
_COLUMNS = ("energy", "mass_number", "xmax", "core_x", "core_y", "core_z", "theta", "phi")
#: keys → number of axes
_KEYS = {"detector": 2, "logE": 1, "mass": 1, "Xmax": 1, "showercore": 2, "showeraxis": 2, "showermax": 2, "time": 2}
SIGNAL = "signal"


def sniff(path: Path) -> bool:
    """Whether a file is npz with signals and times of stations."""
    return {"signal", "time"} <= names_in_npz(path)


class AirShowerFile(FileSource):
    """Air showers of one file; the signals are unpacked when the first of them is asked for, and stay.

    Incident columns: ``energy`` in MeV, ``mass_number``, ``xmax`` in g/cm², the core in mm, and the direction of the
    axis: ``theta`` the zenith angle and ``phi`` the azimuth in rad.

    Args:
        path: the file.
        detector: what was read out; by default ``airshower-9x9`` where the positions agree, else the file's own.

    Raises:
        FormatError: not npz, truncated, keys missing, shapes that do not fit each other.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        with open_npz(path) as file:
            arrays = {key: _array(path, file, key, axes) for key, axes in _KEYS.items()}
            signal = _array(path, file, SIGNAL, 3)
        n_events, n_stations, n_bins = signal.shape
        _check_shapes(path, arrays, n_events, n_stations)
        self._signals = np.nan_to_num(signal.reshape(n_events, -1), nan=0.0).astype(np.float32)
        self._extras = {ARRIVAL_TIMES: arrays["time"] * _SECOND, MAXIMUM: arrays["showermax"] * m}
        detector = _recognise(path, arrays["detector"] * m, n_bins, detector)
        super().__init__(path, detector, n_events, _incident(arrays))

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in VEM, (n_rows, n_channels)."""
        signals: NDArray[np.float32] = self._signals[rows]
        return signals

    def read_extras(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """``arrival_times`` (n_rows, n_stations) in ns, NaN for silent stations, and ``shower_maximum`` in mm."""
        return {name: values[rows] for name, values in self._extras.items()}


def _array(path: Path, file: Mapping[str, NDArray[Any]], key: str, axes: int) -> NDArray[Any]:
    if key not in file:
        maps = "; maps of log10(1 + S) are no traces" if "shower_maps" in file else ""
        raise FormatError(f"{path} has no array {key!r}; it holds {', '.join(sorted(file))}{maps}")
    array = file[key]
    if array.ndim != axes or array.dtype.kind not in "fiu":
        raise FormatError(f"{path}: {key} is {array.dtype} of shape {array.shape}, expected numbers with {axes} axes")
    return array


def _check_shapes(path: Path, arrays: Mapping[str, NDArray[Any]], n_events: int, n_stations: int) -> None:
    expected: dict[str, tuple[int, ...]] = {key: (n_events,) for key, axes in _KEYS.items() if axes == 1}
    expected |= dict.fromkeys(("showercore", "showeraxis", "showermax"), (n_events, 3))
    expected |= {"detector": (n_stations, 3), "time": (n_events, n_stations)}
    for key, shape in expected.items():
        if arrays[key].shape != shape:
            raise FormatError(f"{path}: {key} has shape {arrays[key].shape}, expected {shape} as {SIGNAL} has")


def _incident(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    x, y, z = arrays["showeraxis"].T
    values = (
        10.0 ** arrays["logE"].astype(np.float64) * eV,
        arrays["mass"],
        arrays["Xmax"],
        *(arrays["showercore"] * m).T,
        np.arctan2(np.hypot(x, y), z),
        np.arctan2(y, x),
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _recognise(path: Path, positions: NDArray[Any], n_bins: int, detector: Detector | None) -> SurfaceArray:
    """The user's array, the published one, or one made of the file's positions."""
    known = detector if detector is not None else catalog.get("airshower-9x9")
    if isinstance(known, SurfaceArray) and _agrees(known, positions, n_bins):
        return known
    if detector is not None:
        raise FormatError(
            f"{path} has {len(positions)} stations of {n_bins} bins, which are not those of {detector.name}; name no "
            "detector to take the file's own positions",
            options=("leave out --detector",),
        )
    side = math.isqrt(len(positions))
    shape = (side, side) if side**2 == len(positions) else None
    rows = tuple((float(x), float(y), float(z)) for x, y, z in positions)
    return SurfaceArray(path.stem, rows, n_bins, _BIN_WIDTH, shape, f"read from {path.name}")


def _agrees(array: SurfaceArray, positions: NDArray[Any], n_bins: int) -> bool:
    same = array.stations.shape == positions.shape and array.n_bins == n_bins
    return bool(same and np.allclose(array.stations, positions, atol=1 * m))


class AirShowerWriter(Collector):
    """Collects air showers."""

    def append(self, events: Events) -> None:
        """Keep some more events.

        Raises:
            FormatError: a column or extra is missing that the format is made of.
        """
        missing = [name for name in _COLUMNS if name not in events.incident]
        missing += [name for name in (ARRIVAL_TIMES, MAXIMUM) if name not in events.extras]
        if missing:
            raise FormatError(f"format 'airshower-npz' needs {', '.join(missing)}, which these events do not have")
        super().append(events)


def _arrays(events: Events, array: SurfaceArray) -> dict[str, NDArray[Any]]:
    column = events.incident
    silent = np.isnan(events.extras[ARRIVAL_TIMES])
    theta, phi = column["theta"], column["phi"]
    axis = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    return {
        "detector": array.stations / m,
        "logE": np.log10(column["energy"] / eV),
        "mass": column["mass_number"],
        "Xmax": column["xmax"],
        "showercore": np.stack([column[f"core_{axis}"] for axis in "xyz"], axis=1) / m,
        "showeraxis": axis,
        "showermax": events.extras[MAXIMUM] / m,
        "time": events.extras[ARRIVAL_TIMES] / _SECOND,
        SIGNAL: np.where(silent[:, :, None], np.nan, array.traces(events.signals)).astype(np.float32),
    }


@contextmanager
def create(path: Path, detector: Detector, *, overwrite: bool = False) -> Iterator[AirShowerWriter]:
    """A writer whose file appears, whole, when the block ends well.

    Raises:
        FormatError: the detector is no array of stations.
        OutputExists: the file exists.
        WriteError: disk full or no permission; what was there is untouched.
    """
    detector = of_kind(detector, SurfaceArray, "format 'airshower-npz'", FormatError)
    check_free(path, overwrite=overwrite)
    writer = AirShowerWriter()
    yield writer
    events = Events.concatenate(writer.parts)
    write_npz(path, _arrays(events, detector), overwrite=overwrite)


def losses(source: EventSource) -> list[str]:
    """What would not come back."""
    words = left_out(source, _COLUMNS, (ARRIVAL_TIMES, MAXIMUM), provenance=False)
    return [*words, "the last bits of energies and angles (logarithms and unit vectors)"]


formats.register("airshower-npz")(
    Format(
        summary="air-shower npz (time in s, signal in VEM, logE, axis, core, Xmax)",
        extensions=(".npz",),
        sniff=sniff,
        open=AirShowerFile,
        create=create,
        kinds=("surface-array",),
        losses=losses,
    )
)
