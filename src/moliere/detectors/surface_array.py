"""Arrays of particle detectors on the ground: stations that record a time trace each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from moliere.detectors.base import Detector, Floats
from moliere.errors import DetectorError

Layout = Literal["cartesian", "axial", "offset"]


@dataclass(frozen=True)
class SurfaceArray(Detector):
    """Stations times time bins; channels run over stations, then over time, with time fastest.

    Args:
        name: catalogue name or a user's own.
        positions: station positions (x, y, z) in mm.
        n_bins: time bins of a trace.
        bin_width: in ns.
        shape: rows and columns, where the stations form a picture; their product is the number of stations.
        description: one sentence, with its source.
        unit: of a signal; VEM is what one vertical muon leaves.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    positions: tuple[tuple[float, float, float], ...]
    n_bins: int
    bin_width: float
    shape: tuple[int, int] | None = None
    description: str = ""
    unit: str = "VEM"
    kind: Literal["surface-array"] = field(default="surface-array", repr=False)

    def __post_init__(self) -> None:
        """Check numbers once."""
        if not self.positions or self.n_bins < 1 or self.bin_width <= 0:
            raise DetectorError(
                f"surface array {self.name!r}: {len(self.positions)} stations, {self.n_bins} bins of "
                f"{self.bin_width} ns; "
                "all must be positive"
            )
        if self.shape is not None and self.shape[0] * self.shape[1] != len(self.positions):
            raise DetectorError(
                f"surface array {self.name!r}: shape {self.shape} does not hold {len(self.positions)} stations"
            )

    @property
    def n_stations(self) -> int:
        """Number of stations."""
        return len(self.positions)

    @property
    def n_channels(self) -> int:
        """Stations times time bins."""
        return self.n_stations * self.n_bins

    @property
    def stations(self) -> Floats:
        """Positions in mm, (n_stations, 3)."""
        return np.asarray(self.positions)

    def traces(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Signals as traces: (n_events, n_channels) → (n_events, n_stations, n_bins)."""
        return signals.reshape(len(signals), self.n_stations, self.n_bins)

    def footprint(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Total signal of each station: (n_events, n_channels) → (n_events, n_stations)."""
        return np.asarray(self.traces(signals).sum(axis=2))

    def describe(self) -> str:
        """A headline with extent and spacing."""
        from moliere.detectors.text import describe_surface_array

        return describe_surface_array(self)


def station_positions(n: int, spacing: float, height: float, layout: Layout) -> tuple[tuple[float, float, float], ...]:
    """Positions of n × n stations, the array's middle at the origin of its index space.

    Args:
        n: stations a side.
        spacing: in mm.
        height: above sea level in mm.
        layout: ``cartesian`` (square), ``axial`` (triangular, sheared rows), ``offset`` (triangular, every other row
            shifted by half a spacing, so that the array stays a picture).

    Example:
        >>> station_positions(3, 1500e3, 0.0, "offset")[0]
        (-750000.0, -1299038.1..., 0.0)
    """
    index = np.arange(n) - (n - 1) / 2
    i, j = (axis.ravel() for axis in np.meshgrid(index, index, indexing="ij"))
    x, y = {
        "cartesian": (i, j),
        "axial": (i + 0.5 * j, j * np.sin(np.pi / 3)),
        "offset": (i + 0.5 * (j % 2), j * np.sin(np.pi / 3)),
    }[layout]
    return tuple((float(a), float(b), height) for a, b in zip(x * spacing, y * spacing, strict=True))
