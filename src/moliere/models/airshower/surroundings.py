"""What stands around a station: its neighbours' signals, the brightest of the shower, the distance from the middle."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from moliere.detectors import SurfaceArray

#: brightest stations of an event that every station is told of
_BRIGHTEST = 3
#: ends of the rings of neighbours, in units of the smallest distance between two stations
_RINGS = (0.5, 1.25, 2.25)
#: stations count for the middle with this power of their signal: it falls with about the fifth power of the distance
_POWER = 0.25
#: below a squared distance, whose root has no derivative at zero
_TINY = 1e-6


class Surroundings(nn.Module):
    """Signals of all stations in decades above the trigger (n, n_stations) → of each (n, n_stations, width).

    A faint trace is mostly noise, and hardly says how far from the axis it was recorded, on which everything depends
    that a simulation may have wrong. The other stations say it: the means of two rings of neighbours, the three
    brightest signals of the event, the distance from the middle of the signals; and the station's own signal.

    Args:
        array: the stations.
    """

    rings: Tensor
    places: Tensor

    def __init__(self, array: SurfaceArray) -> None:
        super().__init__()
        places = array.stations[:, :2]
        apart = np.linalg.norm(places[:, None] - places, axis=2)
        unit = apart[apart > 0].min() if (apart > 0).any() else 1.0
        rings = [(apart > low * unit) & (apart <= high * unit) for low, high in pairwise(_RINGS)]
        shares = np.stack([ring / np.maximum(1, ring.sum(axis=1, keepdims=True)) for ring in rings])
        self.register_buffer("rings", torch.tensor(shares).float(), persistent=False)
        middle = places.mean(axis=0)
        self.register_buffer("places", torch.tensor((places - middle) / unit).float(), persistent=False)
        self.brightest = min(_BRIGHTEST, array.n_stations)
        self.width = 1 + len(rings) + self.brightest + 1

    def forward(self, above: Tensor) -> Tensor:
        """Describe."""
        rings = torch.einsum("ns,kts->ntk", above, self.rings)
        brightest = above.topk(self.brightest, dim=1).values[:, None].expand(-1, above.shape[1], -1)
        weights = torch.expm1(above * (_POWER * float(np.log(10))))
        middle = weights @ self.places / (weights.sum(dim=1, keepdim=True) + _TINY)
        away = (self.places - middle[:, None]).square().sum(dim=2, keepdim=True)
        return torch.cat([above[:, :, None], rings, brightest, (away + _TINY).sqrt()], dim=2)
