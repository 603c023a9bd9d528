"""Draw the networks of CaloGAN, 3DGAN and the calorimeter flow for the documentation: python scripts/draw_networks.py.

As the shipped recipes and defaults have them, untrained: the pictures show layers and sizes, not weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from moliere.detectors import catalog
from moliere.models import BuildContext, models
from moliere.models.structure import structure_of
from moliere.report.network_picture import save_network
from moliere.units import GeV

_DOCS = Path(__file__).parents[1] / "docs"
#: file → model, detector, columns of the condition, settings
_DRAWN: dict[str, tuple[str, str, tuple[str, ...], dict[str, Any]]] = {
    "network-calogan": ("calogan", "calogan", ("energy",), {}),
    "network-3dgan": ("3dgan", "3dgan", ("energy", "theta"), {}),
    "network-flow": ("calorimeter-flow", "calochallenge-1-photons", ("energy",), {}),
}


def main() -> None:
    """Draw and say where."""
    for name, (kind, detector, columns, settings) in _DRAWN.items():
        torch.manual_seed(0)
        chosen = models[kind]
        model = chosen(chosen.config_type.model_validate(settings), BuildContext(catalog.get(detector), columns))
        ranges = {"energy": (1 * GeV, 100 * GeV), "theta": (1.1, 2.0)}
        print(save_network(structure_of(model, ranges), _DOCS / f"{name}.svg", overwrite=True))


if __name__ == "__main__":
    main()
