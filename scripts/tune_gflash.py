"""Fit GFLASH's corrections for one detector to Geant4 showers and print them for ``gflash/tuning.py``.

    python scripts/tune_gflash.py calochallenge-2 ../shared/data/electrons.h5

Only the training part of the file is used. Depth, shape and visible fraction come first, from the layer
energies in bands of energy; then the resolution, from the width of the response; the radial factors, from the
energies of rings; the visible fraction again, for what leaves the sides; last the number of spots, from the
number of cells with signal.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize_scalar

from moliere.detectors import catalog
from moliere.detectors.base import Floats
from moliere.detectors.calorimeter import Calorimeter
from moliere.events import Events
from moliere.events.formats import read_events
from moliere.events.split import split_events
from moliere.simulators import Gflash
from moliere.simulators.gflash import Tuning
from moliere.simulators.gflash.profiles import energy_bands, layer_profile, ring_profile

#: entries with a smaller share of the energy count less: they are allowed an absolute error instead
FLOOR = 0.03

#: the same for rings, in units of the largest
RING_FLOOR = 0.3

#: layers before and behind the bulk hold little energy, whose course with energy the model does not follow
SMALL_LAYER, SMALL_LAYER_WEIGHT = 0.02, 0.05


def visible_factors(groups: Sequence[Sequence[int]], values: Floats, n_layers: int) -> tuple[float, ...]:
    """One factor a layer from one a group of layers with the same plates."""
    factors = np.ones(n_layers)
    for group, value in zip(groups, values, strict=True):
        factors[list(group)] = np.exp(value)
    return tuple(float(f) for f in factors)


def layer_groups(detector: Calorimeter) -> list[list[int]]:
    """Read-out layers with the same materials, which see the same fraction of a shower."""
    position = [layer.grid is not None for layer in detector.layers]
    groups: dict[tuple[str, float], set[int]] = {}
    for before, plate in zip(detector.stack, detector.stack[1:], strict=False):
        if plate.active and position[plate.layer]:
            groups.setdefault((before.material, plate.thickness), set()).add(sum(position[: plate.layer]))
    return [sorted(group) for group in groups.values()]


def fit_longitudinal(detector: Calorimeter, reference: list[Floats], energies: list[Floats]) -> Tuning:
    """Shift of T, scale of alpha and visible factors from mean layer energies."""
    groups = layer_groups(detector)
    expected = np.array(reference)
    share = expected / expected.sum(axis=1, keepdims=True)
    tolerance = np.maximum(share, FLOOR) / np.where(share.max(axis=0) < SMALL_LAYER, SMALL_LAYER_WEIGHT, 1.0)

    def tuning(x: Floats) -> Tuning:
        visible = visible_factors(groups, x[4:], len(detector.read_out))
        t0, t1, alpha0, alpha1 = (float(v) for v in x[:4])
        return Tuning(t_shift=(t0, t1), alpha_scale=(alpha0, alpha1), visible=visible)

    def residuals(x: Floats) -> Floats:
        simulator = Gflash(detector, tuning=tuning(x))
        profiles = [mean_layers(simulator, energy) for energy in energies]
        return ((np.array(profiles) - expected) / expected.sum(axis=1, keepdims=True) / tolerance).ravel()

    start = np.array([0.0, 0.0, 1.0, 0.0] + [0.0] * len(groups))
    return tuning(least_squares(residuals, start).x.round(4))


def mean_layers(simulator: Gflash, energy: Floats) -> Floats:
    """Mean layer energies over the mean incident energy; the same showers at each call."""
    return simulator.layer_energies({"energy": energy}, np.random.default_rng(7)).sum(axis=0) / energy.sum()


def fit_radial(detector: Calorimeter, reference: list[Floats], energies: list[Floats], tuning: Tuning) -> Tuning:
    """Factors on core, tail and the core's share from mean ring energies."""
    rings = without_sectors(detector)
    expected = [profile / profile.sum() for profile in reference]
    tolerance = [np.maximum(shares, RING_FLOOR * shares.max()) for shares in expected]

    def tuned(x: Floats) -> Tuning:
        core, tail, share = (tuple(float(v) for v in x[k : k + 3]) for k in (0, 3, 6))
        return replace(tuning, core_scale=core, tail_scale=tail, core_share_scale=share)

    def residuals(x: Floats) -> Floats:
        smooth = replace(tuned(x), resolution=0.01)
        simulator = Gflash(rings, method="analytic", tuning=smooth)
        simulated = (match_layers(rings, mean_rings(simulator, e), r) for e, r in zip(energies, expected, strict=True))
        return np.concatenate([(s - e) / t for s, e, t in zip(simulated, expected, tolerance, strict=True)])

    return tuned(least_squares(residuals, np.zeros(9), max_nfev=15).x.round(3))


def mean_rings(simulator: Gflash, energy: Floats) -> Floats:
    """Mean ring energies over the mean incident energy; the same showers at each call."""
    return ring_profile(simulator.simulate({"energy": energy}, np.random.default_rng(9)))


def match_layers(rings: Calorimeter, profile: Floats, reference: Floats) -> Floats:
    """Scale each layer's rings to the reference's layer energy, which few showers know badly."""
    scaled = [profile[part] * (reference[part].sum() / max(profile[part].sum(), 1e-12)) for part in rings.slices]
    return np.concatenate(scaled)


def without_sectors(detector: Calorimeter) -> Calorimeter:
    """The same rings as one sector and without threshold, which is quicker to integrate."""
    layers = [
        layer if layer.grid is None else replace(layer, grid=replace(layer.grid, n_alpha=1))
        for layer in detector.layers
    ]
    return replace(detector, layers=tuple(layers), threshold=0.0)


def fit_resolution(events: Events, bands: list[NDArray[np.bool_]]) -> float:
    """Median over bands of the width of the response times sqrt(E in GeV)."""
    widths = []
    for band in bands:
        response = events.response[band]
        widths.append(response.std() / response.mean() * np.sqrt(events.energy[band].mean() / 1000))
    return float(np.round(np.median(widths), 4))


def fit_response(events: Events, bands: list[NDArray[np.bool_]], energies: list[Floats], tuning: Tuning) -> Tuning:
    """Scale what is visible by the mean response, sides and threshold included."""
    simulator = Gflash(events.detector, tuning=tuning)
    simulated = [simulator.simulate({"energy": e}, np.random.default_rng(4)).response.mean() for e in energies]
    scale = np.mean([events.response[band].mean() for band in bands]) / np.mean(simulated)
    return replace(tuning, visible=tuple(float(f * scale) for f in tuning.visible))


def fit_spots(detector: Calorimeter, counts: Floats, energies: list[Floats], tuning: Tuning) -> Tuning:
    """Factor on the number of spots from the mean number of cells with signal in each band."""

    def mismatch(log_scale: float) -> float:
        simulator = Gflash(detector, tuning=replace(tuning, spot_scale=float(np.exp(log_scale))))
        simulated = [simulator.simulate({"energy": e}, np.random.default_rng(3)).signals for e in energies]
        hit = np.array([(signals > 0).sum(axis=1).mean() for signals in simulated])
        return float(np.square(np.log(hit / counts)).sum())

    best = minimize_scalar(mismatch, bounds=(-1.5, 2.0), method="bounded", options={"xatol": 0.02})
    return replace(tuning, spot_scale=float(np.round(np.exp(best.x), 2)))


def tune(detector: Calorimeter, events: Events) -> Tuning:
    """All corrections for one detector from its training events."""
    signals = np.where(events.signals < detector.threshold, 0, events.signals)
    events = Events(detector, events.incident, signals)
    bands = energy_bands(events.energy)
    rng = np.random.default_rng(5)
    many, few, fewer = ([rng.choice(events.energy[band], n) for band in bands] for n in (1000, 250, 60))
    tuning = fit_longitudinal(detector, [layer_profile(events[band]) for band in bands], many)
    tuning = replace(tuning, resolution=fit_resolution(events, bands))
    tuning = fit_radial(detector, [ring_profile(events[band]) for band in bands], few, tuning)
    tuning = fit_response(events, bands, few, tuning)
    counts = np.array([(signals[band] > 0).sum(axis=1).mean() for band in bands])
    return fit_spots(detector, counts, fewer, tuning)


def main() -> None:
    """Read the command line, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", help="catalogue name")
    parser.add_argument("file", type=Path, help="Geant4 showers of that detector")
    arguments = parser.parse_args()
    detector = catalog.get(arguments.detector)
    if not isinstance(detector, Calorimeter):
        parser.error(f"{arguments.detector} is not a calorimeter")
    events = read_events(arguments.file, detector)
    print(tune(detector, events.take(split_events(events).train)))


if __name__ == "__main__":
    main()
