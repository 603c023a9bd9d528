"""Which tables Geant4 is to read, and the environment that makes the wheel read them without a question."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from moliere.errors import ConfigError, did_you_mean
from moliere.simulators.geant4.tables.build import EM, NEUTRONS, STATES, VERSION, built_tables

Choice = Literal["auto", "geant4", "built"]
#: where the wheel's own downloader puts its archives
DOWNLOADED = Path("~/.geant4_pybind")
#: the variables that the wheel asks about; each one unset makes it prompt
VARIABLES = (
    *("G4NEUTRONHPDATA", "G4LEDATA", "G4LEVELGAMMADATA", "G4RADIOACTIVEDATA", "G4PARTICLEXSDATA", "G4PIIDATA"),
    *("G4REALSURFACEDATA", "G4SAIDXSDATA", "G4ABLADATA", "G4INCLDATA", "G4ENSDFSTATEDATA", "G4CHANNELINGDATA"),
)


@dataclass(frozen=True)
class Tables:
    """A set of data tables.

    Args:
        kind: ``geant4`` for the full data sets, ``built`` for those made here.
        hadronic: whether neutron cross sections of Geant4 itself are among them.
        environment: variables to set before Geant4 is imported.
    """

    kind: Literal["geant4", "built"]
    hadronic: bool
    environment: Mapping[str, str]

    @property
    def label(self) -> str:
        """For provenance."""
        return "Geant4 data sets" if self.kind == "geant4" else f"built by moliere (version {VERSION})"


def find_tables(choice: Choice = "auto") -> Tables:
    """The user's data sets where there are any, else tables made here.

    Looked for in this order: ``GEANT4_DATA_DIR``, ``G4LEDATA``, what the wheel's downloader left in
    ``~/.geant4_pybind``.

    Raises:
        ConfigError: the full data sets are asked for and not there.
    """
    if choice not in ("auto", "geant4", "built"):
        raise ConfigError(f"unknown tables {choice!r}; {did_you_mean(choice, ('auto', 'geant4', 'built'))}")
    own = None if choice == "built" else _own_tables()
    if own is None and choice == "geant4":
        raise ConfigError(
            "no Geant4 data sets found in GEANT4_DATA_DIR, G4LEDATA or ~/.geant4_pybind; set one of them, or "
            "download them",
            options=("moliere geant4 setup --download",),
        )
    return own or Tables("built", hadronic=False, environment={"GEANT4_DATA_DIR": str(built_tables())})


def use_tables(choice: Choice = "auto") -> Tables:
    """Set the environment of this process, for a script that imports Geant4 itself afterwards.

    On tables made here (``kind`` is ``built``), atoms cannot relax by emitting lines: call
    ``G4EmParameters.Instance().SetFluo(False)`` before the run manager is initialised.
    """
    tables = find_tables(choice)
    os.environ.update(tables.environment)
    return tables


def _own_tables() -> Tables | None:
    if folder := os.environ.get("GEANT4_DATA_DIR"):
        return _in_folder(Path(folder))
    if "G4LEDATA" in os.environ:
        return _in_variables()
    downloaded = DOWNLOADED.expanduser()
    return _in_folder(downloaded) if (downloaded / EM).is_dir() else None


def _in_folder(folder: Path) -> Tables:
    missing = [name for name in (EM, STATES) if not (folder / name).is_dir()]
    if missing:
        raise ConfigError(
            f"GEANT4_DATA_DIR={folder} lacks {' and '.join(missing)}; point it to the data of Geant4 11.4, or unset it "
            "to have the tables made"
        )
    return Tables("geant4", (folder / NEUTRONS).is_dir(), {"GEANT4_DATA_DIR": str(folder)})


def _in_variables() -> Tables:
    """The user's own variables; those left out point to what is built, which holds enough for electromagnetic lists."""
    if not Path(os.environ["G4LEDATA"]).is_dir():
        raise ConfigError(f"G4LEDATA={os.environ['G4LEDATA']} is no folder; correct it, or unset it")
    built = built_tables()
    rest = {name: str(built) for name in VARIABLES if name not in os.environ}
    if "G4ENSDFSTATEDATA" in rest:
        rest["G4ENSDFSTATEDATA"] = str(built / STATES)
    return Tables("geant4", "G4PARTICLEXSDATA" in os.environ, rest)
