from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, PolarGrid, catalog
from moliere.detectors.calorimeter import Layer
from moliere.evaluation.observables import Showers, calochallenge_features, low_level_features, observables, observe
from moliere.evaluation.observables.base import observed_in
from moliere.evaluation.observables.binning import log_bins
from moliere.evaluation.suites import suites


def random_showers(detector: Calorimeter, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sparse showers on both sides of the threshold; the first is empty, the second has empty layers."""
    rng = np.random.default_rng(seed)
    signals = rng.exponential(5 * detector.threshold + 0.01, (n, detector.n_channels))
    signals *= rng.random(signals.shape) < 0.3
    signals[0] = 0
    signals[1, : detector.n_channels // 2] = 0
    return rng.uniform(1e3, 1e5, n), signals.astype(np.float32)


def slow_layer(r_edges: tuple[float, ...], n_alpha: int, cells: list[float]) -> dict[str, float]:
    """One layer of one shower, cell by cell: alpha outside, r inside."""
    sums = dict.fromkeys(("e", "x", "y", "r", "xx", "yy", "rr"), 0.0)
    position = hit = 0
    for sector in range(n_alpha):
        alpha = -math.pi + 2 * math.pi * (sector + 0.5) / n_alpha
        for low, high in pairwise(r_edges):
            e, r = cells[position], (low + high) / 2
            x, y = r * math.cos(alpha), r * math.sin(alpha)
            for key, value in (("e", 1), ("x", x), ("y", y), ("r", r), ("xx", x * x), ("yy", y * y), ("rr", r * r)):
                sums[key] += e * value
            hit += e > 0
            position += 1
    result = {"e": sums["e"], "sparsity": 1 - hit / position}
    for axis in "xyr":
        mean, square = sums[axis] / (sums["e"] + 1e-16), sums[2 * axis] / (sums["e"] + 1e-16)
        result |= {f"centre_{axis}": mean, f"width_{axis}": math.sqrt(max(0.0, square - mean**2))}
    return result


def slow_features(detector: Calorimeter, energy: float, signals: np.ndarray) -> list[float]:
    cells = [0.0 if value < np.float32(detector.threshold) else float(value) for value in signals]
    layers, start = [], 0
    for grid in detector.grids:
        assert isinstance(grid, PolarGrid)
        layers.append((grid.n_alpha, slow_layer(grid.r_edges, grid.n_alpha, cells[start : start + grid.n_cells])))
        start += grid.n_cells
    every, divided = [layer for _, layer in layers], [layer for n_alpha, layer in layers if n_alpha > 1]
    result = [math.log10(energy)] + [math.log10(layer["e"] + 1e-8) for layer in every]
    for key in ("centre_x", "centre_y", "width_x", "width_y"):
        result += [layer[key] / 100 for layer in divided]
    result.append(math.log10(sum(layer["e"] for layer in every) + 1e-8))
    result += [layer["sparsity"] for layer in every]
    for key in ("centre_r", "width_r"):
        result += [layer[key] / 100 for layer in every]
    return result


@pytest.mark.parametrize(
    ("name", "dimension"),
    [
        ("calochallenge-1-photons", 30),
        ("calochallenge-1-pions", 46),
        ("calochallenge-2", 362),
        ("calochallenge-3", 362),
    ],
)
def test_features_against_loops_over_cells(name: str, dimension: int) -> None:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    energy, signals = random_showers(detector, 4)
    features, columns = calochallenge_features(Showers.cut(detector, energy, signals))
    assert features.shape == (4, dimension)
    assert len(set(columns)) == dimension
    expected = [slow_features(detector, e, row) for e, row in zip(energy, signals, strict=True)]
    # widths are roots of differences: the last digits of a square of 1e-6 become 1e-5 of a width
    assert features == pytest.approx(np.array(expected), abs=3e-5)


def test_float32_and_float64_files_give_identical_features(photons: Calorimeter) -> None:
    energy, signals = random_showers(photons, 50)
    same = [Showers.cut(photons, energy.astype(dtype), signals.astype(dtype)) for dtype in (np.float64,)]
    single = Showers.cut(photons, energy, signals)
    assert np.array_equal(calochallenge_features(same[0])[0], calochallenge_features(single)[0])
    assert np.array_equal(low_level_features(same[0]), low_level_features(single))
    empty = calochallenge_features(single)[0][0, 1:6]
    assert np.array_equal(empty, np.full(5, np.float32(-8)))


def test_threshold_zeroes_what_is_below_and_keeps_what_is_on_it(photons: Calorimeter) -> None:
    signals = np.zeros((1, 368), np.float32)
    signals[0, :3] = 0.5, 1.0, 2.0
    energy = np.array([100.0])
    assert Showers.cut(photons, energy, signals, 1.0).signals[0, :3].tolist() == [0, 1, 2]
    assert Showers.cut(photons, energy, signals).detector.threshold == 1.0
    assert Showers.cut(photons, energy, signals, 0.0).signals[0, :3].tolist() == [0.5, 1, 2]


def test_low_level_vectors(photons: Calorimeter) -> None:
    energy, signals = random_showers(photons, 5)
    showers = Showers.cut(photons, energy, signals)
    plain = low_level_features(showers)
    assert plain.shape == (5, 369)
    assert plain[:, 0] == pytest.approx(np.log10(energy))
    assert plain[:, 1:] == pytest.approx(showers.signals / energy[:, None])
    normed = low_level_features(showers, normed=True)
    assert normed.shape == (5, 1 + 368 + 5)
    for k, part in enumerate(photons.slices):
        total = showers.signals[:, part].sum(axis=1, dtype=np.float64)
        assert normed[:, 1:369][:, part].sum(axis=1) == pytest.approx((total > 0).astype(float), abs=1e-5)
        assert 10.0 ** normed[:, 369 + k] == pytest.approx(total + 1e-8, rel=1e-5)


def test_turning_a_shower_leaves_radii_and_turns_the_centre() -> None:
    detector = catalog.get("calochallenge-2")
    assert isinstance(detector, Calorimeter)
    energy, signals = random_showers(detector, 6)
    quarter = np.roll(detector.grid(signals), 4, axis=2).reshape(signals.shape)  # 4 of 16 sectors: 90°
    before, after = (observe(Showers.cut(detector, energy, values)) for values in (signals, quarter))
    for name in ("layer_energy[7]", "sparsity[7]", "centre_r[7]", "width_r[7]", "response"):
        assert after[name] == pytest.approx(before[name])
    assert after["centre_eta[7]"] == pytest.approx(-before["centre_phi[7]"], abs=1e-9)
    assert after["centre_phi[7]"] == pytest.approx(before["centre_eta[7]"], abs=1e-9)


def test_shapes_do_not_depend_on_the_energy_scale(photons: Calorimeter) -> None:
    energy, signals = random_showers(photons, 6)
    one, double = (observe(Showers.cut(photons, f * energy, np.float32(f) * signals, 0.0)) for f in (1, 2))
    for name in one:
        factor = 2 if "energy" in name else 1
        assert double[name] == pytest.approx(factor * one[name]), name


def test_every_observable_is_finite_and_labelled(photons: Calorimeter) -> None:
    observed = observe(Showers.cut(photons, *random_showers(photons, 10)))
    assert len(observed) == 2 + 5 * 4 + 2 * 4  # response and total; four for each layer, four more for two of them
    for name, values in observed.items():
        shown, (_, layer) = suites["calorimeter"].shown(photons)[name], observed_in(photons)[name]
        assert values.shape == (10,)
        assert np.isfinite(values).all(), name
        assert (layer == -1) == ("[" not in name)
        assert shown.label
        assert "{" not in shown.label
    assert {name.partition("[")[0] for name in observed} == set(observables)


def test_cartesian_layers_know_x_and_y() -> None:
    grid = CartesianGrid(x_edges=(-30.0, -10.0, 10.0, 30.0), y_edges=(-5.0, 5.0, 15.0))
    detector = Calorimeter("plane", (Layer(0, grid),))
    signals = np.zeros((1, 6), np.float32)
    signals[0, [0, 4]] = 3.0, 1.0  # y runs fastest: centres (-20, 0) and (20, 0)
    observed = observe(Showers.cut(detector, np.array([10.0]), signals))
    assert observed["centre_eta[0]"] == pytest.approx([-10])
    assert observed["width_eta[0]"] == pytest.approx([np.sqrt(400 - 100)])
    assert observed["centre_phi[0]"] == pytest.approx([0])
    assert observed["centre_r[0]"] == pytest.approx([20])


@pytest.mark.parametrize(("name", "expected"), [("calochallenge-1-photons", "eta"), ("calogan", "x")])
def test_axes_across_have_the_names_that_the_detector_gives_them(name: str, expected: str) -> None:
    shown = observables["centre_eta"].shown(catalog.get(name), 1)
    assert shown.label.startswith(f"centre in {expected}, ")


def test_spectra_without_a_threshold_start_where_electronics_could_see_something() -> None:
    binning = log_bins(0.0, np.array([1e-9, 1e-3, 1.0, 100.0]), 10)
    np.testing.assert_allclose(binning.edges[[0, -1]], [1e-4, 100.0], rtol=1e-5)
    assert log_bins(0.5, np.array([1e-9, 100.0]), 10).edges[0] == 0.5


def test_lists_show_labels_without_a_detector() -> None:
    assert observables["centre_eta"].summary == "centre in eta or x, each layer"
    assert not [name for name, one in observables.items() if "{" in one.summary]
    assert replace(observables["response"], label="in {detector.hall}").summary == "in {detector.hall}"
