"""Every layout of the catalogue holds what detectors promise."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from moliere.detectors import Calorimeter, SurfaceArray, catalog, from_spec, load
from moliere.errors import DetectorError, UnknownName

CHANNELS = {
    "calochallenge-1-photons": 368,
    "calochallenge-1-pions": 533,
    "calochallenge-2": 6480,
    "calochallenge-3": 40500,
    "calogan": 504,
    "3dgan": 65025,
    "par04-calodit": 9 * 16 * 45,
    "par04-vae": 18 * 50 * 45,
    "airshower-9x9": 81 * 80,
    "ship-muons": 7,
    "ship-muons-polar": 7,
    "ship-muons-rareness": 4,
    "atlas-eta-000": 5 * 336,
    "atlas-eta-020": 7 * 336,
    "atlas-eta-055": 10 * 336,
    "atlas-eta-060": 12 * 336,
    "atlas-eta-085": 13 * 336,
    "atlas-eta-095": 14 * 336,
    "atlas-like-eta-000": 5 * 336,
    "atlas-like-eta-020": 7 * 336,
    "atlas-like-eta-040": 7 * 336,
}
CALORIMETERS = [name for name in catalog.names() if isinstance(catalog.get(name), Calorimeter)]


def calorimeter(name: str) -> Calorimeter:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    return detector


def test_the_catalogue_is_complete() -> None:
    assert {name: catalog.get(name).n_channels for name in catalog.names()} == CHANNELS


@pytest.mark.parametrize("name", catalog.names())
def test_a_detector_travels_as_json_and_as_pickle(name: str) -> None:
    detector = catalog.get(name)
    assert from_spec(json.loads(json.dumps(detector.to_spec()))) == detector
    again = pickle.loads(pickle.dumps(detector))
    assert again == detector
    assert hash(again) == hash(detector)
    assert name in detector.describe()


@pytest.mark.parametrize("name", CALORIMETERS)
def test_slices_tile_the_channels(name: str) -> None:
    detector = calorimeter(name)
    channels = np.concatenate([np.arange(detector.n_channels)[part] for part in detector.slices])
    assert (channels == np.arange(detector.n_channels)).all()
    assert len(detector.r) == len(detector.alpha) == len(detector.centres) == detector.n_channels
    assert np.bincount(detector.layer_of_channel).tolist() == [grid.n_cells for grid in detector.grids]


@pytest.mark.parametrize("name", CALORIMETERS)
def test_centres_and_volumes_are_known_where_the_stack_is(name: str) -> None:
    detector = calorimeter(name)
    assert np.isfinite(detector.centres[:, :2]).all()
    if detector.stack:
        assert np.isfinite(detector.centres).all()
        assert (detector.volumes > 0).all()
        assert (np.diff(detector.depths[:, 0]) > 0).all()


@pytest.mark.parametrize("name", [name for name in CALORIMETERS if CHANNELS[name] < 10_000])
def test_neighbours_share_a_layer_and_are_named_once(name: str) -> None:
    detector = calorimeter(name)
    pairs = detector.neighbours()
    assert pairs.min() >= 0
    assert pairs.max() < detector.n_channels
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == len(pairs)
    assert (detector.layer_of_channel[pairs[:, 0]] == detector.layer_of_channel[pairs[:, 1]]).all()


def test_the_w_si_stack_is_par04s() -> None:
    detector = calorimeter("calochallenge-2")
    assert sum(plate.thickness for plate in detector.stack) == pytest.approx(153.0)
    assert np.diff(detector.depths[:, 0]) == pytest.approx(3.4)
    assert detector.grid(np.zeros((2, 6480), np.float32)).shape == (2, 45, 16, 9)


def test_irregular_layers_are_no_dense_block() -> None:
    with pytest.raises(DetectorError, match=r"use detector\.slices"):
        calorimeter("calogan").grid(np.zeros((1, 504), np.float32))


def test_cell_areas_fill_the_layer() -> None:
    detector = calorimeter("calochallenge-1-photons")
    for grid in detector.grids:
        assert grid.areas.sum() == pytest.approx(np.pi * grid.r_edges[-1] ** 2)  # type: ignore[union-attr]


def test_wrong_names_get_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'calochallenge-2'"):
        catalog.get("calochalenge-2")
    assert catalog.nearest(370)[0] == "calochallenge-1-photons"
    assert catalog.matching(6480) == ["calochallenge-2"]
    assert catalog.matching(504) == ["calogan"]
    assert catalog.matching(12) == []
    assert load("calogan") is catalog.get("calogan")


def test_footprints_sum_over_time() -> None:
    array = catalog.get("airshower-9x9")
    assert isinstance(array, SurfaceArray)
    signals = np.ones((2, array.n_channels), np.float32)
    assert (array.footprint(signals) == 80).all()
    assert array.footprint(signals).shape == (2, 81)


def test_offset_rows_are_shifted_by_half_a_spacing() -> None:
    array = catalog.get("airshower-9x9")
    assert isinstance(array, SurfaceArray)
    grid = array.stations.reshape(9, 9, 3)
    assert grid[0, 1, 0] - grid[0, 0, 0] in (750e3, -750e3)
    assert grid[1, 0, 0] - grid[0, 0, 0] == pytest.approx(1500e3)
    assert grid[0, 1, 1] - grid[0, 0, 1] == pytest.approx(1500e3 * np.sin(np.pi / 3))


def test_detectors_come_without_torch() -> None:
    code = "import sys, moliere.detectors; print('torch' in sys.modules, 'h5py' in sys.modules)"
    assert "True" not in subprocess.check_output([sys.executable, "-c", code], text=True).split()[0]
