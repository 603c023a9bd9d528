"""Small detectors and events that many tests look at."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from moliere.detectors import Calorimeter, CartesianGrid, Layer, PolarGrid
from moliere.events import Events


def pytest_configure(config: pytest.Config) -> None:
    """A worker of xdist has one thread: those of several workers would wait for each other, and spin while they do."""
    if hasattr(config, "workerinput"):
        os.environ["OMP_NUM_THREADS"] = "1"  # of libraries that are imported later, and of processes that tests start
        threadpool_limits(1)


@pytest.fixture(scope="session")
def polar() -> Calorimeter:
    """Two layers of four sectors around one that is not divided; 4 + 12 + 8 = 24 channels."""
    return Calorimeter(
        name="toy-polar",
        layers=(
            Layer(id=0, grid=PolarGrid((0.0, 10.0, 20.0, 40.0, 80.0), 1)),
            Layer(id=1, grid=PolarGrid((0.0, 5.0, 15.0, 45.0), 4)),
            Layer(id=2, grid=PolarGrid((0.0, 20.0, 60.0), 4)),
        ),
        threshold=1.0,
    )


@pytest.fixture(scope="session")
def cartesian() -> Calorimeter:
    """Two layers of rows and columns."""
    grid = CartesianGrid((-30.0, -10.0, 10.0, 30.0), (-20.0, 0.0, 20.0))
    return Calorimeter(name="toy-cartesian", layers=(Layer(id=0, grid=grid), Layer(id=1, grid=grid)), threshold=1.0)


def make_events(detector: Calorimeter, n: int, seed: int = 0) -> Events:
    """Showers with a spectrum, fluctuations, empty cells and empty layers; response about 0.9."""
    rng = np.random.default_rng(seed)
    energy = 256.0 * 2.0 ** rng.integers(0, 4, n)
    shape = rng.gamma(0.4, 1.0, (n, detector.n_channels)) * np.exp(-detector.r / 30)
    shape[rng.random(shape.shape) < 0.3] = 0
    first = detector.slices[0]
    shape[rng.random(n) < 0.3, first] = 0
    total = energy * rng.normal(0.9, 0.03, n)
    signals = shape / np.maximum(shape.sum(axis=1, keepdims=True), 1e-9) * total[:, None]
    return Events(detector, {"energy": energy}, signals.astype(np.float32))


@pytest.fixture(scope="session")
def polar_events(polar: Calorimeter) -> Events:
    """600 showers in the polar toy."""
    return make_events(polar, 600)


@pytest.fixture(scope="session")
def cartesian_events(cartesian: Calorimeter) -> Events:
    """300 showers in the Cartesian toy."""
    return make_events(cartesian, 300, seed=1)


@pytest.fixture(scope="session")
def aimed_events() -> Events:
    """300 positrons and photons that enter layers of different cells at angles and places of their own."""
    strips, squares = (CartesianGrid((-30.0, -10.0, 10.0, 30.0), tuple(np.linspace(-30, 30, n + 1))) for n in (8, 3))
    layers = Layer(id=0, grid=strips, z=(0.0, 40.0)), Layer(id=1, grid=squares, z=(40.0, 120.0))
    events = make_events(Calorimeter(name="toy-aimed", layers=layers, threshold=1.0), 300, seed=6)
    rng = np.random.default_rng(0)
    told = {"theta": rng.uniform(1.4, 1.7, 300), "x": rng.uniform(-15, 15, 300), "pdg_id": rng.choice([-11, 22], 300)}
    return Events(events.detector, {**events.incident, **told}, events.signals)


@pytest.fixture(scope="session")
def regular() -> Calorimeter:
    """Five layers of six sectors and four rings each; 120 channels."""
    grid = PolarGrid((0.0, 5.0, 15.0, 30.0, 60.0), 6)
    return Calorimeter(name="toy-regular", layers=tuple(Layer(id=k, grid=grid) for k in range(5)), threshold=0.1)


@pytest.fixture(scope="session")
def regular_events(regular: Calorimeter) -> Events:
    """400 showers in the regular toy."""
    return make_events(regular, 400, seed=2)


class Losing(ThreadPoolExecutor):
    """Loses what it is told to lose, the numbers of calls from 0, and makes one call at a time."""

    def __init__(self, losses: Callable[[int], bool], error: Exception, **beginning: Any) -> None:
        super().__init__(1, **beginning)
        self._losses, self._error, self._calls = losses, error, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._calls += 1
        if self._losses(self._calls - 1):
            raise self._error
        return super().submit(fn, *args, **kwargs)


@pytest.fixture(scope="session")
def losing() -> type[ThreadPoolExecutor]:
    """An executor that loses calls: ``losing(losses, error)``."""
    return Losing
