from __future__ import annotations

import math

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, Layer, PolarGrid, catalog
from moliere.errors import DetectorError
from moliere.evaluation.observables.calogan import PLOT_BINS, SHAPES, shower_shapes

#: rows, columns and uneven rows differ between layers, so that a mixed-up axis shows
TOY = Calorimeter(
    name="toy-three",
    layers=(
        Layer(0, CartesianGrid((-30.0, -10.0, 30.0), (-20.0, 0.0, 20.0, 60.0))),
        Layer(1),
        Layer(1, CartesianGrid((-40.0, -20.0, 0.0, 50.0), (-20.0, 20.0))),
        Layer(2, CartesianGrid((-40.0, 40.0), (-20.0, 20.0, 30.0))),
    ),
)
ORDER = [
    *("e0", "e1", "e2", "etot", "f0", "f1", "f2", "depth", "ratio0", "ratio1", "ratio2"),
    *("l_d", "sigma0", "sigma1", "sigma2", "s_d", "sparsity0", "sparsity1", "sparsity2", "sigma_sd"),
]


def slow_shapes(detector: Calorimeter, signals: list[float]) -> list[float]:
    """Cell by cell: x outside, y inside."""
    energies, ratios, widths, sparsities, start = [], [], [], [], 0
    for grid in detector.grids:
        assert isinstance(grid, CartesianGrid)
        n_y = len(grid.y_edges) - 1
        cells = signals[start : start + grid.n_cells]
        start += grid.n_cells
        energy, mean, square = sum(cells), 0.0, 0.0
        for position, cell in enumerate(cells):
            x = (grid.x_edges[position // n_y] + grid.x_edges[position // n_y + 1]) / 2
            mean, square = mean + cell * x / (energy + 1e-6), square + cell * x * x / (energy + 1e-6)
        high, low = sorted(cells, reverse=True)[:2]
        energies.append(energy)
        ratios.append((high - low) / (1e-6 + high + low))
        widths.append(math.sqrt(max(0.0, square - mean**2)))
        sparsities.append(sum(cell > 0 for cell in cells) / len(cells))
    total, lateral = sum(energies), energies[1] + 2 * energies[2]
    fractions = [energy / total if total else 0.0 for energy in energies]
    depth = max((k for k in range(3) if energies[k] > 0), default=0)
    mean_depth = fractions[1] + 2 * fractions[2]
    spread = math.sqrt(max(0.0, fractions[1] + 4 * fractions[2] - mean_depth**2))
    head = [*energies, total, *fractions, float(depth), *ratios, lateral]
    return [*head, *widths, mean_depth, *sparsities, spread]


def random_signals(detector: Calorimeter, n: int, seed: int = 0) -> np.ndarray:
    """Sparse; the first shower is empty, the next three miss one layer each, the fifth has one cell."""
    rng = np.random.default_rng(seed)
    signals = rng.exponential(100, (n, detector.n_channels)) * (rng.random((n, detector.n_channels)) < 0.4)
    signals[0] = 0
    for k, part in enumerate(detector.slices):
        signals[1 + k, part] = 0
    signals[4], signals[4, 0] = 0, 7.0
    return signals.astype(np.float32)


@pytest.mark.parametrize("name", ["toy", "calogan"])
def test_against_loops_over_cells(name: str) -> None:
    detector = TOY if name == "toy" else catalog.get("calogan")
    assert isinstance(detector, Calorimeter)
    signals = random_signals(detector, 12)
    shapes = shower_shapes(detector, signals)
    expected = np.array([slow_shapes(detector, row) for row in signals.astype(float).tolist()])
    for column, key in enumerate(shapes):
        # a width of a single row is a root of what rounding leaves: 1e-12 of the square of 200 mm
        assert shapes[key] == pytest.approx(expected[:, column], rel=1e-6, abs=1e-3), key
        assert shapes[key].shape == (12,)
        assert shapes[key].dtype == np.float64


def test_order_is_that_of_figure_12() -> None:
    assert list(SHAPES) == list(shower_shapes(TOY, random_signals(TOY, 5))) == list(PLOT_BINS) == ORDER
    assert len(ORDER) == 20


def test_a_shower_by_hand() -> None:
    signals = np.zeros((1, 11), np.float32)
    signals[0, [0, 5]] = 3000.0, 1000.0  # layer 0, rows at -20 and 10 mm
    signals[0, 6:9] = 2000.0, 2000.0, 0.0  # layer 1, rows at -30 and -10 mm
    signals[0, 9:] = 0.0, 2000.0  # layer 2, its only row
    shapes = {name: float(values[0]) for name, values in shower_shapes(TOY, signals).items()}
    energies = [4000, 4000, 2000, 10000, 0.4, 0.4, 0.2]
    cells = [2, 0.5, 0, 1, 8000, math.sqrt(30**2 * 0.75 * 0.25), 10, 0]  # depth, ratios, lateral depth, widths
    rest = [0.8, 2 / 6, 2 / 3, 0.5, math.sqrt(1.2 - 0.64)]
    assert list(shapes.values()) == pytest.approx([*energies, *cells, *rest], rel=1e-6, abs=1e-6)


def test_the_small_number_is_the_originals() -> None:
    """One cell of 1 MeV at -20 mm in layer 0: x² e / (e + ε) - (x e / (e + ε))² is x² ε / (1 + ε)² and not 0."""
    signals = np.zeros((1, 11), np.float32)
    signals[0, 0] = 1.0
    shapes = shower_shapes(TOY, signals)
    assert shapes["sigma0"] == pytest.approx([20 * 1e-3 / (1 + 1e-6)], rel=1e-6)
    assert shapes["ratio0"] == pytest.approx([1 / (1 + 1e-6)], rel=1e-12)
    assert shapes["ratio0"][0] < 1


def test_empty_showers_are_zero_and_nothing_is_nan() -> None:
    shapes = shower_shapes(TOY, random_signals(TOY, 50, seed=1))
    assert all(values[0] == 0 for values in shapes.values())
    assert all(np.isfinite(values).all() for values in shapes.values())
    assert {len(values) for values in shower_shapes(TOY, np.zeros((0, 11), np.float32)).values()} == {0}


def test_pieces_are_parts_of_the_whole() -> None:
    signals = random_signals(TOY, 30)
    whole, first, second = (shower_shapes(TOY, signals[part]) for part in (slice(None), slice(11), slice(11, None)))
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([first[name], second[name]])), name


def test_plot_bins_are_the_originals_in_mev() -> None:
    assert PLOT_BINS["etot"][0][[0, -1]].tolist() == [0, 120e3]
    assert len(PLOT_BINS["etot"][0]) == 50
    assert PLOT_BINS["e1"][0][[0, -1]] == pytest.approx([100.0, 1e6])
    assert PLOT_BINS["e2"][0][[0, -1]] == pytest.approx([10.0, 1e5])
    assert PLOT_BINS["sigma1"][0][[0, -1]] == pytest.approx([1, 100])
    assert PLOT_BINS["sigma2"][0][[0, -1]] == pytest.approx([1, 1000])
    assert PLOT_BINS["f2"][0][[0, -1]].tolist() == [0, 0.008]
    for edges, log in PLOT_BINS.values():
        steps = np.diff(np.log(edges)) if log else np.diff(edges)
        assert steps.min() > 0
        assert steps == pytest.approx(np.full(len(steps), steps[0]))


@pytest.mark.parametrize("name", ["calochallenge-1-photons", "3dgan"])
def test_other_detectors_are_refused(name: str) -> None:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    with pytest.raises(DetectorError, match=f"three Cartesian layers.*{name}"):
        shower_shapes(detector, np.zeros((1, detector.n_channels), np.float32))


def test_layers_that_do_not_fit_are_refused() -> None:
    plane, single = CartesianGrid((0.0, 1.0, 2.0), (0.0, 1.0)), CartesianGrid((0.0, 1.0), (0.0, 1.0))
    mixed = Calorimeter("mixed", (Layer(0, plane), Layer(1, plane), Layer(2, PolarGrid((0.0, 1.0, 2.0), 1))))
    coarse = Calorimeter("coarse", (Layer(0, plane), Layer(1, plane), Layer(2, single)))
    for detector in (mixed, coarse):
        with pytest.raises(DetectorError, match="three Cartesian layers"):
            shower_shapes(detector, np.zeros((1, detector.n_channels), np.float32))
