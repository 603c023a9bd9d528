"""How fast air showers are simulated on one core, and how close their Xmax, exponents and trigger are to closed forms.

OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/airshower.py
"""

from __future__ import annotations

import time

import numpy as np

from moliere.detectors import SurfaceArray, catalog
from moliere.events import Events
from moliere.simulators import AirShower, AirShowerData, AirShowerSimulation
from moliere.simulators.airshower.atmosphere import height_at, vertical_depth
from moliere.simulators.airshower.primaries import IRON, PROTON
from moliere.simulators.airshower.xmax import HADRONIC_MODELS, xmax_law
from moliere.units import EeV, m

ARRAY = catalog.get("airshower-9x9")
PRIMARIES = {"proton": (PROTON, 1.0), "iron": (IRON, 56.0)}


def showers_per_second(simulator: AirShower, energy: np.ndarray, repeats: int = 5) -> float:
    """Best of a few runs."""
    durations = []
    for seed in range(repeats):
        start = time.perf_counter()
        simulator.simulate({"energy": energy}, np.random.default_rng(seed))
        durations.append(time.perf_counter() - start)
    return len(energy) / min(durations)


def print_speed(n: int = 1000) -> None:
    print(f"events/s of {ARRAY.name} (one thread; reach: 500)")
    flat = np.random.default_rng(0).uniform(1, 100, n) * EeV
    samples = {"1-100 EeV": flat, "1 EeV": np.full(n, EeV), "100 EeV": np.full(n, 100 * EeV)}
    print(f"{'':22}" + "".join(f"{name:>12}" for name in samples))
    for make in (AirShowerData, AirShowerSimulation):
        row = (f"{showers_per_second(make(ARRAY), energy):12.0f}" for energy in samples.values())
        print(f"{make.__name__:22}" + "".join(row))


def print_xmax(n: int = 1_000_000) -> None:
    print(f"\nXmax of {n:,} showers of 10 EeV in g/cm²: mean and width, in brackets their closed forms")
    for model in HADRONIC_MODELS:
        for name, (_, mass) in PRIMARIES.items():
            law = xmax_law(model, np.full(n, 10 * EeV), np.full(n, mass))
            xmax = law.draw_above(np.full(n, np.inf), np.random.default_rng(1))
            print(
                f"{model:14}{name:8}{xmax.mean():8.2f} ({law.mean[0]:.2f}){xmax.std():8.2f} ({law.std[0]:.2f})"
                f"   pull {(xmax.mean() - law.mean[0]) / law.std[0] * np.sqrt(n):+.1f}"
            )


def fit_exponents(events: Events) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of r and dX with their errors, from vertical showers in bins that hold whatever comes."""
    x, y = events.detector.stations[:, :2].T
    distance = np.hypot(x - events.incident["core_x"][:, None], y - events.incident["core_y"][:, None])
    xmax = events.incident["xmax"][:, None]
    height = height_at(xmax) - 1400 * m
    depth = (vertical_depth(np.array(1400 * m)) - xmax) * np.hypot(distance, height) / height
    signal = events.detector.footprint(events.signals).astype(np.float64)
    # nearer in, stations saturate; a cut on the signal itself would prefer fluctuations upwards
    used = (distance > 500 * m) & (distance < 1500 * m)
    design = np.column_stack([np.ones(used.sum()), -np.log(distance[used]), -np.log(depth[used])])
    weighted = design * np.sqrt(signal[used])[:, None]
    # rounding down takes half a particle, and weights that fluctuate with the signal give it back
    found = np.linalg.lstsq(weighted, np.log(signal[used]) * np.sqrt(signal[used]), rcond=None)[0]
    return found[1:], np.sqrt(np.diag(np.linalg.inv(weighted.T @ weighted)))[1:]


def print_exponents(n: int = 2000) -> None:
    print(f"\nexponents fitted to {n:,} vertical iron showers of 50 EeV, in brackets those put in")
    array = SurfaceArray("calorimetric", ARRAY.positions, 1, 1e9, ARRAY.shape)
    for name, em_fraction, laws in (("muons", 0.0, (4.7, 0.1)), ("electromagnetic", 1.0, (6.1, 0.4))):
        simulator = AirShower(array, em_fraction=em_fraction, noise_scale=0.0)
        incident = {"energy": np.full(n, 50 * EeV), "pdg_id": np.full(n, IRON)}
        found, error = fit_exponents(simulator.simulate(incident, np.random.default_rng(2)))
        columns = (f"{f:9.4f} ± {e:.4f} ({law})" for f, e, law in zip(found, error, laws, strict=True))
        print(f"{name:16}" + "".join(columns))


def print_trigger(n: int = 500) -> None:
    print("\nstations that trigger of 81, vertical protons")
    energies = (0.1, 0.3, 1, 3, 10, 30, 100)
    print(f"{'':22}" + "".join(f"{energy:>6g} EeV" for energy in energies))
    for make in (AirShowerData, AirShowerSimulation):
        simulator = make(ARRAY)
        row = []
        for energy in energies:
            events = simulator.simulate({"energy": np.full(n, energy * EeV)}, np.random.default_rng(3))
            row.append(np.isfinite(events.extras["arrival_times"]).sum(axis=1).mean())
        print(f"{make.__name__:22}" + "".join(f"{mean:10.2f}" for mean in row))


def main() -> None:
    print_speed()
    print_xmax()
    print_exponents()
    print_trigger()


if __name__ == "__main__":
    main()
