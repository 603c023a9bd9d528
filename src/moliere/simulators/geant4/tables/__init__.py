"""The data tables that Geant4 reads: the user's own where there are any, else made here in seconds, never asked for."""

from __future__ import annotations

from moliere.simulators.geant4.tables.download import download_tables
from moliere.simulators.geant4.tables.find import Choice, Tables, find_tables, use_tables

__all__ = ["Choice", "Tables", "download_tables", "find_tables", "use_tables"]
