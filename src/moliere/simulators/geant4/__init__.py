"""Real particle transport: Geant4 from its wheel, with tables made on the spot where its data sets are not there."""

from __future__ import annotations

from moliere.simulators.geant4.simulator import Geant4

__all__ = ["Geant4"]
