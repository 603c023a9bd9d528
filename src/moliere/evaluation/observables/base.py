"""The registry of observables, and the view of showers that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats
from moliere.registry import Registry

#: keeps 0/0 at 0, as the community's code does
TINY = 1e-16


@dataclass(frozen=True)
class Showers:
    """Some showers of a calorimeter as observables see them.

    Args:
        detector: what was read out.
        energy: incident energy in MeV, (n,).
        signals: float32, (n, n_channels), zero below the threshold.
    """

    detector: Calorimeter
    energy: Floats
    signals: NDArray[np.float32]

    @classmethod
    def cut(
        cls, detector: Calorimeter, energy: NDArray[Any], signals: NDArray[Any], threshold: float | None = None
    ) -> Showers:
        """Cast to float32 first and zero what is below the threshold: the same way for both samples.

        A float32 reference beside a float64 sample was seen to give AUC 0.9995, only because log10(0 + 1e-8) differs
        in its last digit.
        """
        cast = np.asarray(signals, dtype=np.float32)
        least = np.float32(detector.threshold if threshold is None else threshold)
        return cls(detector, np.asarray(energy, dtype=np.float64), np.where(cast < least, np.float32(0), cast))

    @cached_property
    def moments(self) -> list[Floats]:
        """For each layer (n, 7): sums of E, E·eta, E·phi, E·r, E·eta², E·phi², E·r² over its cells."""
        return [self._layer_moments(layer) for layer in range(len(self.detector.read_out))]

    def _layer_moments(self, layer: int) -> Floats:
        part = self.detector.slices[layer]
        grid = self.detector.grids[layer]
        eta, phi = grid.centres.T
        weights = np.stack([np.ones_like(eta), eta, phi, grid.r, eta**2, phi**2, grid.r**2], axis=1)
        return np.asarray(self.signals[:, part].astype(np.float64) @ weights)

    def centre(self, layer: int, axis: int) -> Floats:
        """Energy-weighted mean along axis 0 (eta), 1 (phi) or 2 (r) in mm."""
        moments = self.moments[layer]
        return np.asarray(moments[:, 1 + axis] / (moments[:, 0] + TINY))

    def width(self, layer: int, axis: int) -> Floats:
        """Energy-weighted standard deviation along an axis in mm."""
        moments = self.moments[layer]
        square = moments[:, 4 + axis] / (moments[:, 0] + TINY)
        return np.asarray(np.sqrt(np.clip(square - self.centre(layer, axis) ** 2, 0, None)))

    @cached_property
    def transverse_layers(self) -> tuple[int, ...]:
        """Layers that are divided around the axis: only they know eta and phi."""
        return tuple(k for k, grid in enumerate(self.detector.grids) if grid.has_azimuth)


@dataclass(frozen=True)
class Observable:
    """One number a shower, or one a layer.

    Args:
        label: for axes; ``{layer}`` stands for the layer's name.
        unit: of the number.
        group: where it belongs.
        compute: showers, layer → (n,).
        layers: showers → layers that have it; ``None`` for one number a shower.
    """

    label: str
    unit: str
    group: str
    compute: Callable[[Showers, int], Floats]
    layers: Callable[[Showers], tuple[int, ...]] | None = None


#: name → observable
observables: Registry[Observable] = Registry("observable")


def observe(showers: Showers) -> Mapping[str, Floats]:
    """All registered observables: ``name`` or ``name[layer]`` → (n,)."""
    result: dict[str, Floats] = {}
    for name, observable in observables.items():
        if observable.layers is None:
            result[name] = observable.compute(showers, -1)
        else:
            for layer in observable.layers(showers):
                result[f"{name}[{layer}]"] = observable.compute(showers, layer)
    return result


def split_name(name: str) -> tuple[Observable, int | None]:
    """The observable and the layer that a key of :func:`observe` means."""
    base, bracket, rest = name.partition("[")
    return observables[base], int(rest.rstrip("]")) if bracket else None
