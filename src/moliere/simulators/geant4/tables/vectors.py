"""Writing energy → value tables in the form of Geant4's ``G4PhysicsVector``."""

from __future__ import annotations

from pathlib import Path

from moliere.detectors.base import Floats


def format_vector(energy: Floats, values: Floats) -> str:
    """First and last energy with the number of points, that number again, then a pair a line."""
    head = f"{energy[0]:.8e} {energy[-1]:.8e} {len(energy)}\n{len(energy)}\n"
    return head + "".join(f"{e:.8e} {v:.8e}\n" for e, v in zip(energy, values, strict=True))


def write_vector(path: Path, energy: Floats, values: Floats) -> None:
    """One table a file."""
    path.write_text(format_vector(energy, values))
