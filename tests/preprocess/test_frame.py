"""Inclined showers become straight ones, cell by cell, and come back."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import Tensor

from moliere.detectors import Calorimeter, CartesianGrid, Layer, catalog
from moliere.errors import ConfigError
from moliere.preprocess import ShearedFrame
from moliere.simulators import build_simulator

DEGREES = range(60, 121, 5)


def threedgan() -> Calorimeter:
    detector = catalog.get("3dgan")
    assert isinstance(detector, Calorimeter)
    return detector


def stack(n_x: int = 12, n_y: int = 9, n_layers: int = 4) -> Calorimeter:
    """Layers of 10 mm with cells of 2 × 3 mm."""
    grid = CartesianGrid(tuple(2.0 * (i - n_x / 2) for i in range(n_x + 1)), tuple(3.0 * j for j in range(-4, n_y - 3)))
    return Calorimeter("stack", tuple(Layer(k, grid, z=(10.0 * k, 10.0 * k + 10)) for k in range(n_layers)))


def condition(degrees: float, n: int = 1) -> Tensor:
    return torch.tensor([[5e4, math.radians(degrees)]]).repeat(n, 1).double()


def noise(n: int, frame: ShearedFrame) -> Tensor:
    return torch.rand(n, frame.detector.n_channels, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("degrees", DEGREES)
def test_what_lies_in_the_window_comes_back_to_the_last_bit(degrees: float) -> None:
    frame = ShearedFrame(threedgan(), ["energy", "theta"])
    framed, given = noise(3, frame), condition(degrees, 3)
    signals = frame.inverse(framed, given)
    assert signals.shape == (3, 65025)
    assert torch.equal(frame(signals, given), framed)
    assert torch.equal(frame.inverse(frame(signals, given), given), signals)
    assert frame.outside(signals, given).abs().max() < 1e-2  # sums of thousands of float32


@pytest.mark.parametrize("degrees", DEGREES)
def test_the_cells_on_the_axis_become_the_middle(degrees: float) -> None:
    """Cells found by the detector itself from points on the axis."""
    detector = threedgan()
    frame = ShearedFrame(detector, ["energy", "theta"])
    signals = torch.zeros(1, detector.n_channels)
    # silicon of 0.5 mm behind 2.4 mm of tungsten, 17 times, then behind 4.8 mm
    z = [2.9 * k + 2.65 for k in range(17)] + [17 * 2.9 + 5.3 * k + 5.05 for k in range(8)]
    for k, (grid, start) in enumerate(zip(detector.grids, detector.boundaries, strict=False)):
        y = z[k] / math.tan(math.radians(degrees))
        signals[0, start + grid.cells_at(np.zeros(1), np.array([y]))[0]] = k + 1.0
    framed = frame(signals, condition(degrees)).view(25, 17, 17)
    assert framed[:, 8, 8].tolist() == [k + 1.0 for k in range(25)]
    assert framed.sum() == signals.sum()


def test_entry_and_azimuth_are_followed() -> None:
    detector = stack()
    frame = ShearedFrame(detector, ["x", "energy", "y", "phi", "theta"], (5, 3))
    theta, phi, x0, y0 = 1.45, 0.2, -3.0, 4.0
    direction = math.sin(theta) * math.sin(phi), math.cos(theta), math.sin(theta) * math.cos(phi)
    signals, offsets = torch.zeros(1, detector.n_channels), []
    for k, (grid, start) in enumerate(zip(detector.grids, detector.boundaries, strict=False)):
        length = (10 * k + 5) / direction[2]
        point = np.array([x0 + length * direction[0]]), np.array([y0 + length * direction[1]])
        cell = grid.cells_at(*point)[0]
        signals[0, start + cell] = 1.0
        offsets.append([(point[0][0] - grid.centres[cell, 0]) / 2, (point[1][0] - grid.centres[cell, 1]) / 3])
    given = torch.tensor([[x0, 1e4, y0, phi, theta]], dtype=torch.float64)
    assert frame(signals, given).view(4, 5, 3)[:, 2, 1].tolist() == [1.0] * 4
    np.testing.assert_allclose(frame.offsets(given)[0], offsets, atol=1e-9)


def test_offsets_and_shifts_say_where_the_axis_is() -> None:
    frame = ShearedFrame(threedgan(), ["energy", "theta"])
    given = condition(75.0)
    where = frame.offsets(given) + frame.shifts(given)
    expected = frame.depths / math.tan(math.radians(75)) / 5.1
    torch.testing.assert_close(where[0, :, 1], expected)
    assert (where[0, :, 0] == 0).all()
    assert frame.offsets(given).abs().max() <= 0.5


@pytest.mark.parametrize("degrees", [61, 90, 113.3])
def test_a_mirror_turns_the_shower_with_its_angle(degrees: float) -> None:
    frame = ShearedFrame(threedgan(), ["energy", "theta"])
    given = condition(degrees, 2)
    framed = noise(2, frame)
    which = torch.tensor([True, False])
    signals, turned = frame.mirror(frame.inverse(framed, given), given, which)
    assert frame.has_mirror
    assert turned[:, 1].rad2deg().tolist() == pytest.approx([180 - degrees, degrees])
    expected = torch.stack([framed[0].view(25, 17, 17).flip(2).flatten(), framed[1]])
    assert torch.equal(frame(signals, turned), expected)


def test_a_detector_that_is_not_centred_has_no_mirror() -> None:
    assert not ShearedFrame(stack(), ["energy", "theta"], (3, 3)).has_mirror


def test_distances_are_perpendicular_to_the_axis() -> None:
    """Against the distance of a point from a line by the cross product."""
    frame = ShearedFrame(stack(), ["energy", "x", "y", "theta", "phi"], (5, 3))
    x0, y0, theta, phi = 1.0, -2.0, 1.3, -0.3
    given = torch.tensor([[1e4, x0, y0, theta, phi]], dtype=torch.float64)
    axis = np.array([math.sin(theta) * math.sin(phi), math.cos(theta), math.sin(theta) * math.cos(phi)])
    x, y = (part[0].numpy() for part in frame.across(given))
    at = np.array([x0, y0, 0]) + np.outer(frame.depths / axis[2], axis)
    points = np.stack([x[2, 4] + at[2, 0], y[2, 0] + at[2, 1], 25.0])
    expected = np.linalg.norm(np.cross(points - [x0, y0, 0], axis))
    assert frame.distances(given)[0, 2, 4, 0].item() == pytest.approx(expected)
    assert frame.distances(given).shape == (1, 4, 5, 3)


def test_without_angles_the_window_is_the_middle() -> None:
    frame = ShearedFrame(threedgan(), ["energy"], (3, 3))
    signals = torch.arange(65025.0)[None]
    block = signals.view(25, 51, 51)[:, 24:27, 24:27]
    assert torch.equal(frame(signals, torch.ones(1, 1)).view(25, 3, 3), block)


def test_cells_beyond_the_detector_are_empty_and_the_rest_is_counted() -> None:
    frame = ShearedFrame(stack(), ["energy", "theta"], (3, 9))
    given = condition(60.0)
    signals = torch.ones(1, 4 * 12 * 9)
    framed = frame(signals, given)
    assert (framed == 0).any()
    assert frame.outside(signals, given).item() == signals.sum() - framed.sum()
    assert torch.equal(frame(frame.inverse(framed, given), given), framed)


def test_the_frame_has_a_detector_of_its_own() -> None:
    detector = replace(threedgan(), threshold=0.1)
    frame = ShearedFrame(detector, ["energy", "theta"], (17, 15))
    assert frame.window == (25, 17, 15)
    assert frame.detector.threshold == 0.1
    assert frame.detector.grid(np.zeros((2, frame.detector.n_channels), np.float32)).shape == (2, 25, 17, 15)
    np.testing.assert_allclose(frame.detector.depths, detector.depths)
    assert np.diff(frame.detector.grids[0].edges[1]) == pytest.approx(5.1)


def test_simulated_showers_stay_inside_at_every_angle() -> None:
    if find_spec("geant4_pybind") is None:
        pytest.skip("needs geant4_pybind")
    detector, angles = threedgan(), torch.linspace(60, 120, 8, dtype=torch.float64).deg2rad()
    incident = {"energy": np.full(8, 2e3), "theta": angles.numpy(), "pdg_id": np.full(8, 11)}
    events = build_simulator("geant4", detector).simulate(incident, np.random.default_rng(4))
    signals, given = torch.tensor(events.signals), torch.stack([torch.full((8,), 2e3), angles], dim=1)
    frame = ShearedFrame(detector, ["energy", "theta"])
    assert frame.outside(signals, given).sum() < 0.01 * signals.sum()
    rows = frame(signals, given).view(8, 25, 17, 17).double().sum((1, 2))
    middle = (rows * (torch.arange(17) - 8)).sum(1) / rows.sum(1)
    assert (middle - frame.offsets(given)[:, 3:18, 1].mean(1)).abs().mean() < 0.4


@pytest.mark.parametrize(
    ("detector", "cells", "words"),
    [
        (catalog.get("calochallenge-2"), (9, 9), "same grid of rows and columns"),
        (catalog.get("calogan"), (3, 3), "same grid of rows and columns"),
        (stack(), (4, 3), "a window of 4 cells along x; expected an odd number up to the detector's 12"),
        (stack(), (3, 11), "a window of 11 cells along y"),
        (Calorimeter("deep", (Layer(0, CartesianGrid((0.0, 1.0, 2.0), (0.0, 1.0))),)), (1, 1), "where its layers lie"),
        (Calorimeter("odd", (Layer(0, CartesianGrid((0.0, 1.0, 3.0), (0.0, 1.0))),)), (1, 1), "cells must be equal"),
    ],
)
def test_what_cannot_be_framed_is_refused(detector: Calorimeter, cells: tuple[int, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ShearedFrame(detector, ["energy", "theta"], cells)
