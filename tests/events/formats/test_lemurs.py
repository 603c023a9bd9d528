"""LEMURS' showers are read in either form, with their axes in the detector's order."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import FormatError
from moliere.events.formats import open_events, read_events

SHAPE = (9, 16, 45)


def write(path: Path, *, compound: bool = False, unit: float = 1.0, response: float = 0.03, n: int = 5) -> Path:
    """All of a shower in ring 2, sector 3, layer 7."""
    energy = np.linspace(1e3, 1e5, n)
    showers = np.zeros((n, *SHAPE), np.float32)
    showers[:, 2, 3, 7] = response * energy
    columns = {"showers": showers, "incident_energy": energy / unit, "incident_theta": np.full(n, 1.4)}
    columns["incident_phi"] = np.full(n, 0.3)
    with h5py.File(path, "w") as file:
        if compound:
            fields = [(name, values.dtype, values.shape[1:]) for name, values in columns.items()]
            table = np.zeros(n, np.dtype(fields))
            for name, values in columns.items():
                table[name] = values
            file["events"] = table
        else:
            for name, values in columns.items():
                file[name] = values
    return path


@pytest.mark.parametrize("compound", [False, True])
@pytest.mark.parametrize(("unit", "response"), [(1, 0.8), (1, 0.03), (1000, 0.03), (1000, 0.144)])
def test_voxels_lie_in_their_cells_and_energies_are_mev(
    compound: bool, unit: float, response: float, tmp_path: Path
) -> None:
    events = read_events(write(tmp_path / "x.h5", compound=compound, unit=unit, response=response))
    np.testing.assert_allclose(events.energy, np.linspace(1e3, 1e5, 5))
    signals = events.signals.reshape(5, 45, 16, 9)
    np.testing.assert_allclose(signals[:, 7, 3, 2], response * events.energy, rtol=1e-6)
    assert np.count_nonzero(signals) == 5
    assert events.detector.name == "par04-calodit"
    assert set(events.incident) == {"energy", "theta", "phi"}


def test_rows_in_any_order(tmp_path: Path) -> None:
    source = open_events(write(tmp_path / "x.h5", compound=True))
    whole = source.take(slice(None))
    np.testing.assert_array_equal(source.take([3, 0, 3]).signals, whole.signals[[3, 0, 3]])


def test_no_events_are_none(tmp_path: Path) -> None:
    assert len(read_events(write(tmp_path / "x.h5", n=0))) == 0


def test_another_detector_is_refused(polar: Calorimeter, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"has rings, sectors and layers \(9, 16, 45\), but toy-polar"):
        open_events(write(tmp_path / "x.h5"), polar)
    assert open_events(write(tmp_path / "x.h5"), catalog.get("calochallenge-2")).detector.name == "calochallenge-2"


@pytest.mark.parametrize("key", ["incident_energy", "showers"])
def test_fields_of_another_shape_are_refused(key: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        del file[key]
        file[key] = np.ones((3, 2, 2, 2))
    with pytest.raises(FormatError):
        read_events(path)
