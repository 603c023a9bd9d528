from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moliere.detectors import Calorimeter, CartesianGrid, Layer, Plate, PolarGrid
from moliere.errors import DetectorError

edge_lists = st.lists(st.floats(0, 1e3), min_size=2, max_size=6, unique=True).map(lambda x: tuple(sorted(x)))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ((0.0,), "expected at least 2"),
        ((0.0, 5.0, 3.0), "5 is followed by 3"),
        ((0.0, 5.0, 5.0), "5 is followed by 5"),
        ((0.0, float("nan"), 5.0), "nan"),
        ((0.0, 5.0, float("inf")), "inf"),
        ((-1.0, 5.0), "negative"),
    ],
)
def test_senseless_rings_are_refused(edges: tuple[float, ...], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        PolarGrid(edges, 4)


def test_no_sector_is_refused() -> None:
    with pytest.raises(DetectorError, match="0 alpha bins"):
        PolarGrid((0.0, 1.0), 0)


@given(edge_lists, st.integers(1, 9))
def test_an_undivided_ring_lies_at_angle_zero_and_sectors_are_even(edges: tuple[float, ...], n_alpha: int) -> None:
    grid = PolarGrid(edges, n_alpha)
    angles = grid.alpha.reshape(grid.shape)
    assert (angles == angles[:, :1]).all()
    assert angles[:, 0] == pytest.approx([-np.pi + (2 * k + 1) * np.pi / n_alpha for k in range(n_alpha)])
    if n_alpha == 1:
        assert grid.alpha == pytest.approx(0)


def slow_polar_neighbours(grid: PolarGrid) -> set[tuple[int, int]]:
    """Two cells share a border: the same sector and rings side by side, or the same ring and sectors side by side."""
    n_alpha, n_r = grid.shape
    pairs = set()
    for a in range(n_alpha):
        for r in range(n_r):
            for b, q in ((a, r + 1), ((a + 1) % n_alpha, r)):
                if q < n_r and (a, r) != (b, q):
                    pairs.add(tuple(sorted((a * n_r + r, b * n_r + q))))
    return pairs  # type: ignore[return-value]


@given(st.integers(1, 5), st.integers(1, 4))
def test_polar_neighbours_against_loops(n_alpha: int, n_r: int) -> None:
    grid = PolarGrid(tuple(map(float, range(n_r + 1))), n_alpha)
    found = [tuple(sorted(pair)) for pair in grid.neighbours().tolist()]
    assert len(found) == len(set(found))
    assert set(found) == slow_polar_neighbours(grid)


@given(st.integers(1, 5), st.integers(1, 5))
def test_cartesian_neighbours_are_one_step_apart(n_x: int, n_y: int) -> None:
    grid = CartesianGrid(tuple(map(float, range(n_x + 1))), tuple(map(float, range(n_y + 1))))
    pairs = grid.neighbours()
    assert len(pairs) == n_x * (n_y - 1) + n_y * (n_x - 1)
    steps = np.linalg.norm(grid.centres[pairs[:, 0]] - grid.centres[pairs[:, 1]], axis=1)
    assert steps == pytest.approx(1)


@settings(deadline=None)
@given(edge_lists, edge_lists)
def test_cartesian_cells_run_with_y_fastest(x_edges: tuple[float, ...], y_edges: tuple[float, ...]) -> None:
    grid = CartesianGrid(x_edges, y_edges)
    expected = [((a + b) / 2, (c + d) / 2) for a, b in pairwise(x_edges) for c, d in pairwise(y_edges)]
    assert grid.centres == pytest.approx(np.array(expected))
    assert grid.r == pytest.approx([np.hypot(x, y) for x, y in expected])


@pytest.fixture
def calorimeter() -> Calorimeter:
    """Three layers of which the second is not read out, each behind a plate of its own, one plate before them all."""
    grid = PolarGrid((0.0, 1.0, 3.0), 2)
    layers = (Layer(4, grid), Layer(5), Layer(6, CartesianGrid((0.0, 2.0), (0.0, 1.0, 4.0))))
    stack = (
        Plate("G4_Al", 10.0),
        Plate("G4_Pb", 1.0, 0),
        Plate("G4_lAr", 3.0, 0, active=True),
        Plate("G4_Fe", 7.0, 1),
        Plate("G4_Si", 0.5, 2, active=True),
    )
    return Calorimeter("three", layers, stack)


def test_depths_follow_the_plates(calorimeter: Calorimeter) -> None:
    assert calorimeter.depths == pytest.approx(np.array([[10.0, 14.0], [21.0, 21.5]]))
    assert calorimeter.volumes == pytest.approx([2 * np.pi, 16 * np.pi, 2 * np.pi, 16 * np.pi, 1.0, 3.0])
    assert calorimeter.centres[-1] == pytest.approx([1.0, 2.5, 21.25])
    assert calorimeter.layer_of_channel.tolist() == [0, 0, 0, 0, 1, 1]


def test_layer_energies_skip_what_is_not_read_out(calorimeter: Calorimeter) -> None:
    signals = np.arange(6, dtype=np.float32)[None]
    assert calorimeter.layer_energies(signals).tolist() == [[6, 9]]


def test_an_irregular_calorimeter_has_no_dense_grid(calorimeter: Calorimeter) -> None:
    with pytest.raises(DetectorError, match=r"detector\.slices"):
        calorimeter.grid(np.zeros((1, 6), np.float32))


def test_without_stack_depths_are_unknown_and_with_z_they_are_known() -> None:
    grid = PolarGrid((0.0, 1.0), 1)
    detector = Calorimeter("one", (Layer(0, grid), Layer(1, grid, z=(5.0, 9.0))))
    assert np.isnan(detector.centres[0, 2])
    assert detector.centres[1, 2] == 7
    assert detector.volumes[1] == pytest.approx(4 * np.pi)


@pytest.mark.parametrize(
    ("stack", "message"),
    [((Plate("G4_Pb", 0.0),), "0 mm thick"), ((Plate("G4_Pb", 1.0, 3),), "there are 1 layers")],
)
def test_senseless_plates_are_refused(stack: tuple[Plate, ...], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        Calorimeter("one", (Layer(0, PolarGrid((0.0, 1.0), 1)),), stack)


def test_a_calorimeter_without_cells_is_refused() -> None:
    with pytest.raises(DetectorError, match="no layer with cells"):
        Calorimeter("none", (Layer(0),))
