"""Real particle transport: Geant4 from its wheel, with tables made on the spot where its data sets are not there."""

from __future__ import annotations

from moliere.simulators.geant4.fast import FastShowers, Tracks
from moliere.simulators.geant4.live import FastCalorimeter, Frame, Showers
from moliere.simulators.geant4.simulator import Geant4
from moliere.simulators.geant4.tables import use_tables

__all__ = ["FastCalorimeter", "FastShowers", "Frame", "Geant4", "Showers", "Tracks", "use_tables"]
