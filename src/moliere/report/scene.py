"""A calorimeter's cells as solids to look at: boxes or ring segments, true to scale or drawn to be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from moliere.detectors.base import Floats, Ints
from moliere.detectors.calorimeter import Calorimeter

#: Radii that span more than this many innermost rings are drawn compressed, or the shower core is a dot.
_WIDE = 50.0
#: Length over half-width that still looks like a calorimeter; beyond, depth is stretched or squeezed.
_SHAPELY = (0.6, 6.0)
_PLEASANT = 2.5


@dataclass(frozen=True, eq=False)
class SceneLayer:
    """One layer of cells, u major and v minor, as the channels run.

    Args:
        label: name for people.
        kind: ``polar`` (u is alpha in rad, v is r in mm) or ``cartesian`` (u is x, v is y, both in mm).
        first: channel of the first cell.
        u: edges.
        v: edges.
        z: start and end along the shower axis in mm, or in layers where no depth is known.
    """

    label: str
    kind: Literal["polar", "cartesian"]
    first: int
    u: Floats
    v: Floats
    z: tuple[float, float]

    @property
    def half_width(self) -> float:
        """Largest distance from the axis along x, y or r."""
        return float(np.abs(self.v if self.kind == "polar" else np.concatenate([self.u, self.v])).max())

    @property
    def reach(self) -> float:
        """Largest distance of any point from the axis."""
        if self.kind == "polar":
            return self.half_width
        return float(np.hypot(np.abs(self.u).max(), np.abs(self.v).max()))


@dataclass(frozen=True, eq=False)
class Scene:
    """The layers of a calorimeter, ready to be drawn.

    Args:
        layers: in channel order, in mm.
        shown: the same cells in drawing coordinates: radii compressed, depth scaled, where that reads better.
        radial_scale: radius in mm from which on radii are compressed, None where they are not.
        z_unit: ``mm``, or ``layer`` for a detector without depths.
        unit: of a signal.
    """

    layers: tuple[SceneLayer, ...]
    shown: tuple[SceneLayer, ...]
    radial_scale: float | None
    z_unit: Literal["mm", "layer"]
    unit: str

    @property
    def to_scale(self) -> bool:
        """Whether what is shown is the real shape."""
        return self.shown is self.layers


def build_scene(detector: Calorimeter) -> Scene:
    """The cells of a calorimeter as solids.

    Example:
        >>> from moliere.detectors import Calorimeter, Layer, PolarGrid
        >>> grid = PolarGrid(r_edges=(0.0, 5.0, 10.0), n_alpha=4)
        >>> layers = Layer(0, grid, z=(0.0, 20.0)), Layer(1, grid, z=(20.0, 40.0))
        >>> scene = build_scene(Calorimeter("toy", layers))
        >>> [layer.first for layer in scene.layers], scene.z_unit, scene.to_scale
        ([0, 8], 'mm', True)
    """
    depths, z_unit = _depths(detector)
    layers = tuple(
        SceneLayer(layer.label, grid.kind, int(first), *grid.edges, z=(float(z[0]), float(z[1])))
        for layer, grid, first, z in zip(
            detector.read_out, detector.grids, detector.boundaries[:-1], depths, strict=True
        )
    )
    scale = _radial_scale(layers)
    return Scene(layers, _to_be_seen(layers, scale), scale, z_unit, detector.unit)


def layer_of(layers: tuple[SceneLayer, ...], channels: Ints) -> Ints:
    """Position of the layer of each channel, shape (n,)."""
    return np.searchsorted([layer.first for layer in layers], channels, side="right") - 1


def cell_bounds(layers: tuple[SceneLayer, ...], channels: Ints) -> Floats:
    """Where cells begin and end.

    Args:
        layers: of a :class:`Scene`, true or shown.
        channels: (n,).

    Returns:
        (n, 3, 2): low and high edge in u, v and z.
    """
    bounds = np.empty((len(channels), 3, 2))
    position = layer_of(layers, channels)
    for k in np.unique(position):
        layer, inside = layers[k], position == k
        u, v = np.divmod(channels[inside] - layer.first, len(layer.v) - 1)
        bounds[inside, 0] = np.stack([layer.u[u], layer.u[u + 1]], axis=1)
        bounds[inside, 1] = np.stack([layer.v[v], layer.v[v + 1]], axis=1)
        bounds[inside, 2] = layer.z
    return bounds


def corners(bounds: Floats, kind: Literal["polar", "cartesian"]) -> Floats:
    """Corners of cells in space.

    Args:
        bounds: (n, 3, 2), from :func:`cell_bounds`.
        kind: of the cells.

    Returns:
        (n, 2, 2, 2, 3): low and high in u, in v and in z; last axis (x, y, z).
    """
    shape = (len(bounds), 2, 2, 2)
    u = np.broadcast_to(bounds[:, 0, :, None, None], shape)
    v = np.broadcast_to(bounds[:, 1, None, :, None], shape)
    z = np.broadcast_to(bounds[:, 2, None, None, :], shape)
    if kind == "polar":
        u, v = v * np.cos(u), v * np.sin(u)
    return np.stack([u, v, z], axis=-1)


def depth_range(layers: tuple[SceneLayer, ...]) -> tuple[float, float]:
    """Where the first layer begins and the last one ends; channels need not run from front to back."""
    return min(layer.z[0] for layer in layers), max(layer.z[1] for layer in layers)


def compress(r: Floats, scale: float) -> Floats:
    """Lengths that are linear near the axis and logarithmic beyond ``scale``, so that core and halo fit one picture.

    Example:
        >>> compress(np.array([-1000.0, 0.0, 1.0, 1000.0]), 10.0).round(1).tolist()
        [-53.0, 0.0, 1.0, 53.0]
    """
    return scale * np.arcsinh(r / scale)


def _depths(detector: Calorimeter) -> tuple[Floats, Literal["mm", "layer"]]:
    """Depths in mm, or one unit a layer: a half-known stack would put layers on top of each other."""
    if np.isfinite(detector.depths).all():
        return detector.depths, "mm"
    index = np.arange(len(detector.read_out), dtype=np.float64)
    return np.stack([index + 0.1, index + 0.9], axis=1), "layer"


def _radial_scale(layers: tuple[SceneLayer, ...]) -> float | None:
    """Radius below which radii are drawn linearly, above logarithmically; None where all of it is linear."""
    if any(layer.kind != "polar" for layer in layers):
        return None
    inner = min(float(layer.v[layer.v > 0].min()) for layer in layers)
    outer = max(layer.half_width for layer in layers)
    return 5 * inner if outer > _WIDE * inner else None


def _to_be_seen(layers: tuple[SceneLayer, ...], scale: float | None) -> tuple[SceneLayer, ...]:
    """The layers themselves where they read well, else with compressed radii and a scaled depth axis."""
    drawn = layers if scale is None else tuple(replace(layer, v=compress(layer.v, scale)) for layer in layers)
    half_width = max(layer.half_width for layer in drawn)
    start, stop = depth_range(layers)
    if _SHAPELY[0] < (stop - start) / half_width < _SHAPELY[1]:
        return drawn
    stretch = _PLEASANT * half_width / (stop - start)
    return tuple(replace(layer, z=((layer.z[0] - start) * stretch, (layer.z[1] - start) * stretch)) for layer in drawn)
