"""Building a stand-in for Geant4's data folders, with electromagnetic tables and rough hadronic ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from moliere.errors import MissingExtra
from moliere.files import cache_folder, writing

#: raised whenever what is written changes, so that old folders are left alone
VERSION = 1
ELEMENTS = range(1, 93)

#: names as the wheel of Geant4 11.4 looks for them below ``GEANT4_DATA_DIR``
EM, STATES, NEUTRONS = "G4EMLOW8.8", "G4ENSDFSTATE3.0", "G4PARTICLEXS4.2"
_EMPTY = ("PhotonEvaporation6.1.2", "G4SAIDDATA2.0", "G4NDL4.7.1")


def built_tables() -> Path:
    """The folder of the tables made here, made first if it is not there.

    Raises:
        WriteError: the cache cannot be written; ``$MOLIERE_CACHE`` may name another folder.
        MissingExtra: xraylib, which the photon cross sections come from, is not installed.
    """
    folder = cache_folder() / f"geant4-tables-{VERSION}"
    if folder.is_dir():
        return folder
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
        try:
            build(partial)
            # several jobs may build at once: the first one's stays
            with suppress(OSError):
                os.rename(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def build(folder: Path) -> None:
    """Write all tables below a folder; about 10 MB, 2 s."""
    try:
        from moliere.simulators.geant4.tables import nuclear, photons
    except ImportError as error:
        raise MissingExtra('Geant4 tables are made with xraylib: pip install "moliere[geant4]"') from error
    from moliere.simulators.geant4.tables import bremsstrahlung

    for z in ELEMENTS:
        photons.write(folder / EM, z)
        bremsstrahlung.write(folder / EM, z)
    nuclear.write(folder / NEUTRONS)
    for name in (STATES, *_EMPTY):
        (folder / name).mkdir(exist_ok=True)
    (folder / STATES / "ENSDFSTATE.dat").touch()  # it must exist, and may be empty
