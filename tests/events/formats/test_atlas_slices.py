"""ATLAS eta slices are read in the order that their bins tell, and bins that form no grid are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.detectors import Calorimeter, Layer, PolarGrid, catalog
from moliere.detectors.binning import bins_of, find_binning
from moliere.errors import DetectorError, FormatError, InvalidEvents
from moliere.events import Events
from moliere.events.formats import create_events, formats, open_events, read_events, write_events

Changed = Callable[..., Path]
GOLDEN = Path(__file__).parents[1] / "data" / "golden-atlas_eta_020.h5"
#: file order of the cells of layer 1: ring by ring, sectors from alpha 0
ALPHA, RADIUS = "binstart_alpha_layer_1", "binstart_radius_layer_1"


def test_the_golden_file() -> None:
    events = read_events(GOLDEN)
    detector = events.detector
    assert isinstance(detector, Calorimeter)
    assert detector.name == "atlas-eta-020"
    assert [(layer.id, layer.name) for layer in detector.layers] == [(1, "EMB1"), (12, "TileBar0")]
    assert detector.grids == (PolarGrid((0.0, 4.65, 9.3), 4), PolarGrid((0.0, 100.0, 400.0), 2))
    assert events.energy.tolist() == [1000, 2000]
    # sectors count from -pi, rings are fastest: alpha 0 is sector 2 of 4
    found = {(int(k), int(c)): round(float(events.signals[k, c]), 3) for k, c in np.argwhere(events.signals)}
    assert found == {(0, 4): 100, (0, 6): 200, (0, 3): 300, (0, 9): 250, (1, 2): 1000, (1, 10): 250}


def test_the_order_of_cells_is_found(polar: Calorimeter) -> None:
    grid = PolarGrid((0.0, 4.65, 9.3, 20.0), 14)
    shuffled = np.random.default_rng(0).permutation(grid.n_cells)
    alpha, alpha_size, r, r_size = (values[shuffled].astype(np.float32) for values in bins_of(grid).values())
    binning = find_binning("layer 2", alpha, alpha_size, r, r_size)
    np.testing.assert_allclose(binning.grid.r_edges, grid.r_edges, atol=1e-4)
    assert (shuffled[binning.order] == np.arange(grid.n_cells)).all()


def test_what_is_written_is_read(polar_events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", polar_events, "atlas-slices")
    file = open_events(tmp_path / "e.h5")
    again = file.take(slice(None))
    assert again.detector == polar_events.detector
    assert (again.signals == polar_events.signals).all()
    assert (again.energy == polar_events.energy).all()
    assert (file.take(np.array([5, 3, 3])).signals == polar_events.signals[[5, 3, 3]]).all()
    assert formats["atlas-slices"].losses(polar_events) == []
    write_events(tmp_path / "none.h5", polar_events[:0], "atlas-slices")
    assert len(read_events(tmp_path / "none.h5")) == 0


def test_written_files_are_the_published_layout(polar_events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", polar_events, "atlas-slices")
    with h5py.File(tmp_path / "e.h5", "a") as file:
        np.testing.assert_allclose(
            file["energy_layer_1"][...].sum(axis=1) * file["incident_energy"][...],
            polar_events.signals[:, 4:16].sum(axis=1),
            rtol=1e-5,
        )
        assert file["binstart_radius_layer_1"][:4].tolist() == [0, 5, 15, 0]
        np.testing.assert_allclose(file["binsize_alpha_layer_1"][...], np.pi / 2)
        del file.attrs["detector_spec"]
    again = read_events(tmp_path / "e.h5")
    assert again.detector.name == "atlas-slice"
    assert again.detector.grids == polar_events.detector.grids  # type: ignore[attr-defined]
    assert (again.signals == polar_events.signals).all()


def test_a_detector_chooses_layers() -> None:
    grid = PolarGrid((0.0, 100.0, 400.0), 2)
    events = read_events(GOLDEN, Calorimeter("tile", (Layer(id=12, grid=grid),)))
    assert events.signals.tolist() == [[0, 250, 0, 0], [0, 0, 250, 0]]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Layer(id=12, grid=PolarGrid((0.0, 100.0, 300.0), 2)), r"layer 12 \(TileBar0\) has ring edges .* leave the"),
        (Layer(id=12, grid=PolarGrid((0.0, 100.0, 400.0), 4)), r"has \(2, 2\) sectors and rings, but .* \(4, 2\)"),
        (Layer(id=2, grid=PolarGrid((0.0, 100.0), 4)), "has layers 1, 12, but not 2 of the detector"),
    ],
)
def test_other_detectors_do_not_fit(layer: Layer, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        open_events(GOLDEN, Calorimeter("toy", (layer,)))


def test_rows_and_columns_cannot_be_written(cartesian_events: Events, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="rings and sectors"):
        write_events(tmp_path / "e.h5", cartesian_events, "atlas-slices")
    array = catalog.get("airshower-9x9")
    with pytest.raises(FormatError, match="is none"), create_events(tmp_path / "e.h5", array, "atlas-slices"):
        pass


RINGS = np.repeat([0.0, 4.65], 4)


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({RADIUS: np.repeat([0.0, 4.0], 4)}, r"layer 1 \(EMB1\): rings 0 – 4.65 and 4 – 8.65 mm overlap"),
        ({RADIUS: np.repeat([0.0, 5.0], 4)}, r"layer 1 \(EMB1\): rings 0 – 4.65 and 5 – 9.65 mm leave a gap"),
        ({"binsize_radius_layer_1": np.full(8, -1.0)}, "a ring runs from 0 to -1 mm"),
        ({RADIUS: np.full(8, np.nan)}, "a ring runs from nan to nan mm"),
        (
            {"binsize_alpha_layer_1": np.ones(8)},
            r"layer 1 .*sectors begin at 0, 1.5708, 3.1416, 4.7124 rad and are 1 rad",
        ),
        ({ALPHA: np.tile(np.arange(4) * np.pi / 2 + 0.3, 2)}, r"expected 4 equal ones of \[-pi, pi\]"),
        ({RADIUS: np.zeros(8)}, "lists 8 cells, 4 of them different, but has 4 sectors of 1 rings"),
        ({ALPHA: np.zeros(7)}, "the arrays of bins 7, 8, 8, 8 entries"),
        ({"energy_layer_1": np.zeros((3, 8))}, r"energies have shape \(3, 8\).*expected \(2, n_cells\)"),
        ({ALPHA: None}, f"no dataset '{ALPHA}'"),
        ({"incident_energy": None}, "no dataset 'incident_energy'"),
        ({"incident_energy": np.array([b"a", b"b"])}, "expected numbers"),
        ({"energy_layer_1": None, "energy_layer_12": None}, "has no layer with cells"),
    ],
)
def test_wrong_files_say_what_is_wrong(datasets: dict[str, np.ndarray | None], message: str, changed: Changed) -> None:
    with pytest.raises(FormatError, match=message):
        read_events(changed(GOLDEN, **datasets), format="atlas-slices")


def test_signals_that_are_no_fractions_are_recognised(changed: Changed) -> None:
    path = changed(GOLDEN, energy_layer_1=np.full((2, 8), 120.0))
    with pytest.raises(InvalidEvents, match="median response"):
        read_events(path)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_truncated_files_are_recognised(keep: int, tmp_path: Path) -> None:
    (tmp_path / "cut.h5").write_bytes(GOLDEN.read_bytes()[:keep])
    with pytest.raises(FormatError, match="truncated"):
        read_events(tmp_path / "cut.h5", format="atlas-slices")
