"""GFLASH's scaled corrections in sandwiches that they were not fitted to, against Geant4.

OMP_NUM_THREADS=1 python benchmarks/sandwiches.py [--only Fe-Si] [--quick]

One row a sample: what GFLASH has over Geant4, with the statistical error in percent. Geant4 costs about 15 ms of one
core a GeV, some 20 minutes for all.
"""

from __future__ import annotations

import argparse
from itertools import chain, product

import numpy as np

import moliere
from moliere.detectors.base import Floats
from moliere.detectors.calorimeter import Calorimeter, Layer, Plate
from moliere.detectors.grids import PolarGrid
from moliere.events import EventSource
from moliere.simulators import Gflash

#: name → absorber, its thickness in mm, active material, its thickness in mm, number of pairs
STACKS = {
    "W-Si": ("G4_W", 7.0, "G4_Si", 0.5, 14),
    "Fe-Si": ("G4_Fe", 10.0, "G4_Si", 1.0, 44),
    "W-LAr": ("G4_W", 3.0, "G4_lAr", 1.0, 30),
    "Cu-scintillator": ("G4_Cu", 5.0, "G4_POLYSTYRENE", 2.0, 70),
    "Pb-scintillator": ("G4_Pb", 8.0, "G4_POLYSTYRENE", 3.0, 18),
    "Cu-LAr": ("G4_Cu", 30.0, "G4_lAr", 4.0, 12),
    "Pb-Si": ("G4_Pb", 5.0, "G4_Si", 0.3, 28),
    "W-Si thin": ("G4_W", 6.0, "G4_Si", 0.2, 15),
    "Fe-LAr": ("G4_Fe", 15.0, "G4_lAr", 4.0, 29),
    "W-scintillator": ("G4_W", 5.0, "G4_POLYSTYRENE", 3.0, 18),
}
#: particle, GeV, showers
BEAMS = (("e-", 10, 300), ("gamma", 2, 300), ("e-", 2, 300), ("gamma", 10, 150), ("e-", 50, 80))
#: 50 GeV cost most: in these only
DEAR = ("W-Si", "Fe-Si", "Pb-scintillator")


def sandwich(name: str) -> Calorimeter:
    """A layer for each active plate, whose one cell holds the whole shower."""
    passive, thickness, active, gap, n = STACKS[name]
    pairs = [(Plate(passive, thickness), Plate(active, gap, k, active=True)) for k in range(n)]
    layers = tuple(Layer(k, PolarGrid((0.0, 1e4), 1)) for k in range(n))
    return Calorimeter(name, layers, tuple(chain.from_iterable(pairs)))


def figures(events: EventSource) -> Floats:
    """Response, its width over its mean, mean layer, share of the incident energy in the first layer."""
    signals, energy = events.signals[:].astype(np.float64), events.incident["energy"][:]
    response = signals.sum(axis=1) / energy
    depth = signals.sum(axis=0) @ np.arange(signals.shape[1]) / signals.sum()
    return np.array([response.mean(), response.std(ddof=1) / response.mean(), depth, signals[:, 0].mean() / energy[0]])


def errors(events: EventSource) -> Floats:
    """Standard errors of the figures in units of the figures, from a hundred resamplings."""
    rng, n = np.random.default_rng(1), len(events)
    drawn = [figures(events[rng.integers(n, size=n)]) for _ in range(100)]
    return np.std(drawn, axis=0) / figures(events)


def row(name: str, particle: str, gev: int, n: int, seed: int) -> str:
    """One line of the table."""
    detector = sandwich(name)
    words = {"detector": detector, "particle": particle, "energy": f"{gev}GeV"}
    truth = moliere.simulate("geant4", n=n, seed=seed, **words)
    fast = moliere.simulate("gflash", n=2000, seed=seed, **words)
    there, ratio = figures(truth), 100 * (figures(fast) / figures(truth) - 1)
    error = 100 * np.hypot(errors(truth), errors(fast[:500]) / 2)
    columns = (f"{value:.4g}, {r:+.1f} ± {e:.1f} %" for value, r, e in zip(there, ratio, error, strict=True))
    warned = " (warns)" if Gflash(detector).warning else ""
    return f"| {name}{warned} | {particle} {gev} GeV | {n}, {seed} | {' | '.join(columns)} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=STACKS, action="append", help="these stacks")
    parser.add_argument("--quick", action="store_true", help="10 showers of 2 GeV: shows that it runs")
    arguments = parser.parse_args()
    beams = [("e-", 2, 10)] if arguments.quick else BEAMS
    print("| stack | beam | showers, seed | response | resolution | mean layer | first layer |")
    print("|" + "---|" * 7)
    for (beam, (particle, gev, n)), (stack, name) in product(enumerate(beams), enumerate(STACKS)):
        if name in (arguments.only or STACKS) and (gev < 50 or name in DEAR):
            print(row(name, particle, gev, n, 7001 + 10 * beam + stack), flush=True)


if __name__ == "__main__":
    main()
