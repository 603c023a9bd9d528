"""ATLAS eta slices: which layers a shower meets at which pseudorapidity, all in one regular binning.

The ring edges of the slices are not published with the layer lists; the rings here are equal steps, which a file's own
``binstart_radius_layer`` replaces when it is read.
"""

from __future__ import annotations

from moliere.detectors.atlas_layers import ATLAS_LAYERS
from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import PolarGrid
from moliere.errors import DetectorError

N_ALPHA, N_R = 14, 24
_RING = 25.0  # mm

_BARREL = (0, 1, 2, 3, 12, 13, 14)
_TRANSITION = (*_BARREL, 15, 16, 18, 19, 20)
#: first |eta| of a slice → its layers
_LAYERS: tuple[tuple[float, tuple[int, ...]], ...] = (
    (0.00, (0, 1, 2, 3, 12)),
    (0.20, _BARREL),
    (0.55, (*_BARREL, 15, 16, 20)),
    (0.60, _TRANSITION),
    (0.85, tuple(sorted((*_TRANSITION, 17)))),
    (0.95, tuple(sorted((*_TRANSITION, 5, 17)))),
)


def eta_slice(eta: float) -> Calorimeter:
    """The calorimeter that a shower at this pseudorapidity meets.

    Args:
        eta: |eta| of the slice's lower edge, 0 to 1; slices are 0.05 wide.

    Raises:
        DetectorError: outside the published range.

    Example:
        >>> len(eta_slice(0.20).layers), eta_slice(0.60).n_channels
        (7, 4032)
    """
    if not 0 <= eta < 1:
        raise DetectorError(f"ATLAS slices are described for 0 <= eta < 1, got {eta:g}")
    layers = [numbers for first, numbers in _LAYERS if eta + 1e-9 >= first][-1]
    grid = PolarGrid(tuple(_RING * k for k in range(N_R + 1)), N_ALPHA)
    return Calorimeter(
        name=f"atlas-eta-{round(eta * 100):03d}",
        layers=tuple(Layer(id=number, grid=grid, name=ATLAS_LAYERS[number]) for number in layers),
        description=f"ATLAS slice at eta {eta:.2f}: {len(layers)} layers of {N_ALPHA} x {N_R} cells (nominal rings)",
    )
