"""Which channels of a polar calorimeter form sectors that a network may treat alike."""

from __future__ import annotations

import numpy as np

from moliere.detectors import Calorimeter, PolarGrid
from moliere.models.networks.sector_mixer import SectorLayout


def find_sectors(detector: Calorimeter) -> SectorLayout | None:
    """The common division into sectors, or ``None`` where there is none.

    Layers must be polar and have one number of alpha bins, except those that are not divided.

    Example:
        >>> from moliere.detectors import catalog
        >>> layout = find_sectors(catalog.get("calochallenge-1-photons"))
        >>> len(layout.sectors), len(layout.sectors[0]), len(layout.rest)
        (10, 35, 18)
    """
    grids = [grid for grid in detector.grids if isinstance(grid, PolarGrid)]
    divisions = {grid.n_alpha for grid in grids if grid.n_alpha > 1}
    if len(grids) != len(detector.grids) or len(divisions) != 1:
        return None
    (n_sectors,) = divisions
    rows: list[list[int]] = [[] for _ in range(n_sectors)]
    rest: list[int] = []
    for grid, part in zip(grids, detector.slices, strict=True):
        channels = np.arange(part.start, part.stop).reshape(grid.shape)
        if grid.n_alpha == 1:
            rest.extend(channels[0].tolist())
        else:
            for row, sector in zip(rows, channels, strict=True):
                row.extend(sector.tolist())
    return SectorLayout(tuple(map(tuple, rows)), tuple(rest))
