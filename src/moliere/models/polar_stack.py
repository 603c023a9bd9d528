"""What models of a regular stack of polar layers may be given, checked before anything is learned from it."""

from __future__ import annotations

from torch import Tensor

from moliere.detectors import Calorimeter, Detector, PolarGrid
from moliere.errors import ConfigError, InvalidEvents


def polar_stack(detector: Detector, model: str) -> tuple[Calorimeter, tuple[int, int, int]]:
    """A detector and its numbers of layers, sectors and rings; radii may differ from layer to layer.

    Raises:
        ConfigError: not a calorimeter of polar layers that are all divided alike.
    """
    grids = detector.grids if isinstance(detector, Calorimeter) else ()
    shapes = {grid.shape for grid in grids if isinstance(grid, PolarGrid)}
    if isinstance(detector, Calorimeter) and len(shapes) == 1 and all(isinstance(g, PolarGrid) for g in grids):
        return detector, (len(grids), *shapes.pop())
    raise ConfigError(
        f"{model} needs a calorimeter whose layers have as many rings and sectors as each other, got "
        f"{detector.describe()}"
    )


def check_signals(detector: Calorimeter, signals: Tensor, energy: Tensor) -> None:
    """Refuse what the transforms cannot take, while it can still be said which events are wrong.

    Args:
        detector: theirs.
        signals: in MeV, (n, n_channels).
        energy: incident, in MeV, (n,).

    Raises:
        InvalidEvents: a layer without energy in all events, or a cell with more than the incident energy.
    """
    layers = zip(detector.read_out, detector.slices, strict=True)
    if empty := [layer.label for layer, part in layers if len(signals) and not signals[:, part].any()]:
        raise InvalidEvents(
            f"layers {', '.join(empty)} hold no energy in {len(signals)} training events; read the events with a "
            "detector that leaves them out (data.detector)"
        )
    above = (signals > energy[:, None]).any(dim=1)
    if above.any():
        raise InvalidEvents(
            f"{int(above.sum())} of {len(signals)} training events have a cell with more than the incident energy; "
            "take them out with: moliere check FILE --fix"
        )
