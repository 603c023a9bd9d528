"""Arrays of particle detectors on the ground: stations that record a time trace each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from moliere.detectors.base import Detector, Floats, check_size, kinds, of_kind
from moliere.errors import DetectorError

Layout = Literal["cartesian", "axial", "offset"]
#: stations along one side of a regular array; the largest that is planned has some 200
_MOST_A_SIDE = 1000


@kinds.register("surface-array")
@dataclass(frozen=True, repr=False)
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
        signed: whether signals may be negative, as after the subtraction of a pedestal.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    positions: tuple[tuple[float, float, float], ...]
    n_bins: int
    bin_width: float
    shape: tuple[int, int] | None = None
    description: str = ""
    unit: str = "VEM"
    signed: bool = False
    kind: Literal["surface-array"] = field(default="surface-array", repr=False)

    def __post_init__(self) -> None:
        """Check numbers once."""
        if not self.positions or self.n_bins < 1 or not 0 < self.bin_width < np.inf:
            raise DetectorError(
                f"surface array {self.name!r}: {len(self.positions)} stations, {self.n_bins} bins of "
                f"{self.bin_width} ns; "
                "all must be positive"
            )
        if not np.isfinite(self.stations).all():
            raise DetectorError(f"surface array {self.name!r}: a station's position is not finite; expected mm")
        check_size(self)
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

    def incomparable_with(self, other: Detector) -> str | None:
        """Traces are compared bin by bin, so stations and time bins must be the same in number and width."""
        if type(other) is not type(self):
            return super().incomparable_with(other)
        array = of_kind(other, SurfaceArray, self.name)
        if (self.n_bins, self.bin_width) != (array.n_bins, array.bin_width):
            return (
                f"{self.name} has traces of {self.n_bins} bins of {self.bin_width:g} ns, {array.name} of "
                f"{array.n_bins} bins of {array.bin_width:g} ns"
            )
        return super().incomparable_with(other)

    def describe(self) -> str:
        """A headline with extent and spacing."""
        stations = self.stations
        extent = np.ptp(stations, axis=0) / 1e6
        nearest = np.sort(np.linalg.norm(stations[:, None] - stations, axis=2), axis=1)
        spacing = f", nearest neighbour {nearest[:, 1].min() / 1e3:g} m" if len(stations) > 1 else ""
        return (
            f"{self.name}: surface array, {self.n_stations} stations × {self.n_bins} bins of "
            f"{self.bin_width:g} ns\n  {self.description}\n"
            f"  {extent[0]:.1f} km × {extent[1]:.1f} km{spacing}, {stations[:, 2].mean() / 1e3:g} m above sea level"
        )


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
    if not 1 <= n <= _MOST_A_SIDE:
        raise DetectorError(f"an array of {n} stations a side; expected 1 to {_MOST_A_SIDE}")
    index = np.arange(n) - (n - 1) / 2
    i, j = (axis.ravel() for axis in np.meshgrid(index, index, indexing="ij"))
    x, y = {
        "cartesian": (i, j),
        "axial": (i + 0.5 * j, j * np.sin(np.pi / 3)),
        "offset": (i + 0.5 * (j % 2), j * np.sin(np.pi / 3)),
    }[layout]
    return tuple((float(a), float(b), height) for a, b in zip(x * spacing, y * spacing, strict=True))
