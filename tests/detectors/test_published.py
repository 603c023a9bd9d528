"""Layouts against the facts that were published with them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, PhaseSpace, PolarGrid, SurfaceArray, catalog, from_spec
from moliere.detectors.atlas_layers import describe_parts
from moliere.errors import UnknownName


def layout(name: str) -> Calorimeter:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    return detector


@pytest.mark.parametrize("name", catalog.names())
def test_a_spec_is_json_that_other_programs_read(name: str) -> None:
    detector = catalog.get(name)
    spec = json.loads(json.dumps(detector.to_spec(), allow_nan=False))
    assert spec["kind"] == detector.kind
    assert from_spec(spec).to_spec() == detector.to_spec()


def test_no_two_detectors_are_equal() -> None:
    assert len({catalog.get(name) for name in catalog.names()}) == len(catalog.names())


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("calochallenge-1-photons", {0: (1, 8), 1: (10, 16), 2: (10, 19), 3: (1, 5), 12: (1, 5)}),
        (
            "calochallenge-1-pions",
            {0: (1, 8), 1: (10, 10), 2: (10, 10), 3: (1, 5), 12: (10, 15), 13: (10, 16), 14: (1, 10)},
        ),
    ],
)
def test_cells_of_each_atlas_layer(name: str, cells: dict[int, tuple[int, int]]) -> None:
    detector = layout(name)
    assert {layer.id: layer.grid.shape for layer in detector.read_out if layer.grid} == cells
    assert len(detector.layers) == 24  # unused ones are kept
    assert detector.threshold == 1.0
    assert detector.read_out[1].label == "EMB1"


def test_each_atlas_layer_is_said_to_be_a_part_of_the_detector() -> None:
    """All 24, as the documents list them; elsewhere nothing is said."""
    lines = layout("calochallenge-1-photons").atlas_parts
    assert [line.split(":")[0] for line in lines] == [
        "0 PreSamplerB",
        "1–3 EMB1–EMB3",
        "4 PreSamplerE",
        "5–7 EME1–EME3",
        "8–11 HEC0–HEC3",
        "12–14 TileBar0–TileBar2",
        "15–17 TileGap1–TileGap3",
        "18–20 TileExt0–TileExt2",
        "21–23 FCal0–FCal2",
    ]
    assert "  8–11 HEC0–HEC3: hadronic end-cap" in layout("calochallenge-1-photons").describe()
    assert layout("atlas-eta-055").atlas_parts[-1].startswith("20 TileExt2: hadronic extended barrel")
    assert layout("calochallenge-2").atlas_parts == []


def test_layers_of_a_part_that_do_not_follow_each_other_are_all_named() -> None:
    assert describe_parts(["EMB3", "EMB1"]) == ["1, 3 EMB1, EMB3: electromagnetic barrel, lead and liquid argon"]


def test_rings_of_the_photons_second_layer() -> None:
    grid = layout("calochallenge-1-photons").read_out[1].grid
    assert isinstance(grid, PolarGrid)
    assert grid.r_edges == (0, 2, 4, 6, 8, 10, 12, 15, 20, 30, 40, 50, 70, 90, 120, 150, 200)


@pytest.mark.parametrize(("name", "step"), [("calochallenge-2", 4.65), ("calochallenge-3", 2.325)])
def test_rings_and_depths_of_datasets_2_and_3(name: str, step: float) -> None:
    detector = layout(name)
    grid = detector.read_out[44].grid
    assert isinstance(grid, PolarGrid)
    assert np.diff(grid.r_edges) == pytest.approx(step)
    assert grid.r_edges[-1] == pytest.approx(41.85)
    assert detector.depths[-1, 1] == pytest.approx(153.0)
    assert detector.threshold == pytest.approx(0.5e-3 / 0.033, rel=1e-3)
    assert {layer.sampling_fraction for layer in detector.layers} == {0.033}


def test_channels_run_over_r_then_alpha_then_layers() -> None:
    signals = np.arange(2 * 6480, dtype=np.float32).reshape(2, 6480)
    block = layout("calochallenge-2").grid(signals)
    assert np.shares_memory(block, signals)
    assert block[1, 3, 5, 7] == 6480 + (3 * 16 + 5) * 9 + 7


def test_calogan() -> None:
    detector = layout("calogan")
    grids = [grid for grid in detector.grids if isinstance(grid, CartesianGrid)]
    assert [grid.shape for grid in grids] == [(3, 96), (12, 12), (12, 6)]
    sizes = [(grid.x_edges[1] - grid.x_edges[0], grid.y_edges[1] - grid.y_edges[0]) for grid in grids]
    assert sizes == [(160, 5), (40, 40), (40, 80)]
    # 90, 347 and 43 mm, at the nearest plate border of a 6 mm pitch
    assert np.diff(detector.depths, axis=1).ravel() == pytest.approx([90, 347, 43], abs=3)
    assert len(detector.stack) == 2 * 80


def test_the_largest_catalogue_entry_has_unique_neighbours() -> None:
    detector = layout("3dgan")
    pairs = np.sort(detector.neighbours(), axis=1)
    keys = pairs[:, 0] * detector.n_channels + pairs[:, 1]
    assert len(np.unique(keys)) == len(keys) == 25 * 2 * 51 * 50


def test_the_muon_flux() -> None:
    flux, polar = catalog.get("ship-muons"), catalog.get("ship-muons-polar")
    assert isinstance(flux, PhaseSpace)
    assert isinstance(polar, PhaseSpace)
    columns, polar_columns = ({column.name: column for column in x.columns} for x in (flux, polar))
    assert list(columns) == ["charge", "x", "y", "z", "px", "py", "pz"]
    assert list(polar_columns) == ["charge", "r", "theta", "z", "pt", "theta_pt", "pz"]
    # published in cm and GeV
    assert (columns["z"].low / 10, columns["z"].high / 10) == pytest.approx((-7084.922, -6460.765))
    assert (columns["pz"].low / 1e3, columns["pz"].high / 1e3) == pytest.approx((10.2658, 386.08))
    assert columns["x"].high == polar_columns["r"].high == 150
    assert polar_columns["theta"].high == pytest.approx(np.pi)


def test_the_air_shower_array() -> None:
    array = catalog.get("airshower-9x9")
    assert isinstance(array, SurfaceArray)
    assert (array.n_stations, array.n_bins, array.bin_width, array.shape) == (81, 80, 25.0, (9, 9))
    assert (array.stations[:, 2] == 1400e3).all()


def test_all_names_come_back_from_nearest_and_none_leads_out_of_the_folder() -> None:
    assert catalog.matching(40500) == ["calochallenge-3"]
    assert catalog.nearest(10**9)[0] == "3dgan"
    assert sorted(catalog.nearest(1)) == sorted(catalog.names())
    with pytest.raises(UnknownName):
        catalog.get("../data/calogan")
