"""A user's own module: a fourth kind of detector, hits in a named volume, with its file format, suite and picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from moliere.detectors import Detector, kinds, of_kind
from moliere.errors import DetectorError, FormatError
from moliere.events import Events
from moliere.events.formats import FileSource, Format, formats
from moliere.files import replacing
from moliere.report.detector_picture import draw_detector

Point = tuple[float, float, float]


@kinds.register("point-cloud")
@dataclass(frozen=True)
class PointCloud(Detector):
    """Up to ``n_points`` hits (x, y, z in mm, energy in MeV) in a box; hits that are not there are all 0."""

    name: str
    volume: str
    low: Point
    high: Point
    n_points: int
    unit: str = "MeV"
    kind: Literal["point-cloud"] = field(default="point-cloud", repr=False)
    measures_energy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.n_points < 1 or not all(a < b for a, b in zip(self.low, self.high, strict=True)):
            raise DetectorError(f"point cloud {self.name!r} needs points and a volume")

    @property
    def n_channels(self) -> int:
        return 4 * self.n_points

    def describe(self) -> str:
        return f"{self.name}: point cloud, up to {self.n_points} hits in {self.volume}"

    def points(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, n_points, 4)."""
        return signals.reshape(len(signals), self.n_points, 4)

    def amounts(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.points(signals)[:, :, 3]

    @property
    def limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.tile([*self.low, 0.0], self.n_points), np.tile([*self.high, np.inf], self.n_points)


class CloudFile(FileSource):
    """Hits in a NumPy archive."""

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        with np.load(path) as file:
            self._signals, energy = file["hits"], file["energy"]
        super().__init__(path, of_kind(detector, PointCloud, str(path), FormatError), len(energy), {"energy": energy})

    def read_signals(self, rows: Any) -> NDArray[np.float32]:
        return np.asarray(self._signals[rows])


class CloudWriter:
    def __init__(self) -> None:
        self.parts: list[Events] = []

    def append(self, events: Events) -> None:
        self.parts.append(events)


@contextmanager
def create(path: Path, detector: Detector, *, overwrite: bool = False) -> Iterator[CloudWriter]:
    of_kind(detector, PointCloud, "format 'cloud-npz'", FormatError)
    writer = CloudWriter()
    yield writer
    events = Events.concatenate(writer.parts)
    with replacing(path, overwrite=overwrite) as partial, partial.open("wb") as file:
        np.savez(file, hits=events.signals, energy=events.energy)


formats.register("cloud-npz")(
    Format(
        summary="hits of point clouds",
        extensions=(".cloud",),
        sniff=lambda path: path.suffix == ".cloud",
        open=CloudFile,
        create=create,
        kinds=("point-cloud",),
    )
)


@draw_detector.register
def _(detector: PointCloud) -> Figure:
    figure = Figure()
    figure.add_subplot().set_title(detector.volume)
    return figure


def sample(n: int, width: float, seed: int) -> Events:
    """Showers of as many hits as their energy allows, in a volume of 200 × 200 × 400 mm."""
    detector = PointCloud("clouds", "ECAL", (-100.0, -100.0, 0.0), (100.0, 100.0, 400.0), 32)
    rng = np.random.default_rng(seed)
    energy = rng.uniform(1e3, 1e4, n)
    points = np.zeros((n, 32, 4), np.float32)
    points[..., :2] = np.clip(rng.normal(0, width, (n, 32, 2)), -99, 99)
    points[..., 2] = rng.uniform(0, 400, (n, 32))
    points[..., 3] = rng.dirichlet(np.ones(32), n) * energy[:, None] * 0.9
    points[rng.random((n, 32)) < 0.2] = 0
    return Events(detector, {"energy": energy}, points.reshape(n, -1))
