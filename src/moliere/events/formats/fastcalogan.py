"""ATLAS FastCaloGAN's open data: CSV, a file per particle, energy and eta slice, a row an event, a column a voxel.

Names say what came in: ``pid22_E65536_eta_20_25_voxalisation.csv`` are photons of 65536 MeV at eta 0.20 to 0.25
(``E`` is the momentum in the collaboration's production; the incident energy here is that number, as in
CaloChallenge's data set 1, a part of these data). Voxels are in MeV, in the order layer, alpha, r of ``binning.xml``,
which lies beside.

A file is read whole when one of its events is asked for, and the last one is kept: 10,000 events take 15 MB.

References:
    AtlFast3: the next generation of fast simulation in ATLAS, ATLAS Collaboration 2021,
    https://arxiv.org/abs/2109.02551
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, Detector
from moliere.detectors.base import Ints
from moliere.detectors.xml import read_xml
from moliere.errors import DetectorError, FormatError
from moliere.events.formats.base import FileSource, Format, Rows, formats
from moliere.events.formats.published import calorimeter

BINNING = "binning.xml"
#: longer than any number is written
_NUMBER_BYTES = 40
_NAME = re.compile(r"pid(-?\d+)_E(\d+)_eta_(-?\d+)_(-?\d+).*\.csv")


@dataclass(frozen=True)
class EnergyPoint:
    """One CSV file, as its name tells it.

    Args:
        path: the file.
        pdg_id: of the incident particles.
        energy: in MeV.
        eta: middle of the slice.
        n_events: number of rows.
    """

    path: Path
    pdg_id: int
    energy: float
    eta: float
    n_events: int


def sniff(path: Path) -> bool:
    """Whether a file, or one in a folder, is named as FastCaloGAN's are."""
    return bool(_named(path))


class FastCaloGanFiles(FileSource):
    """Events in one CSV file or in all of a folder, in order of particle, eta and energy.

    Args:
        path: a CSV file or a folder of them.
        detector: what was read out; by default what ``binning.xml`` beside the files says.

    Raises:
        FormatError: names that do not say what came in, files without events, no or no matching ``binning.xml``, files
            of different binnings.
        DetectorError: ``binning.xml`` cannot be understood.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        samples = _samples(path)
        detector = calorimeter(path, detector or _binning(path, samples))
        counts = [sample.n_events for sample in samples]
        columns = {name: [getattr(sample, name) for sample in samples] for name in ("energy", "pdg_id", "eta")}
        incident = {name: np.repeat(values, counts) for name, values in columns.items()}
        super().__init__(path, detector, sum(counts), incident)
        self._samples = samples
        self._first = np.cumsum([0, *counts])
        self._last_read: tuple[int, NDArray[np.float32]] | None = None

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in MeV, (n_rows, n_voxels)."""
        wanted: Ints = np.arange(len(self))[rows]
        sample = np.searchsorted(self._first, wanted, side="right") - 1
        parts = [self._read(int(k))[wanted[sample == k] - self._first[k]] for k in np.unique(sample)]
        return np.concatenate([np.empty((0, self.detector.n_channels), np.float32), *parts])

    def _read(self, position: int) -> NDArray[np.float32]:
        if self._last_read is None or self._last_read[0] != position:
            self._last_read = None  # before the next is read, so that there is never more than one
            self._last_read = position, read_csv(self._samples[position].path, self.detector.n_channels)
        return self._last_read[1]


def read_csv(path: Path, n_columns: int) -> NDArray[np.float32]:
    """Numbers of a file without a header, (n_rows, n_columns).

    Raises:
        FormatError: a row with another number of columns, or a column that is no number, and the line it is in.
    """
    with path.open("rb") as file:
        if len(file.readline(most := _NUMBER_BYTES * n_columns)) == most:
            raise FormatError(f"{path}: the first line has more than {most} letters, too many for {n_columns} numbers")
    try:
        # 20,000 rows of 368 a second; pyarrow makes 35,000, which is not worth a dependency
        values = np.loadtxt(path, np.float32, delimiter=",", comments=None, ndmin=2)
    except ValueError as error:
        raise FormatError(_first_fault(path, n_columns) or f"{path}: {error}") from error
    if values.shape[1] != n_columns:
        raise FormatError(_first_fault(path, n_columns))
    return values


def _first_fault(path: Path, n_columns: int) -> str:
    """The first line that is wrong; numpy counts rows, and not always from 1."""
    with path.open() as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip("\r\n").split(",")
            if line.strip() and len(fields) != n_columns:
                return f"{path}, line {number}: {len(fields)} columns, but the detector has {n_columns} voxels"
            wrong = [k for k, field in enumerate(fields, 1) if line.strip() and not _is_number(field)]
            if wrong:
                return f"{path}, line {number}, column {wrong[0]}: {fields[wrong[0] - 1]!r} is not a number"
    return ""


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _named(path: Path) -> dict[Path, re.Match[str]]:
    """The files of FastCaloGAN's names; of a folder those that lie in it."""
    files = path.glob("*.csv") if path.is_dir() else [path]
    return {file: match for file in files if (match := _NAME.fullmatch(file.name)) and file.is_file()}


def _samples(path: Path) -> list[EnergyPoint]:
    samples = [_sample(file, match) for file, match in _named(path).items()]
    if not samples:
        raise FormatError(
            f"{path}: no file named like pid22_E65536_eta_20_25_voxalisation.csv; the name says which particles came in"
        )
    return sorted(samples, key=lambda sample: (sample.pdg_id, sample.eta, sample.energy))


def _sample(path: Path, match: re.Match[str]) -> EnergyPoint:
    pid, energy, low, high = map(int, match.groups())
    with path.open("rb") as file:
        n_events = sum(1 for line in file if line.strip())
    if n_events == 0:
        raise FormatError(f"{path} is empty: no events; copy it again or remove it")
    return EnergyPoint(path, pid, float(energy), (low + high) / 200, n_events)


def _binning(path: Path, samples: Sequence[EnergyPoint]) -> Calorimeter:
    """The detector of all samples, which must be the same."""
    binning = (path if path.is_dir() else path.parent) / BINNING
    if not binning.exists():
        raise FormatError(
            f"{path}: there is no {BINNING} beside it; copy it there, or name such a file as the detector",
            options=("--detector FILE.xml",),
        )
    found = {(abs(sample.pdg_id), sample.eta): sample for sample in samples}
    first, *others = (_read_binning(binning, sample) for sample in found.values())
    if any(other.layers != first.layers for other in others):
        listed = ", ".join(f"{pid} at eta {eta:g}" for pid, eta in found)
        raise FormatError(f"{path} holds particles {listed}, whose voxels differ; open the files of one of them alone")
    return first


def _read_binning(path: Path, sample: EnergyPoint) -> Calorimeter:
    """The Bin of a particle, or of its antiparticle, whose range in |eta| holds the file's."""
    try:
        found = read_xml(path, str(sample.pdg_id), sample.eta)
    except DetectorError as error:
        try:
            found = read_xml(path, str(-sample.pdg_id), sample.eta)
        except DetectorError:
            raise error from None
    return replace(found, name=f"fastcalogan-{abs(sample.pdg_id)}")


formats.register("fastcalogan")(
    Format(
        summary="ATLAS FastCaloGAN open data (CSV of voxels in MeV, binning.xml beside)",
        extensions=(".csv",),
        sniff=sniff,
        open=FastCaloGanFiles,
    )
)
