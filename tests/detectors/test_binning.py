"""FastCaloSim's lists of rings and sectors: read as a detector, and written."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.cli import main
from moliere.detectors import Calorimeter, catalog, is_binning, load, write_binning
from moliere.errors import DetectorError, OutputExists
from moliere.events.formats import read_events, write_events

ATLAS = Path(__file__).parents[1] / "events" / "data" / "golden-atlas_eta_020.h5"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_binning(catalog.get("atlas-like-eta-020"), tmp_path / "binning.h5")
    return tmp_path / "binning.h5"


def test_what_is_written_is_read(written: Path) -> None:
    again, known = load(str(written)), catalog.get("atlas-like-eta-020")
    assert isinstance(again, Calorimeter)
    assert isinstance(known, Calorimeter)
    assert [layer.id for layer in again.layers] == [layer.id for layer in known.read_out]
    for grid, other in zip(again.grids, known.grids, strict=True):
        assert grid.shape == other.shape
        np.testing.assert_allclose(grid.r_edges, other.r_edges, rtol=1e-6)  # type: ignore[union-attr]


def test_cells_in_any_order_and_layers_of_several_axes_are_read(tmp_path: Path) -> None:
    """As FastCaloSim's own tests write them, with h5py alone; ring by ring instead of sector by sector."""
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["binstart_alpha_layer_2"] = np.tile([0.0, -np.pi], 3).astype("f4")
        file["binsize_alpha_layer_2"] = np.full(6, np.pi, "f4")
        file["binstart_radius_layer_2"] = np.repeat([0.0, 5.0, 20.0], 2).astype("f4")
        file["binsize_radius_layer_2"] = np.repeat([5.0, 15.0, 80.0], 2).astype("f4")
    detector = load(str(tmp_path / "b.h5"))
    assert isinstance(detector, Calorimeter)
    assert (detector.layers[0].label, detector.grids[0].shape) == ("EMB2", (2, 3))


def test_the_command_line_reads_and_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "b.h5"
    assert main(["info", "atlas-like-eta-020", "--save", str(path)]) == 0
    assert is_binning(path)
    assert main(["info", str(path)]) == 0
    assert "FastCaloSim's binning, read from b.h5" in capsys.readouterr().out
    with pytest.raises(OutputExists):
        write_binning(catalog.get("atlas-like-eta-020"), path)
    out = tmp_path / "slice.h5"
    write_events(out, read_events(ATLAS), "atlas-slices")
    write_binning(read_events(ATLAS).detector, path, overwrite=True)
    assert main(["check", str(out), "--detector", str(path)]) in {0, 1}  # named as a detector, where events are read
    assert "(b)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("binsize_alpha_layer_1", None, "an array of a layer is missing"),
        ("binsize_alpha_layer_1", np.ones(3), "same length"),
        ("binsize_radius_layer_1", np.array([b"x"]), "expected a number a cell"),
        ("binstart_radius_layer_1", np.float32(np.nan), "a ring runs from nan"),
        ("binstart_alpha_layer_1", np.float32(np.inf), "sectors begin at inf"),
        ("binsize_radius_layer_1", 0.0, "expected 0 <= start < end"),
    ],
)
def test_what_is_no_binning_is_refused(key: str, values: object, message: str, written: Path) -> None:
    with h5py.File(written, "a") as file:
        shape = file[key].shape
        del file[key]
        if values is not None:
            file[key] = np.full(shape, values) if np.ndim(values) == 0 else values
    with pytest.raises(DetectorError, match=message):
        load(str(written))


def test_other_files_and_detectors_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"no HDF5")
    for name in ("x.h5", "none.h5"):
        with pytest.raises(DetectorError):
            load(str(tmp_path / name))
    for name in ("calogan", "ship-muons"):
        with pytest.raises(DetectorError):
            write_binning(catalog.get(name), tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()
