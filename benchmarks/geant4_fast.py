"""A fast model inside Geant4 against Geant4 alone: python benchmarks/geant4_fast.py [--events N] [--full FILE].

Times are CPU times of one process and hold without its start: a long run less a short one. ``--full`` takes the events
of full simulation from a file that the command below wrote, instead of simulating them (4 s an event)::

    moliere simulate geant4 --detector calochallenge-1-photons --energy 20GeV --multiplicity 10 -n 200 --seed 41 -o FILE
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from moliere.detectors import Calorimeter
from moliere.events import Events
from moliere.events.formats import read_events
from moliere.front import fast_showers
from moliere.simulators import Geant4
from moliere.simulators.geant4 import FastCalorimeter, FastShowers
from moliere.units import GeV

_PHOTONS, _ENERGY = 10, 20 * GeV
_TOGETHER = 100


def cpu() -> float:
    """CPU seconds of the processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def simulate(simulator: Geant4, n: int, seed: int) -> tuple[Events, float]:
    """Events of ten photons, and the CPU seconds of their process."""
    before = cpu()
    events = simulator.simulate({"energy": np.full((n, _PHOTONS), _ENERGY)}, np.random.default_rng(seed))
    return events, cpu() - before


def an_event(simulator: Geant4, few: int, many: int) -> tuple[Events, float]:
    """Events, and the milliseconds of one."""
    _, short = simulate(simulator, few, seed=40)
    events, long = simulate(simulator, many, seed=42)
    return events, 1e3 * (long - short) / (many - few)


def figures(events: Events) -> dict[str, np.ndarray]:
    """Response, layer shares, mean depth, and widths of the two large layers of each event."""
    detector = events.detector
    assert isinstance(detector, Calorimeter)
    layers = detector.layer_energies(events.signals)
    shares = layers / layers.sum(axis=1, keepdims=True)
    found = {"response": events.response, "mean depth [mm]": shares @ detector.depths.mean(axis=1)}
    for k in (1, 2):
        signals, r = events.signals[:, detector.slices[k]], detector.r[detector.slices[k]]
        found[f"share of {detector.layer_labels[k]}"] = shares[:, k]
        found[f"mean radius in {detector.layer_labels[k]} [mm]"] = signals @ r / np.maximum(signals.sum(axis=1), 1e-9)
    for axis, name in enumerate("xy"):
        signals, place = events.signals[:, detector.slices[2]], detector.centres[detector.slices[2], axis]
        found[f"position {name} in {detector.layer_labels[2]} [mm]"] = signals @ place / signals.sum(axis=1)
    return found


def compare(full: Events, fast: Events) -> None:
    """Mean and width of each figure, and how far apart they are in standard errors."""
    own = figures(fast)
    print(f"{'':<32}{'full':>20}{'fast':>20}   mean differs by   width ratio")
    for name, a in figures(full).items():
        b = own[name]
        error = np.sqrt(a.var() / len(a) + b.var() / len(b))
        ratio = b.std() / a.std()
        blur = ratio * np.sqrt(0.5 / len(a) + 0.5 / len(b))
        print(
            f"{name:<32}{a.mean():11.4f} ± {a.std():6.4f}{b.mean():11.4f} ± {b.std():6.4f}"
            f"{b.mean() - a.mean():+10.4f} ± {error:6.4f}  {ratio:.2f} ± {blur:.2f}"
        )


def together(showers: FastShowers) -> None:
    """Milliseconds a shower, made together and one by one, placement included."""
    made = {}
    for name, size in (("together", _TOGETHER), ("one by one", 1)):
        for _ in range(2):  # the first round warms up
            start = time.process_time()
            for first in range(0, _TOGETHER, size):
                calorimeter = FastCalorimeter(showers, 2000.0)
                for track in range(first, first + size):
                    calorimeter.offer(22, _ENERGY, (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), track)
                calorimeter.finish(1).in_cells()
            made[name] = 1e3 * (time.process_time() - start) / _TOGETHER
    print(", ".join(f"{name} {ms:.2f} ms" for name, ms in made.items()), end=" a shower: ")
    print(f"{made['one by one'] / made['together']:.1f} times as fast together ({_TOGETHER} showers)")


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="photons")
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--full", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    showers = fast_showers(arguments.bundle)
    together(showers)
    alone = Geant4(showers.detector)
    fast, fast_ms = an_event(replace(alone, fast=showers), 10, arguments.events)
    full, full_ms = an_event(alone, 1, 4 if arguments.full else arguments.events)
    print(f"an event of {_PHOTONS} photons of {_ENERGY / GeV:g} GeV, CPU: full {full_ms:.0f} ms, ", end="")
    print(f"fast {fast_ms:.1f} ms, ", end="")
    print(f"{full_ms / fast_ms:.0f} times as fast")
    compare(read_events(arguments.full) if arguments.full else full, fast)


if __name__ == "__main__":
    main()
