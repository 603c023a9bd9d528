"""Calorimeter observables with CaloChallenge's exact definitions, and its feature vectors.

References:
    CaloChallenge 2022: A Community Challenge for Fast Calorimeter Simulation, Krause et al., 2024,
    https://arxiv.org/abs/2410.21611; evaluate.py and HighLevelFeatures.py of CaloChallenge/homepage
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.evaluation.observables.base import Observable, Showers, observables

ETA, PHI, R = 0, 1, 2


def _all_layers(showers: Showers) -> tuple[int, ...]:
    return tuple(range(len(showers.detector.read_out)))


def _transverse(showers: Showers) -> tuple[int, ...]:
    return showers.transverse_layers


def layer_energy(showers: Showers, layer: int) -> Floats:
    """Energy of one layer in MeV."""
    return np.asarray(showers.moments[layer][:, 0])


def total_energy(showers: Showers, layer: int = -1) -> Floats:
    """Energy of all layers in MeV."""
    del layer
    return np.asarray(sum(moments[:, 0] for moments in showers.moments))


def response(showers: Showers, layer: int = -1) -> Floats:
    """Total energy over incident energy."""
    return np.asarray(total_energy(showers, layer) / showers.energy)


def sparsity(showers: Showers, layer: int) -> Floats:
    """Fraction of a layer's cells that are empty."""
    cells = showers.signals[:, showers.detector.slices[layer]]
    return np.asarray(1 - (cells > 0).mean(axis=1, dtype=np.float64))


observables.register("response")(Observable("total / incident energy", "", "energy", response))
observables.register("total_energy")(Observable("total energy", "MeV", "energy", total_energy))
observables.register("layer_energy")(Observable("energy in {layer}", "MeV", "longitudinal", layer_energy, _all_layers))
observables.register("sparsity")(Observable("empty cells in {layer}", "", "sparsity", sparsity, _all_layers))


def _register_moments() -> None:
    """Centre and width along eta, phi (where a layer is divided around the axis) and r."""
    group: str = "transverse"
    for axis, name in ((ETA, "eta"), (PHI, "phi"), (R, "r")):
        layers = _all_layers if axis == R else _transverse

        def centre(showers: Showers, layer: int, axis: int = axis) -> Floats:
            return showers.centre(layer, axis)

        def width(showers: Showers, layer: int, axis: int = axis) -> Floats:
            return showers.width(layer, axis)

        centre_label, width_label = f"centre in {name}, {{layer}}", f"width in {name}, {{layer}}"
        observables.register(f"centre_{name}")(Observable(centre_label, "mm", group, centre, layers))
        observables.register(f"width_{name}")(Observable(width_label, "mm", group, width, layers))


_register_moments()


def calochallenge_features(showers: Showers) -> tuple[NDArray[np.float32], list[str]]:
    """The community's high-level feature vector, in its order and scale.

    log10 E_inc, log10(E_l + 1e-8), centres in eta / 100, in phi / 100, widths in eta / 100, in phi / 100,
    log10(E_tot + 1e-8), sparsities, centres in r / 100, widths in r / 100.

    Returns:
        (n, 30) for dataset 1 photons, (n, 46) for pions, (n, 362) for datasets 2 and 3; and the columns' names.
    """
    every, divided = _all_layers(showers), showers.transverse_layers
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
    head = np.log10(showers.energy)[:, None].astype(np.float32)
    if not normed:
        return np.concatenate([head, (showers.signals / showers.energy[:, None]).astype(np.float32)], axis=1)
    energies = np.stack([layer_energy(showers, k) for k in _all_layers(showers)], axis=1)
    shares = showers.signals / (energies + 1e-16)[:, showers.detector.layer_of_channel]
    return np.concatenate([head, shares.astype(np.float32), np.log10(energies + 1e-8).astype(np.float32)], axis=1)
