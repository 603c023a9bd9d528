"""The sheared frame: the cells around the axis of an inclined shower, as if it had flown straight in.

A detector must be wide enough for showers at every angle, and nearly all of its cells stay empty. Of 3DGAN's
51 × 51 × 25 cells, 17 × 17 × 25 around the axis hold 99.6 % of the energy at any angle from 60 to 120 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from moliere.detectors import Calorimeter, CartesianGrid
from moliere.detectors.base import Floats
from moliere.errors import ConfigError

#: names that the angle to the beam line may have: the incident particle's, or the one measured from its image
ANGLES = ("theta", "mtheta")


@dataclass(frozen=True)
class Track:
    r"""The straight line that a particle flies along.

    A particle that enters at (x, y) with the angles θ and φ crosses the depth z at

    .. math:: x + z \tan\varphi, \qquad y + z \cot\theta / \cos\varphi.

    Args:
        columns: names of the condition's columns; ``theta`` or ``mtheta``, ``phi``, ``x`` and ``y`` are used where they
            are given, and without them particles fly straight into the middle.
    """

    columns: tuple[str, ...]

    @property
    def is_told(self) -> bool:
        """Whether any column of the condition says something about the line."""
        return bool({*ANGLES, "phi", "x", "y"} & set(self.columns))

    def at(self, condition: Tensor, depths: Tensor) -> Tensor:
        """Where it crosses depths (n_depths,) or (n, n_depths) in mm: (n, n_depths, 2), x and y in mm."""
        entry = torch.stack([self._column(condition, name) for name in ("x", "y")], dim=1)
        return entry[:, None] + depths[..., None] * self.slopes(condition)[:, None]

    def slopes(self, condition: Tensor) -> Tensor:
        """Along x and y in mm for each mm of depth: (n, 2)."""
        phi = self._column(condition, "phi")
        angle = next((name for name in ANGLES if name in self.columns), None)
        along = 0 * phi if angle is None else 1 / (self._column(condition, angle).tan() * phi.cos())
        return torch.stack([phi.tan(), along], dim=1)

    def mirror(self, condition: Tensor, axis: int, which: Tensor) -> Tensor:
        """The condition of some particles as a mirror shows them, x as -x (axis 0) or y as -y (axis 1); which: (n,)."""
        opposites = (("x", 0.0), ("phi", 0.0)) if axis == 0 else (*((angle, torch.pi) for angle in ANGLES), ("y", 0.0))
        seen = condition.clone()
        for name, zero in opposites:
            if name in self.columns:
                column = self.columns.index(name)
                seen[:, column] = torch.where(which, zero - condition[:, column], condition[:, column])
        return seen

    def _column(self, condition: Tensor, name: str) -> Tensor:
        """One column of the condition, (n,) float64; zeros where there is none of that name."""
        if name not in self.columns:
            return condition.new_zeros(len(condition), dtype=torch.float64)
        return condition[:, self.columns.index(name)].double()


class LayerWindows(nn.Module):
    """A window of whole cells in each Cartesian layer, whose middle is the cell that a shower crosses.

    Args:
        detector: layers of equal cells; their grids may differ.
        cells: numbers of cells of each layer's window along x and y; odd, so that one of them is the middle.
    """

    low: Tensor
    pitch: Tensor
    layer: Tensor
    steps: Tensor
    sizes: Tensor
    first: Tensor

    def __init__(self, detector: Calorimeter, cells: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.n_channels = detector.n_channels
        low = [[edges[0] for edges in grid.edges] for grid in detector.grids]
        pitch = [[np.diff(edges).mean() for edges in grid.edges] for grid in detector.grids]
        steps = [np.indices(size).reshape(2, -1).T - np.array(size) // 2 for size in cells]
        layer = np.repeat(np.arange(len(cells)), [len(part) for part in steps])
        of_layers = {"sizes": [grid.shape for grid in detector.grids], "first": detector.boundaries[:-1]}
        tables = {"low": low, "pitch": pitch, "layer": layer, "steps": np.concatenate(steps), **of_layers}
        for name, values in tables.items():
            self.register_buffer(name, torch.tensor(np.array(values)), persistent=False)
        self.detector = _window_of(detector, np.array(pitch), cells)

    def places(self, points: Tensor) -> Tensor:
        """Points in mm, (n, n_layers, 2), in cells from the first edges of their layers."""
        return (points - self.low) / self.pitch

    def offsets(self, points: Tensor) -> Tensor:
        """From the middle of the window to points in mm, in cells along x and y: (n, n_layers, 2), in [-1/2, 1/2)."""
        where = self.places(points)
        return where - where.floor() - 0.5

    def channels(self, points: Tensor) -> Tensor:
        """The detector's channel of each cell of windows around points in mm, (n, detector.n_channels).

        One behind the last stands for what lies beyond the detector.
        """
        middle, size = self.places(points).floor().long(), self.sizes[self.layer]
        x, y = (middle[..., axis][:, self.layer] + self.steps[:, axis] for axis in (0, 1))
        inside = (x >= 0) & (x < size[:, 0]) & (y >= 0) & (y < size[:, 1])
        return torch.where(inside, self.first[self.layer] + x * size[:, 1] + y, self.n_channels)

    def gather(self, cells: Tensor, channels: Tensor) -> Tensor:
        """Numbers of the detector's cells, (n, n_channels), in the windows; 0 beyond the detector."""
        return torch.cat([cells, cells.new_zeros(len(cells), 1)], dim=1).gather(1, channels)

    def scatter(self, framed: Tensor, channels: Tensor) -> Tensor:
        """Back to the detector's cells, (n, n_channels); 0 outside the windows."""
        empty = framed.new_zeros(len(framed), self.n_channels + 1)
        return empty.scatter(1, channels, framed)[:, :-1]


class ShearedFrame(nn.Module):
    """Moves each layer of a Cartesian stack back by whole cells, and keeps a window around the axis.

    The cell where the particle's :class:`Track` crosses a layer becomes the middle of the layer's window. Whole cells
    keep every signal as it was recorded: for what lies inside the window, ``inverse(forward(signals)) == signals`` to
    the last bit. How far the axis is from the middle of its cell, between -1/2 and 1/2 of a cell, is lost by that move:
    a model must get it as a condition, see :meth:`offsets`. Signals outside the window are left out, see
    :meth:`outside`.

    Depths are those of the active plates, or the middles of layers without plates.

    Args:
        detector: layers of the same Cartesian grid of equal cells, at known depths.
        columns: names of the condition's columns; ``theta`` or ``mtheta``, ``phi``, ``x`` and ``y`` are used where they
            are given, and without them particles fly straight into the middle.
        cells: numbers of cells of the window along x and y; odd, so that one of them is the middle.

    Raises:
        ConfigError: a detector without such layers, or a window that does not fit.

    Example:
        >>> from moliere.detectors import catalog
        >>> frame = ShearedFrame(catalog.get("3dgan"), ["energy", "theta"])
        >>> frame.detector.n_channels
        7225
        >>> signals = torch.zeros(1, 25 * 51 * 51)
        >>> signals[:, 24 * 2601 + 25 * 51 + 25 + 10] = 3.0  # last layer, ten cells along y
        >>> condition = torch.tensor([[1e5, torch.pi / 3]])
        >>> framed = frame(signals, condition)
        >>> framed.view(25, 17, 17)[24, 8, 8].item()
        3.0
        >>> torch.equal(frame.inverse(framed, condition), signals)
        True
    """

    def __init__(self, detector: Calorimeter, columns: Sequence[str], cells: tuple[int, int] = (17, 17)) -> None:
        super().__init__()
        lattice = _Lattice.of(detector)
        _check_window(lattice, cells)
        self.track, self.cells = Track(tuple(columns)), cells
        self.shape, self.n_channels = lattice.shape, detector.n_channels
        self.windows = LayerWindows(detector, [cells] * len(detector.grids))
        self.detector = self.windows.detector
        for name, values in {"depths": lattice.depths, "low": lattice.low, "pitch": lattice.pitch}.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64), persistent=False)

    depths: Tensor
    low: Tensor
    pitch: Tensor

    @property
    def window(self) -> tuple[int, int, int]:
        """Layers, and cells along x and y."""
        return len(self.depths), *self.cells

    def forward(self, signals: Tensor, condition: Tensor) -> Tensor:
        """The window's cells: (n, n_channels), (n, n_columns) → (n, detector.n_channels); 0 beyond the detector."""
        return self.windows.gather(signals, self.windows.channels(self._axis(condition)))

    def inverse(self, framed: Tensor, condition: Tensor) -> Tensor:
        """Back to all cells: (n, detector.n_channels), (n, n_columns) → (n, n_channels), 0 outside the window.

        What the window holds beyond the detector is lost, as it is of a real shower.
        """
        return self.windows.scatter(framed, self.windows.channels(self._axis(condition)))

    def outside(self, signals: Tensor, condition: Tensor) -> Tensor:
        """What the window leaves out of each shower, (n,), in the unit of the signals."""
        return signals.sum(1) - self.forward(signals, condition).sum(1)

    def offsets(self, condition: Tensor) -> Tensor:
        """From the middle of the window to the axis, in cells along x and y: (n, n_layers, 2), in [-1/2, 1/2)."""
        return self.windows.offsets(self._axis(condition))

    def shifts(self, condition: Tensor) -> Tensor:
        """From the middle of the detector to that of the window, in whole or half cells: (n, n_layers, 2)."""
        middle = torch.tensor(self.shape[1:], device=condition.device) / 2
        return self.windows.places(self._axis(condition)).floor() + 0.5 - middle

    def across(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """From the axis to the middle of each cell of the window, in mm: along x (n, n_layers, n_x), y (…, n_y)."""
        offsets = self.offsets(condition)
        x, y = (
            (torch.arange(n, device=offsets.device) - n // 2 - offsets[..., axis, None]) * self.pitch[axis]
            for axis, n in enumerate(self.cells)
        )
        return x, y

    def distances(self, condition: Tensor) -> Tensor:
        """Of each cell's middle from the axis, perpendicular to it, in mm: (n, n_layers, n_x, n_y)."""
        slopes = self.track.slopes(condition)
        x, y = self.across(condition)
        x, y = x[..., :, None], y[..., None, :]
        along_x, along_y = (slopes[:, axis, None, None, None] for axis in (0, 1))
        depth = (x * along_x + y * along_y).square() / (1 + slopes.square().sum(1))[:, None, None, None]
        return (x.square() + y.square() - depth).clamp(min=0).sqrt()

    @property
    def has_mirror(self) -> bool:
        """Whether the detector looks the same with y and -y."""
        return bool((self.low[1] + self.shape[2] * self.pitch[1] / 2).abs() < 1e-6 * self.pitch[1])

    def mirror(self, signals: Tensor, condition: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """Some showers as a mirror shows them, y as -y: their signals before the frame, and their condition.

        Args:
            signals: (n, n_channels).
            condition: (n, n_columns); the angle to the y axis becomes π minus it, and y its opposite.
            which: showers that are mirrored, (n,) bool.
        """
        turned = signals.unflatten(1, self.shape).flip(3).flatten(1)
        return torch.where(which[:, None], turned, signals), self.track.mirror(condition, 1, which)

    def _axis(self, condition: Tensor) -> Tensor:
        """Where the axis crosses each layer, in mm: (n, n_layers, 2)."""
        return self.track.at(condition, self.depths)


@dataclass(frozen=True, eq=False)
class _Lattice:
    """Equal cells in equal layers.

    Args:
        shape: layers, and cells along x and y.
        low: first edges along x and y in mm, (2,).
        pitch: sizes of a cell along x and y in mm, (2,).
        depths: of the layers in mm, (n_layers,).
    """

    shape: tuple[int, int, int]
    low: Floats
    pitch: Floats
    depths: Floats

    @classmethod
    def of(cls, detector: Calorimeter) -> _Lattice:
        """The lattice of a detector.

        Raises:
            ConfigError: layers or cells that differ, a polar grid, or unknown depths.
        """
        grid, reason = detector.grids[0], None
        widths = [np.diff(axis) for axis in grid.edges]
        depths = _active_depths(detector)
        if grid.kind != "cartesian" or not detector.is_regular:
            reason = "its layers must have the same grid of rows and columns"
        elif not all(np.allclose(width, width[0]) for width in widths):
            reason = "its cells must be equal"
        elif not np.isfinite(depths).all():
            reason = "it must say where its layers lie: give layers their z, or the detector a stack of plates"
        if reason:
            raise ConfigError(f"{detector.name} has no sheared frame: {reason}")
        low, pitch = np.array([axis[0] for axis in grid.edges]), np.array([width.mean() for width in widths])
        return cls((len(detector.grids), *grid.shape), low, pitch, depths)


def _active_depths(detector: Calorimeter) -> Floats:
    """Depth of each read-out layer in mm: the middle of its active plates, or of the layer where it has none."""
    faces = np.cumsum([0.0] + [plate.thickness for plate in detector.stack])
    middles = (faces[:-1] + faces[1:]) / 2
    depths: Floats = detector.depths.mean(axis=1)
    numbers = [k for k, layer in enumerate(detector.layers) if layer.grid is not None]
    for place, number in enumerate(numbers):
        active = [k for k, plate in enumerate(detector.stack) if plate.active and plate.layer == number]
        if active and detector.layers[number].z is None:
            depths[place] = middles[active].mean()
    return depths


def _check_window(lattice: _Lattice, cells: tuple[int, int]) -> None:
    for name, n, most in zip("xy", cells, lattice.shape[1:], strict=True):
        if n % 2 == 0 or not 0 < n <= most:
            raise ConfigError(f"a window of {n} cells along {name}; expected an odd number up to the detector's {most}")


def _window_of(detector: Calorimeter, pitch: Floats, cells: Sequence[tuple[int, int]]) -> Calorimeter:
    """The detector that a model in the windows sees: the same layers with other cells, the axis in their middle."""
    edges = [
        [tuple((step * (np.arange(n + 1) - n / 2)).tolist()) for n, step in zip(*part, strict=True)]
        for part in zip(cells, pitch, strict=True)
    ]
    grids = iter(CartesianGrid(x, y) for x, y in edges)
    layers = tuple(layer if layer.grid is None else replace(layer, grid=next(grids)) for layer in detector.layers)
    return replace(detector, name=f"{detector.name}-frame", layers=layers)
