"""Cut the shipped sample ``photons-mini`` from the full Geant4 file: python scripts/make_photons_mini.py photons.h5."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np

N_EVENTS, SEED, DROPPED_BITS = 5000, 2026, 11


def round_mantissa(values: np.ndarray, bits: int) -> np.ndarray:
    """Round float32 values to 23 - bits mantissa bits, so that they compress."""
    whole = values.astype(np.float32).view(np.uint32) + np.uint32(1 << (bits - 1))
    return (whole & ~np.uint32((1 << bits) - 1)).view(np.float32)


def main(source: Path) -> None:
    """Write src/moliere/samples/photons-mini.h5."""
    target = Path(__file__).parents[1] / "src/moliere/samples/photons-mini.h5"
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        chosen = np.sort(np.random.default_rng(SEED).permutation(len(old["showers"]))[:N_EVENTS])
        options = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
        showers = round_mantissa(old["showers"][:][chosen], DROPPED_BITS)
        new.create_dataset("showers", data=showers, chunks=(1000, showers.shape[1]), **options)
        new.create_dataset("incident_energies", data=old["incident_energies"][:][chosen], **options)
        new.attrs.update(old.attrs)
        new.attrs["source"] = f"{N_EVENTS} events of {source.name}, seed {SEED}, signals rounded to 12 significant bits"
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
