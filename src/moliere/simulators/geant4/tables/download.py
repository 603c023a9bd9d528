"""Fetching Geant4's full data sets, by the wheel's own downloader and only when asked in plain words."""

from __future__ import annotations

import os
import subprocess
import sys

from moliere.errors import DownloadError
from moliere.simulators.geant4.tables.build import EM, STATES
from moliere.simulators.geant4.tables.find import DOWNLOADED, VARIABLES

#: the ones that electromagnetic lists read
_EM_VARIABLES = {"G4LEDATA", "G4ENSDFSTATEDATA"}


def download_tables(*, em_only: bool = False) -> None:
    """Fetch the data sets from cern.ch to ``~/.geant4_pybind``, each checked against its MD5 sum.

    The wheel downloads what is missing when it is imported, after a question that this answers. It also deletes other
    folders there.

    Args:
        em_only: only what electromagnetic lists read.

    Raises:
        DownloadError: the download failed; with what the downloader said last.
    """
    environment = {key: value for key, value in os.environ.items() if key not in {*VARIABLES, "GEANT4_DATA_DIR"}}
    environment["CI"] = "true"  # the wheel's word for: do not ask
    if em_only:
        # a variable that is set is a data set that is there
        environment |= {name: str(DOWNLOADED.expanduser()) for name in VARIABLES if name not in _EM_VARIABLES}
    process = subprocess.run(
        [sys.executable, "-c", "import geant4_pybind"], env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    missing = [name for name in (EM, STATES) if not (DOWNLOADED.expanduser() / name).is_dir()]
    if process.returncode or missing:
        words = process.stderr.strip().splitlines()
        raise DownloadError(
            f"Geant4's data sets could not be fetched ({words[-1] if words else 'no reason given'}); check the "
            "connection to cern.ch, or go on without: moliere makes electromagnetic tables itself"
        )
