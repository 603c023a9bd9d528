from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.report.projection_picture import draw_projections, projection_table
from moliere.report.projections import Lattice, build_lattice, project
from moliere.report.scene import build_scene

_COARSE = CartesianGrid((0.0, 4.0), (0.0, 2.0, 4.0))
_FINE = CartesianGrid((0.0, 1.0, 4.0), (0.0, 4.0))
_BOXES = Calorimeter("boxes", (Layer(0, _COARSE, z=(0.0, 10.0)), Layer(1, _FINE, z=(20.0, 30.0))))


def _lattice(detector: Calorimeter) -> Lattice:
    lattice = build_lattice(detector, build_scene(detector))
    assert lattice is not None
    return lattice


def test_boxes_are_shared_by_area_and_layers_meet_halfway() -> None:
    lattice = _lattice(_BOXES)
    front, above, side = project(_BOXES, lattice, np.array([8.0, 4.0, 2.0, 6.0]))
    assert lattice.front.u.tolist() == [0.0, 1.0, 4.0]
    assert lattice.above.u.tolist() == [0.0, 15.0, 30.0]
    assert front.tolist() == [[2.0 + 1.0, 1.0 + 1.0], [6.0 + 3.0, 3.0 + 3.0]]
    assert above.tolist() == [[3.0, 9.0], [2.0, 6.0]]  # z, x
    assert side.tolist() == [[8.0, 4.0], [4.0, 4.0]]  # z, y


def test_rings_without_sectors_are_spread_evenly_around_the_axis() -> None:
    grid = PolarGrid((0.0, 1.0, 2.0), 1)
    detector = Calorimeter("rings", tuple(Layer(k, grid, z=(float(k), k + 1.0)) for k in range(2)))
    lattice = _lattice(detector)
    assert lattice.above.v.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
    front, above, side = project(detector, lattice, np.array([0.0, 0.0, 4.0, 3.0]))
    assert front.tolist() == [[4.0, 3.0]]
    # of the ring from 1 to 2, the part beyond x = 1 is the cap 4 arccos(1/2) - sqrt(3) over its area 3 pi
    cap = 3.0 * (4 * np.arccos(0.5) - np.sqrt(3)) / (3 * np.pi)
    expected = [cap, 3.5 - cap, 3.5 - cap, cap]
    np.testing.assert_allclose(above, [[0.0] * 4, expected], atol=0.01)
    np.testing.assert_allclose(side, above, atol=0.01)


def test_a_wide_ring_is_shared_among_narrow_ones_by_area() -> None:
    layers = Layer(0, PolarGrid((0.0, 2.0), 2), z=(0.0, 1.0)), Layer(1, PolarGrid((0.0, 1.0, 2.0), 1), z=(1.0, 2.0))
    detector = Calorimeter("wide", layers)
    front, _, _ = project(detector, _lattice(detector), np.array([4.0, 8.0, 2.0, 6.0]))
    assert front.tolist() == [[1.0 + 1.0, 3.0 + 3.0], [2.0 + 1.0, 6.0 + 3.0]]


def test_a_sector_lies_where_it_should() -> None:
    detector = Calorimeter("sectors", tuple(Layer(k, PolarGrid((0.0, 1.0), 4), z=(float(k), k + 1.0)) for k in (0, 1)))
    mean = np.array([0.0, 0.0, 0.0, 1.0, 0, 0, 0, 0])  # alpha from pi/2 to pi: x < 0 < y
    _, above, side = project(detector, _lattice(detector), mean)
    np.testing.assert_allclose(above[0], [1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(side[0], [0.0, 1.0], atol=1e-12)


@pytest.mark.parametrize("name", ["calochallenge-1-photons", "calochallenge-1-pions", "calogan"])
def test_no_energy_is_lost(name: str) -> None:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    mean = np.random.default_rng(1).exponential(1.0, detector.n_channels)
    layers = np.add.reduceat(mean, detector.boundaries[:-1])
    front, above, side = project(detector, _lattice(detector), mean)
    assert front.sum() == pytest.approx(mean.sum())
    np.testing.assert_allclose(above.sum(axis=1), layers)
    np.testing.assert_allclose(side.sum(axis=1), layers)


def test_layers_without_depths_are_numbered() -> None:
    grid = CartesianGrid((0.0, 1.0), (0.0, 1.0))
    unknown = Calorimeter("unknown", (Layer(0, grid), Layer(1, grid)))
    backwards = Calorimeter("backwards", (Layer(0, grid, z=(10.0, 20.0)), Layer(1, grid, z=(0.0, 10.0))))
    for detector in (unknown, backwards):
        above = _lattice(detector).above
        assert above.axes[0] == "layer"
        assert above.u.tolist() == [-0.5, 0.5, 1.5]


def test_layers_of_both_kinds_have_no_common_lattice() -> None:
    mixed = Calorimeter("mixed", (Layer(0, PolarGrid((0.0, 1.0), 4)), Layer(1, _FINE)))
    assert build_lattice(mixed, build_scene(mixed)) is None


def test_picture_shows_energy_over_area_and_the_ratio() -> None:
    lattice = _lattice(_BOXES)
    reference = project(_BOXES, lattice, np.array([8.0, 4.0, 2.0, 6.0]))
    generated = project(_BOXES, lattice, np.array([8.0, 4.0, 0.0, 0.0]))
    figure = draw_projections(build_scene(_BOXES), lattice, reference, generated)
    first, middle, *_ = figure.axes
    np.testing.assert_allclose(first.collections[0].get_array(), [[3 / 2, 9 / 6], [2 / 2, 6 / 6]])  # rows are y
    np.testing.assert_allclose(middle.collections[0].get_array(), [[3 / 1, 2 / 1], [9 / 3, 6 / 3]])  # columns are z
    ratio = figure.axes[7].collections[0].get_array()
    assert np.ma.getmaskarray(ratio).tolist() == [[False, True], [False, True]]  # the second layer is dark


def test_table_holds_every_bin_of_the_three_planes() -> None:
    lattice = _lattice(_BOXES)
    sums = project(_BOXES, lattice, np.array([8.0, 4.0, 2.0, 6.0]))
    table = projection_table(lattice, sums, sums, "MeV")
    rows = list(zip(*table.values(), strict=True))
    assert list(table) == [
        *("plane", "first low", "first high", "second low", "second high"),
        *("reference (MeV)", "generated (MeV)"),
    ]
    assert len(rows) == 4 + 4 + 4
    assert rows[2] == ("x (mm), y (mm)", 1.0, 4.0, 0.0, 2.0, 9.0, 9.0)
    assert rows[7] == ("z (mm), x (mm)", 15.0, 30.0, 1.0, 4.0, 6.0, 6.0)
