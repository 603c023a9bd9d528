from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.report.event_picture import faces
from moliere.report.scene import build_scene, cell_bounds, corners, layer_of


@pytest.fixture
def polar() -> Calorimeter:
    inner = PolarGrid(r_edges=(0.0, 2.0, 5.0), n_alpha=1)
    outer = PolarGrid(r_edges=(0.0, 1.0, 3.0, 9.0), n_alpha=4)
    return Calorimeter("polar", (Layer(0, inner, z=(0.0, 4.0)), Layer(5, None), Layer(7, outer, z=(6.0, 20.0))))


@pytest.fixture
def cartesian() -> Calorimeter:
    grid = CartesianGrid(x_edges=(-4.0, 0.0, 4.0), y_edges=(-3.0, -1.0, 1.0, 3.0))
    return Calorimeter("boxes", (Layer(0, grid, z=(0.0, 5.0)), Layer(1, grid, z=(5.0, 10.0))))


def test_bounds_follow_the_channel_order_of_the_detector(polar: Calorimeter, cartesian: Calorimeter) -> None:
    for detector in (polar, cartesian):
        scene = build_scene(detector)
        channels = np.arange(detector.n_channels)
        bounds = cell_bounds(scene.layers, channels)
        first = corners(bounds, scene.layers[0].kind)
        centre = bounds.mean(axis=2)
        if scene.layers[0].kind == "polar":
            centre[:, :2] = np.column_stack([centre[:, 1] * np.cos(centre[:, 0]), centre[:, 1] * np.sin(centre[:, 0])])
        np.testing.assert_allclose(centre, detector.centres, atol=1e-12)
        assert first.shape == (detector.n_channels, 2, 2, 2, 3)


def test_unused_layers_are_skipped(polar: Calorimeter) -> None:
    scene = build_scene(polar)
    assert [layer.first for layer in scene.layers] == [0, 2]
    assert layer_of(scene.layers, np.array([0, 1, 2, 13])).tolist() == [0, 0, 1, 1]


def test_corners_of_ring_segments_lie_on_the_edges(polar: Calorimeter) -> None:
    scene = build_scene(polar)
    points = corners(cell_bounds(scene.layers, np.arange(2, 14)), "polar")
    r = np.hypot(points[..., 0], points[..., 1])
    assert set(np.round(r.ravel(), 9)) == {0.0, 1.0, 3.0, 9.0}
    sectors = (np.arctan2(points[..., 1], points[..., 0])[r > 0] + np.pi) / (np.pi / 2)
    np.testing.assert_allclose(sectors, np.round(sectors), atol=1e-9)
    assert set(points[..., 2].ravel()) == {6.0, 20.0}


def test_boxes_have_the_volumes_of_the_cells(cartesian: Calorimeter) -> None:
    scene = build_scene(cartesian)
    size = np.ptp(corners(cell_bounds(scene.layers, np.arange(12)), "cartesian").reshape(12, 8, 3), axis=1)
    np.testing.assert_allclose(size.prod(axis=1), cartesian.volumes)


def test_faces_close_around_a_box_and_leave_no_walls_inside_a_ring(polar: Calorimeter, cartesian: Calorimeter) -> None:
    box, owner = faces(build_scene(cartesian).layers, np.array([3, 1]))
    assert box.shape == (12, 4, 3)
    assert owner.tolist() == [0] * 6 + [1] * 6
    ring, _ = faces(build_scene(polar).layers, np.array([1]))
    assert len(ring) == 24 * 4  # 24 chords of 15 degrees: inside, outside, front, back
    quarter, _ = faces(build_scene(polar).layers, np.array([3]))
    assert len(quarter) == 6 * 4 + 2


def test_surface_of_a_ring_segment_is_that_of_its_chords(polar: Calorimeter) -> None:
    quads, _ = faces(build_scene(polar).layers, np.array([4]))  # r 3 to 9, a quarter, 14 mm deep
    across, along = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    area = np.linalg.norm(np.cross(across, along), axis=1).sum() / 2
    chord = 2 * np.sin(np.pi / 24)
    ends = 2 * 6 * 0.5 * np.sin(np.pi / 12) * (9**2 - 3**2)
    assert area == pytest.approx(ends + 6 * chord * (3 + 9) * 14 + 2 * 6 * 14)


def test_layers_without_depth_are_stacked_by_number() -> None:
    grid = PolarGrid(r_edges=(0.0, 2.0), n_alpha=3)
    scene = build_scene(Calorimeter("flat", (Layer(0, grid, z=(0.0, 1.0)), Layer(1, grid), Layer(2, grid))))
    assert scene.z_unit == "layer"
    assert [layer.z for layer in scene.layers] == [(0.1, 0.9), (1.1, 1.9), (2.1, 2.9)]


def test_wide_radii_are_compressed_but_keep_their_order() -> None:
    wide = Calorimeter("wide", (Layer(0, PolarGrid((0.0, 2.0, 10.0, 2000.0), 2), z=(0.0, 100.0)),))
    scene = build_scene(wide)
    shown = scene.shown[0].v
    assert not scene.to_scale
    assert scene.layers[0].half_width == 2000
    assert shown[0] == 0
    assert (np.diff(shown) > 0).all()
    assert shown[3] / shown[2] < 10


def test_a_calorimeter_of_pleasant_shape_is_shown_to_scale(cartesian: Calorimeter) -> None:
    assert build_scene(cartesian).to_scale
