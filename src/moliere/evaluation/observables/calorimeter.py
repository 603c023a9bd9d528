"""Calorimeter observables with CaloChallenge's exact definitions, and its feature vectors.

References:
    CaloChallenge 2022: A Community Challenge for Fast Calorimeter Simulation, Krause et al., 2024,
    https://arxiv.org/abs/2410.21611; evaluate.py and HighLevelFeatures.py of CaloChallenge/homepage
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats
from moliere.evaluation.observables.base import Observable, PerLayer, Showers, observables
from moliere.evaluation.observables.binning import Bins, fixed, log_bins, quantile_bins, usual

ETA, PHI, R = 0, 1, 2


def _all_layers(detector: Calorimeter) -> tuple[int, ...]:
    return tuple(range(len(detector.read_out)))


def transverse_layers(detector: Calorimeter) -> tuple[int, ...]:
    """Layers that are divided around the axis: only they know eta and phi."""
    return tuple(k for k, grid in enumerate(detector.grids) if grid.has_azimuth)


def layer_energy(showers: Showers, layer: int) -> Floats:
    """Energy of one layer in MeV."""
    return np.asarray(showers.moments[layer][:, 0])


def total_energy(showers: Showers) -> Floats:
    """Energy of all layers in MeV."""
    return np.asarray(sum(moments[:, 0] for moments in showers.moments))


def response(showers: Showers) -> Floats:
    """Total energy over incident energy."""
    return np.asarray(total_energy(showers) / showers.energy)


def sparsity(showers: Showers, layer: int) -> Floats:
    """Fraction of a layer's cells that are empty."""
    cells = showers.signals[:, showers.detector.slices[layer]]
    return np.asarray(1 - (cells > 0).mean(axis=1, dtype=np.float64))


def energy_bins(detector: Calorimeter, n_edges: int = 40) -> Bins:
    """From the threshold to the largest energy of the reference, equidistant in the logarithm."""
    return partial(log_bins, detector.threshold, n_edges=n_edges)


def _response_bins(detector: Calorimeter) -> Bins:
    if _is_calochallenge(detector):
        return usual(np.linspace(0.5, 1.5, 101))
    return partial(quantile_bins, bins=100)


def _is_calochallenge(detector: Calorimeter) -> bool:
    return detector.name.startswith("calochallenge-")


_ENERGY_BINS = PerLayer(lambda detector, layer: energy_bins(detector))
observables.register("response")(
    Observable(
        "total / incident energy", "", "energy", PerLayer(lambda detector, _: _response_bins(detector)), response
    )
)
observables.register("total_energy")(Observable("total energy", "MeV", "energy", _ENERGY_BINS, total_energy))
observables.register("layer_energy")(
    Observable("energy in {layer}", "MeV", "longitudinal", _ENERGY_BINS, layer_energy, _all_layers)
)
observables.register("sparsity")(
    Observable("share of empty cells in {layer}", "", "sparsity", fixed(np.linspace(0, 1, 21)), sparsity, _all_layers)
)


def _moment_bins(kind: str, axis: int, detector: Calorimeter, layer: int) -> Bins:
    """Ranges of the community's evaluate.py in mm for its datasets; those of the reference for other detectors.

    References:
        plot_* functions of evaluate_plotting_helper.py, CaloChallenge/homepage
    """
    if not _is_calochallenge(detector):
        return quantile_bins
    small = detector.name in ("calochallenge-2", "calochallenge-3")
    number = detector.read_out[layer].id
    if axis == R:
        large = 1500.0 if number in (12, 13, 14) else 500.0
        low, high = 0.0, (42.0 if kind == "centre" else 20.0) if small else large
    else:
        wide = number in (12, 13)
        reach = (30.0, 500.0, 100.0) if kind == "centre" else (30.0, 400.0, 100.0)
        high = reach[0] if small else reach[1] if wide else reach[2]
        low = -high if kind == "centre" else 0.0
    return usual(np.linspace(low, high, 101))


def _register_moments() -> None:
    """Centre and width along eta and phi, or x and y (where a layer is divided around the axis), and r."""
    for kind, compute in (("centre", Showers.centre), ("width", Showers.width)):
        for axis, name in ((ETA, "eta"), (PHI, "phi"), (R, "r")):
            shown = name if axis == R else f"{{detector.transverse_axes[{axis}]}}"
            observables.register(f"{kind}_{name}")(
                Observable(
                    f"{kind} in {shown}, {{layer}}",
                    "mm",
                    "transverse",
                    PerLayer(partial(_moment_bins, kind, axis)),
                    partial(compute, axis=axis),
                    _all_layers if axis == R else transverse_layers,
                )
            )


_register_moments()
#: base names of the observables of this file
USUAL = frozenset(observables)


def calochallenge_features(showers: Showers) -> tuple[NDArray[np.float32], list[str]]:
    """The community's high-level feature vector, in its order and scale.

    log10 E_inc, log10(E_l + 1e-8), centres in eta / 100, in phi / 100, widths in eta / 100, in phi / 100,
    log10(E_tot + 1e-8), sparsities, centres in r / 100, widths in r / 100.

    Returns:
        (n, 30) for dataset 1 photons, (n, 46) for pions, (n, 362) for datasets 2 and 3; and the columns' names.
    """
    every, divided = _all_layers(showers.detector), transverse_layers(showers.detector)
    columns: dict[str, Floats] = {"log_incident_energy": np.log10(showers.energy)}
    columns |= {f"log_layer_energy[{k}]": np.log10(layer_energy(showers, k) + 1e-8) for k in every}
    for method, kind in ((showers.centre, "centre"), (showers.width, "width")):
        for axis, name in ((ETA, "eta"), (PHI, "phi")):
            columns |= {f"{kind}_{name}[{k}]": method(k, axis) / 100 for k in divided}
    columns["log_total_energy"] = np.log10(total_energy(showers) + 1e-8)
    columns |= {f"sparsity[{k}]": sparsity(showers, k) for k in every}
    columns |= {f"centre_r[{k}]": showers.centre(k, R) / 100 for k in every}
    columns |= {f"width_r[{k}]": showers.width(k, R) / 100 for k in every}
    return np.stack(list(columns.values()), axis=1).astype(np.float32), list(columns)


def low_level_features(showers: Showers, *, normed: bool = False) -> NDArray[np.float32]:
    """The community's low-level vector: log10 E_inc and voxels / E_inc, (n, 1 + n_channels).

    Args:
        showers: events.
        normed: voxels over their layer's energy instead, followed by log10(E_l + 1e-8) for each layer.
    """
    if not normed:
        # rounded to float32 as it is divided: quotients in float64 would be twice the signals
        features = np.empty((len(showers.energy), 1 + showers.signals.shape[1]), np.float32)
        features[:, 0] = np.log10(showers.energy)
        np.divide(showers.signals, showers.energy[:, None], out=features[:, 1:], casting="same_kind")
        return features
    head = np.log10(showers.energy)[:, None].astype(np.float32)
    energies = np.stack([layer_energy(showers, k) for k in _all_layers(showers.detector)], axis=1)
    shares = showers.signals / (energies + 1e-16)[:, showers.detector.layer_of_channel]
    return np.concatenate([head, shares.astype(np.float32), np.log10(energies + 1e-8).astype(np.float32)], axis=1)
