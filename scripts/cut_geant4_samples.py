"""Cut the samples of tests/data/geant4 from full Geant4 files: python scripts/cut_geant4_samples.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
from make_photons_mini import round_mantissa

SEED, DROPPED_BITS = 2026, 13
N_EVENTS = {"photons": 900, "photons-option1": 600, "electrons": 240, "eplus": 100, "gamma": 100, "piplus": 200}


def main(folder: Path) -> None:
    """Write a file for each of the samples."""
    for name, n in N_EVENTS.items():
        target = Path(__file__).parents[1] / "tests/data/geant4" / f"{name}.h5"
        with h5py.File(folder / f"{name}.h5") as old, h5py.File(target, "w") as new:
            chosen = np.sort(np.random.default_rng(SEED).permutation(len(old["showers"]))[:n])
            options = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
            new.create_dataset("showers", data=round_mantissa(old["showers"][:][chosen], DROPPED_BITS), **options)
            new.create_dataset("incident_energies", data=old["incident_energies"][:][chosen], **options)
            new.attrs.update(old.attrs)
        print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
