from __future__ import annotations

import math

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, Layer, catalog
from moliere.errors import DetectorError
from moliere.evaluation.observables.tally import Tally
from moliere.evaluation.observables.threedgan import (
    LABELS,
    NO_ANGLE,
    image_observables,
    measured_angle,
    profiles,
)

N_X, N_Y, N_Z = 4, 5, 7
GRID = CartesianGrid(tuple(map(float, range(N_X + 1))), tuple(map(float, range(N_Y + 1))))
TOY = Calorimeter(name="toy-image", layers=tuple(Layer(k, GRID) for k in range(N_Z)))


def signals_of(image: np.ndarray) -> np.ndarray:
    """From the original's axes (n, x, y, z) to channels."""
    return np.moveaxis(image, 3, 1).reshape(len(image), -1).astype(np.float32)


def random_images(n: int, seed: int = 0) -> np.ndarray:
    """Sparse; the first is empty, the second has a single layer, the third a single cell."""
    rng = np.random.default_rng(seed)
    images = rng.exponential(1, (n, N_X, N_Y, N_Z)) * (rng.random((n, N_X, N_Y, N_Z)) < 0.3)
    images[0], images[1, :, :, np.arange(N_Z) != 3], images[2] = 0, 0, 0
    images[2, 1, 4, 2] = 5.0
    return images.astype(np.float32).astype(np.float64)


def barycentre(cells: list[tuple[int, int, int, float]]) -> tuple[float, float, float]:
    total = sum(cell[3] for cell in cells)
    x, y, z = (sum((cell[axis] + 0.5) * cell[3] for cell in cells) / total for axis in range(3))
    return x, y, z


def slow_angle(image: np.ndarray) -> float:
    """3DGAN's recipe, layer by layer."""
    cells = [(x, y, z, float(image[x, y, z])) for x, y, z in zip(*np.nonzero(image), strict=True)]
    if not cells:
        return 100.0
    x_mean, y_mean, z_mean = barycentre(cells)
    above = below = 0.0
    for layer in range(N_Z):
        here = [cell for cell in cells if cell[2] == layer]
        if here:
            x, y, z = barycentre(here)
            run = math.hypot(x - x_mean, z - z_mean)
            if run > 1e-9:
                slope = (y - y_mean) / run
                angle = math.pi / 2 - math.atan(-slope if z < z_mean else slope)
                above, below = above + z * angle, below + z
    return above / below if below else math.pi / 2


def slow_moments(image: np.ndarray, axis: int) -> list[float]:
    cells = [(index[axis], value) for index, value in np.ndenumerate(image) if value > 0]
    total = sum(value for _, value in cells)
    if not total:
        return [0.0, 0.0, 0.0]
    first = sum(k * value for k, value in cells) / total
    return [first, *(sum((k - first) ** order * value for k, value in cells) / total for order in (2, 3))]


def test_against_loops_over_cells() -> None:
    images = random_images(12)
    observed = image_observables(TOY, np.full(12, 50.0), signals_of(images))
    assert list(observed) == list(LABELS)
    assert observed["angle"] == pytest.approx([slow_angle(image) for image in images], rel=1e-9)
    for axis, name in enumerate("xyz"):
        moments = np.array([slow_moments(image, axis) for image in images])
        for order in (1, 2, 3):
            assert observed[f"moment_{name}{order}"] == pytest.approx(moments[:, order - 1], abs=1e-9)
    hottest = [np.unravel_index(image.argmax(), image.shape) for image in images]
    assert np.stack([observed[f"hottest_{a}"] for a in "xyz"], axis=1).tolist() == [
        list(map(float, h)) for h in hottest
    ]
    assert observed["total_energy"] == pytest.approx(images.sum(axis=(1, 2, 3)))
    assert observed["sampling_fraction"] == pytest.approx(images.sum(axis=(1, 2, 3)) / 50)
    assert observed["hits"].tolist() == [float((image > 0.3).sum()) for image in images]


@pytest.mark.parametrize(
    ("tilt", "expected"), [((0, 1), math.pi / 4), ((0, -1), 3 * math.pi / 4), ((1, 0), math.pi / 2)]
)
def test_a_straight_track_has_its_angle(tilt: tuple[int, int], expected: float) -> None:
    """One cell further in y a layer is 45°; towards x the angle stays 90°, as the original looks at y only.

    The barycentre lies in the third of the four cells, which has no direction from it.
    """
    images = np.zeros((1, N_X, N_Y, N_Z))
    for step in range(4):
        images[0, step * tilt[0], 2 + (step - 2) * tilt[1], 1 + step] = 1.0 + step
    assert measured_angle(TOY, signals_of(images)) == pytest.approx([expected], abs=1e-12)


def test_a_tilt_in_both_directions() -> None:
    """Steps of (1, 1, 1) cells: the slope is 1 over the square root of 2, the same in every layer."""
    images = np.zeros((1, N_X, N_Y, N_Z))
    images[0, range(4), range(4), range(4)] = 2.0
    assert measured_angle(TOY, signals_of(images)) == pytest.approx([math.pi / 2 - math.atan(1 / math.sqrt(2))])


def test_images_without_direction() -> None:
    images = random_images(3)
    assert measured_angle(TOY, signals_of(images)) == pytest.approx([NO_ANGLE, math.pi / 2, math.pi / 2], abs=1e-15)
    observed = image_observables(TOY, np.ones(3), signals_of(images))
    assert {name for name, values in observed.items() if values[0] != 0} == {"angle"}


def test_rounding_does_not_become_a_direction() -> None:
    """A straight, symmetric shower: its middle layer is off the barycentre by last digits, in y as much as in z."""
    rng = np.random.default_rng(4)
    spot, near, far = rng.random((2000, 4, 5)), *rng.uniform(0.1, 9, (2, 2000, 1, 1))
    layers = [0 * spot, far * spot, near * spot, spot, near * spot, far * spot, 0 * spot]
    signals = np.stack(layers, axis=1).reshape(2000, -1)
    assert measured_angle(TOY, signals) == pytest.approx(np.full(2000, math.pi / 2), abs=1e-12)


def test_profiles_of_a_product_are_its_factors() -> None:
    rng = np.random.default_rng(3)
    factors = {"x": rng.random((6, N_X)), "y": rng.random((6, N_Y)), "z": rng.random((6, N_Z))}
    for name, values in factors.items():
        factors[name] = values / values.sum(axis=1, keepdims=True)
    images = np.einsum("nx,ny,nz->nxyz", *factors.values())
    for name, values in profiles(TOY, signals_of(images)).items():
        assert values == pytest.approx(factors[name], rel=1e-6)
    observed = image_observables(TOY, np.ones(6), signals_of(images))
    assert observed["first_third"] == pytest.approx(factors["z"][:, :2].sum(axis=1), rel=1e-6)
    assert observed["second_third"] == pytest.approx(factors["z"][:, 2:4].sum(axis=1), rel=1e-6)
    assert observed["last_third"] == pytest.approx(factors["z"][:, 4:].sum(axis=1), rel=1e-6)


def test_mean_profiles_come_in_pieces() -> None:
    images = random_images(20)
    pieces = [Tally.of(profiles(TOY, signals_of(images[part]))["z"]) for part in (slice(7), slice(7, 20))]
    together = pieces[0] + pieces[1]
    assert together.mean == pytest.approx(images.sum(axis=(1, 2)).mean(axis=0))
    assert together.error == pytest.approx(images.sum(axis=(1, 2)).std(axis=0, ddof=1) / 20**0.5)


def test_hits_need_more_than_the_threshold() -> None:
    signals = np.zeros((1, TOY.n_channels), np.float32)
    signals[0, :3] = 0.29, 0.3, 0.31
    assert image_observables(TOY, np.ones(1), signals)["hits"].tolist() == [1]


def test_axes_of_the_published_layout() -> None:
    detector = catalog.get("3dgan")
    assert isinstance(detector, Calorimeter)
    images = np.zeros((1, 51, 51, 25))
    images[0, 10, 20, 5] = 3.0
    observed = image_observables(detector, np.array([100.0]), signals_of(images))
    for name in ("hottest_{}", "moment_{}1"):
        assert [float(observed[name.format(axis)][0]) for axis in "xyz"] == [10, 20, 5]
    assert {axis: values.shape for axis, values in profiles(detector, signals_of(images)).items()} == {
        "x": (1, 51),
        "y": (1, 51),
        "z": (1, 25),
    }


def test_pieces_are_parts_of_the_whole() -> None:
    signals, energy = signals_of(random_images(10)), np.linspace(1, 10, 10)
    whole = image_observables(TOY, energy, signals)
    parts = [image_observables(TOY, energy[part], signals[part]) for part in (slice(3), slice(3, 3), slice(3, 10))]
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([part[name] for part in parts])), name


@pytest.mark.parametrize(("name", "words"), [("calochallenge-2", "are polar"), ("calogan", "different grids")])
def test_other_detectors_are_refused(name: str, words: str) -> None:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    with pytest.raises(DetectorError, match=words):
        image_observables(detector, np.ones(1), np.zeros((1, detector.n_channels), np.float32))
