"""The muon flux behind a beam dump: a fast source from tables, Pythia 8 behind it, and the absorber."""

from __future__ import annotations

from moliere.simulators.muons.absorber import cross
from moliere.simulators.muons.flux import Flux
from moliere.simulators.muons.simulator import Muons

__all__ = ["Flux", "Muons", "cross"]
