"""Detectors as text, for the command line."""

from __future__ import annotations

import numpy as np

from moliere.detectors import materials
from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.detectors.phase_space import PhaseSpace
from moliere.detectors.surface_array import SurfaceArray
from moliere.errors import UnknownName


def describe_calorimeter(detector: Calorimeter) -> str:
    """Headline, then a line for each run of equal layers."""
    lines = [
        f"{detector.name}: calorimeter, {detector.n_channels} channels in {len(detector.read_out)} layers"
        + (f", threshold {detector.threshold:g} MeV" if detector.threshold else ""),
        *([f"  {detector.description}"] if detector.description else []),
    ]
    first = 0
    layers = detector.layers
    for k in range(1, len(layers) + 1):
        if k == len(layers) or layers[k].grid != layers[first].grid:
            lines.append(f"  {_layer_names(layers[first], layers[k - 1])}: {_describe_grid(layers[first])}")
            first = k
    if detector.stack:
        lines.append(f"  {_describe_stack(detector)}")
    return "\n".join(lines)


def _layer_names(first: Layer, last: Layer) -> str:
    return first.label if first is last else f"{first.label} … {last.label}"


def _describe_grid(layer: Layer) -> str:
    grid = layer.grid
    if isinstance(grid, PolarGrid):
        edges = " ".join(f"{edge:g}" for edge in grid.r_edges)
        return f"{grid.n_cells} cells = {grid.n_alpha} alpha × {grid.shape[1]} r; r edges {edges} mm"
    if isinstance(grid, CartesianGrid):
        (nx, ny), x, y = grid.shape, grid.x_edges, grid.y_edges
        return f"{grid.n_cells} cells = {nx} x × {ny} y; x {x[0]:g} … {x[-1]:g}, y {y[0]:g} … {y[-1]:g} mm"
    return "not read out"


def _describe_stack(detector: Calorimeter) -> str:
    depth = sum(plate.thickness for plate in detector.stack)
    text = f"{len(detector.stack)} plates, {depth:g} mm deep"
    try:
        lengths = [plate.thickness / materials.get(plate.material).radiation_length_mm for plate in detector.stack]
    except UnknownName:
        return text
    return f"{text} = {sum(lengths):.1f} X0"


def describe_surface_array(detector: SurfaceArray) -> str:
    """Headline, extent and spacing."""
    stations = detector.stations
    extent = np.ptp(stations, axis=0) / 1e6
    nearest = np.sort(np.linalg.norm(stations[:, None] - stations, axis=2), axis=1)
    spacing = f", nearest neighbour {nearest[:, 1].min() / 1e3:g} m" if len(stations) > 1 else ""
    return (
        f"{detector.name}: surface array, {detector.n_stations} stations × {detector.n_bins} bins of "
        f"{detector.bin_width:g} ns\n  {detector.description}\n"
        f"  {extent[0]:.1f} km × {extent[1]:.1f} km{spacing}, {stations[:, 2].mean() / 1e3:g} m above sea level"
    )


def describe_phase_space(detector: PhaseSpace) -> str:
    """Headline, then a line a column."""
    lines = [f"{detector.name}: phase space, {detector.n_channels} columns", f"  {detector.description}"]
    lines += [f"  {c.name} [{c.unit or '1'}]: {c.low:g} … {c.high:g}" for c in detector.columns]
    return "\n".join(lines)
