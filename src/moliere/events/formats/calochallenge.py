"""CaloChallenge HDF5: ``incident_energies`` (n, 1) and ``showers`` (n, n_voxels), both in MeV, gzip or blosc.

moliere's own files are the same with four additions that other readers ignore: a group ``incident`` with further
incident columns, ``weights``, a group ``extras``, and attributes that say detector and provenance.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, Detector, catalog, from_spec
from moliere.errors import FormatError, UnknownName
from moliere.events.events import Events
from moliere.events.formats import lemurs
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.growing import GZIP, GrowingFile, Packing, growing
from moliere.events.formats.hdf5 import Hdf5Source, column, dataset, further, looks_like, names_in, reading

ENERGIES, SHOWERS = "incident_energies", "showers"
INCIDENT, EXTRAS, WEIGHTS = "incident", "extras", "weights"
#: keys of the HGCal challenge and ShowerData
_OTHERS = {"gen_info", "shape"}

_FILTERS: dict[str, Packing] = {
    "gzip": GZIP,
    "blosc": dict(hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE)),
    "none": {},
}
#: moliere's additions
_OWN: dict[str, type] = {INCIDENT: h5py.Group, EXTRAS: h5py.Group, WEIGHTS: h5py.Dataset}
Compression = Literal["gzip", "blosc", "none"]


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with one of the two keys, and with none of another layout's that has the second, too."""
    return looks_like(path, ENERGIES) or (
        looks_like(path, SHOWERS) and not names_in(path) & _OTHERS and not lemurs.sniff(path)
    )


class CaloChallengeFile(Hdf5Source):
    """Events in an HDF5 file.

    Args:
        path: the file.
        detector: what was read out; ``None`` takes it from the file, or from the number of voxels.

    Raises:
        FormatError: not HDF5, truncated, keys missing or misnamed, shapes that do not fit each other or any detector.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        with reading(path) as file:
            metadata = _read_attributes(file)
            showers = dataset(file, SHOWERS)
            energies = None if _is_data(file, metadata) else dataset(file, ENERGIES)
            n_events, n_voxels = _check_shapes(path, showers, energies)
            detector = detector or _recognise(path, metadata, n_voxels)
            if detector.n_channels != n_voxels:
                raise FormatError(
                    f"{path} has {n_voxels} voxels, but detector {detector.name} has "
                    f"{detector.n_channels}; {_suggest(n_voxels)}"
                )
            rest = further(file, n_events, {ENERGIES, SHOWERS, *(name for name in _OWN if _is_own(file, name))})
            incident = _read_incident(file, n_events, energies)
            _check_axes(path, showers.shape[1:], detector)
            weights = column(file, WEIGHTS, n_events).astype(np.float64) if _is_own(file, WEIGHTS) else None
            own = {name: f"{EXTRAS}/{name}" for name in file[EXTRAS]} if _is_own(file, EXTRAS) else {}
            _check_extras(file, own.values(), n_events)
            rest.extras |= own
            super().__init__(path, detector, n_events, incident, rest, weights, metadata)

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in MeV, (n_rows, n_voxels)."""
        with reading(self.path) as file:
            showers = np.asarray(file[SHOWERS][rows], dtype=np.float32)
        return showers.reshape(len(showers), self.detector.n_channels)


def _is_own(file: h5py.File, name: str) -> bool:
    """Whether a file has one of moliere's additions, and not something else of that name."""
    return isinstance(file.get(name), _OWN[name])


def _check_extras(file: h5py.File, keys: Iterable[str], n_events: int) -> None:
    for key in keys:
        if not isinstance(file[key], h5py.Dataset) or file[key].shape[:1] != (n_events,):
            raise FormatError(f"{file.filename}: {key} should have a row for each of {n_events} events; remove it")


def _is_data(file: h5py.File, metadata: Mapping[str, Any]) -> bool:
    """Whether nobody knows what came in, as of air showers that were measured; of calorimeters it is always known."""
    spec = metadata.get("detector_spec")
    return ENERGIES not in file and isinstance(spec, dict) and spec.get("kind") != Calorimeter.kind


def _check_shapes(path: Path, showers: h5py.Dataset, energies: h5py.Dataset | None) -> tuple[int, int]:
    n = showers.shape[0] if showers.ndim >= 2 else -1
    if showers.ndim < 2 or (energies is not None and energies.shape not in {(n, 1), (n,)}):
        found = f" and {ENERGIES} has shape {energies.shape}" if energies is not None else ""
        raise FormatError(
            f"{path}: {SHOWERS} has shape {showers.shape}{found}; expected (n_events, n_voxels) and (n_events, 1)"
        )
    return n, int(np.prod(showers.shape[1:]))


def _check_axes(path: Path, axes: tuple[int, ...], detector: Detector) -> None:
    """Several axes an event are fine where they are the detector's own: layer, alpha, r."""
    long = tuple(axis for axis in axes if axis > 1)
    grids = detector.grids if isinstance(detector, Calorimeter) else ()
    own = tuple(axis for axis in (len(grids), *(grids[0].shape if grids else ())) if axis > 1)
    if len(long) > 1 and (long != own or len({grid.shape for grid in grids}) > 1):
        raise FormatError(
            f"{path}: {SHOWERS} has axes {axes} an event, which are not the layers and cells {own} of {detector.name}; "
            "bring the axes into the order layer, alpha, r, then reshape(len(showers), -1)"
        )


def _recognise(path: Path, metadata: Mapping[str, Any], n_voxels: int) -> Detector:
    """The detector that a file names, else the one that has as many channels."""
    if isinstance(metadata.get("detector_spec"), dict):
        return from_spec(metadata["detector_spec"])
    if isinstance(metadata.get("detector"), str):
        with suppress(UnknownName):
            return catalog.get(metadata["detector"])
    names = catalog.matching(n_voxels)
    if len(names) == 1:
        return catalog.get(names[0])
    if names:
        raise FormatError(
            f"{path} has {n_voxels} voxels, as have {', '.join(names)}; say which", options=("--detector NAME",)
        )
    raise FormatError(
        f"{path} has {n_voxels} voxels, which fits no detector of the catalogue; {_suggest(n_voxels)}",
        options=("--detector FILE.toml",),
    )


def _suggest(n_voxels: int) -> str:
    name = catalog.nearest(n_voxels)[0]
    return (
        f"the nearest is {name} with {catalog.get(name).n_channels}; "
        "describe your own in a .toml or .xml file, and name that file as the detector"
    )


def _read_incident(file: h5py.File, n_events: int, energies: h5py.Dataset | None) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    if energies is not None:
        columns["energy"] = np.asarray(energies, dtype=np.float64).reshape(-1)
    if _is_own(file, INCIDENT):
        columns |= {name: column(file, f"{INCIDENT}/{name}", n_events) for name in file[INCIDENT]}
    return columns


def _read_attributes(file: h5py.File) -> dict[str, Any]:
    """Attributes as plain Python values; tables that are held as JSON are decoded, other programs' words are kept."""
    plain = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in file.attrs.items()}
    for key in {"detector_spec", "provenance"} & set(plain):
        with suppress(ValueError, TypeError):
            plain[key] = json.loads(plain[key])
    provenance = plain.get("provenance")
    if isinstance(provenance, dict):
        del plain["provenance"]
        plain = {**provenance, **plain}
    return plain


def _datasets(events: Events) -> dict[str, NDArray[Any]]:
    # float64: the incident energy conditions a model, and float32 would not come back as it went in
    datasets: dict[str, NDArray[Any]] = {SHOWERS: events.signals}
    if "energy" in events.incident or events.detector.measures_energy:
        datasets[ENERGIES] = events.energy[:, None]
    datasets |= {f"incident/{name}": column for name, column in events.incident.items() if name != "energy"}
    datasets |= {f"extras/{name}": rows for name, rows in events.extras.items()}
    return datasets if events.weights is None else {**datasets, "weights": events.weights}


@contextmanager
def create(
    path: Path, detector: Detector, *, overwrite: bool = False, compression: Compression = "gzip"
) -> Iterator[GrowingFile]:
    """A writer whose file appears, whole, when the block ends well.

    Raises:
        OutputExists: the file exists.
        WriteError: disk full or no permission; what was there is untouched.
    """
    with growing(Path(path), detector, _datasets, overwrite=overwrite, packing=_FILTERS[compression]) as writer:
        yield writer


formats.register("calochallenge")(
    Format(
        summary="CaloChallenge HDF5 (incident_energies, showers; MeV)",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=CaloChallengeFile,
        create=create,
        kinds=("calorimeter", "surface-array", "phase-space"),
    )
)
