"""Points fall into the cells that they lie in, and nothing is lost on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, Layer, PolarGrid, catalog
from moliere.errors import DetectorError
from moliere.events.voxelise import channels_at, collect, layers_at


@pytest.fixture
def deep(polar: Calorimeter) -> Calorimeter:
    """The polar toy with depths: a gap of 2 mm before its last layer."""
    depths = [(0.0, 10.0), (10.0, 30.0), (32.0, 40.0)]
    return replace(polar, layers=tuple(replace(layer, z=z) for layer, z in zip(polar.layers, depths, strict=True)))


def test_depths_become_layers(deep: Calorimeter) -> None:
    z = np.array([-0.1, 0.0, 9.99, 10.0, 29.9, 30.0, 31.9, 32.0, 40.0, 40.1, np.nan])
    assert layers_at(deep, z).tolist() == [-1, 0, 0, 1, 1, -1, -1, 2, 2, -1, -1]


def test_layers_need_not_be_in_order_of_depth(deep: Calorimeter) -> None:
    turned = replace(deep, layers=deep.layers[::-1])
    assert layers_at(turned, np.array([1.0, 11.0, 33.0, 31.0])).tolist() == [2, 1, 0, -1]


def test_every_cell_holds_its_own_centre(polar: Calorimeter) -> None:
    for detector in (polar, catalog.get("calogan"), catalog.get("calochallenge-1-pions"), catalog.get("3dgan")):
        assert isinstance(detector, Calorimeter)
        x, y = np.concatenate([grid.centres for grid in detector.grids]).T
        found = channels_at(detector, detector.layer_of_channel, x, y)
        assert (found == np.arange(detector.n_channels)).all()


@pytest.mark.parametrize(
    ("x", "y", "channel"),
    [
        (-30.0, -20.0, 0),  # lower edges belong to a cell
        (-10.0, 0.0, 3),  # an edge between two cells belongs to the upper one
        (30.0, 20.0, 5),  # the last edges belong to the last cell
        (30.001, 0.0, -1),
        (-30.001, 0.0, -1),
        (np.nan, 0.0, -1),
    ],
)
def test_edges_of_rows_and_columns(cartesian: Calorimeter, x: float, y: float, channel: int) -> None:
    assert channels_at(cartesian, np.array([0]), np.array([x]), np.array([y])).tolist() == [channel]


@pytest.mark.parametrize(
    ("r", "alpha", "cell"),
    [
        (1.0, -np.pi + 0.01, 0),
        (5.0, -np.pi / 2 + 0.01, 4),  # ring 1 of sector 1
        (44.9, np.pi - 0.01, 11),
        (1.0, np.pi, 9),  # the last edge belongs to the last sector
        (45.1, 0.0, None),
    ],
)
def test_rings_and_sectors(polar: Calorimeter, r: float, alpha: float, cell: int | None) -> None:
    x, y = (
        np.array([r * np.cos(alpha)]),
        np.array([max(r * np.sin(alpha), 0.0) if alpha == np.pi else r * np.sin(alpha)]),
    )
    expected = -1 if cell is None else polar.slices[1].start + cell
    assert channels_at(polar, np.array([1]), x, y).tolist() == [expected]


def test_a_hole_around_the_axis_is_outside() -> None:
    detector = Calorimeter("ring", (Layer(id=0, grid=PolarGrid((10.0, 20.0), 2)),))
    assert channels_at(detector, np.zeros(2, int), np.array([5.0, 15.0]), np.zeros(2)).tolist() == [-1, 1]


def test_sums_are_those_of_numpy(deep: Calorimeter) -> None:
    rng = np.random.default_rng(0)
    n, n_events = 5000, 7
    x, y, z = rng.normal(0, 20, n), rng.normal(0, 20, n), rng.uniform(-5, 45, n)
    energy, event = rng.exponential(1, n), rng.integers(0, n_events, n)
    layer = layers_at(deep, z)
    voxels = collect(deep, event, channels_at(deep, layer, x, y), energy, n_events)
    for k, (start, end) in enumerate(deep.depths):
        grid = deep.grids[k]
        assert isinstance(grid, PolarGrid)
        inside = (z >= start) & (z < end)
        edges = np.arange(n_events + 1), np.linspace(-np.pi, np.pi, grid.n_alpha + 1), np.array(grid.r_edges)
        points = np.stack([event, np.arctan2(y, x), np.hypot(x, y)], axis=1)[inside]
        expected, _ = np.histogramdd(points, edges, weights=energy[inside])
        np.testing.assert_allclose(voxels.signals[:, deep.slices[k]], expected.reshape(n_events, -1), rtol=1e-6)
    total = np.bincount(event, energy, n_events)
    np.testing.assert_allclose(voxels.signals.sum(axis=1) + voxels.outside, total, rtol=1e-6)
    assert (voxels.outside > 0).all()


def test_no_points_are_no_energy(polar: Calorimeter) -> None:
    none = np.empty(0, int)
    voxels = collect(polar, none, none, np.empty(0), 2)
    assert voxels.signals.shape == (2, 24)
    assert voxels.signals.sum() == voxels.outside.sum() == 0
    assert collect(polar, none, none, np.empty(0), 0).signals.shape == (0, 24)


def test_detectors_without_depths_are_refused(polar: Calorimeter) -> None:
    with pytest.raises(
        DetectorError, match=r"toy-polar does not say at which depth its layer 0 lies.*z = \[start, end\]"
    ):
        layers_at(polar, np.zeros(1))


def test_layers_that_overlap_are_refused() -> None:
    grid = CartesianGrid((0.0, 1.0), (0.0, 1.0))
    layers = Layer(id=0, grid=grid, name="front", z=(0.0, 10.0)), Layer(id=1, grid=grid, name="back", z=(9.0, 20.0))
    with pytest.raises(DetectorError, match="front ends at 10 mm and back begins at 9 mm"):
        layers_at(Calorimeter("toy", layers), np.zeros(1))
