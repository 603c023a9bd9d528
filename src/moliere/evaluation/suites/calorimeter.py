"""Calorimeters: CaloChallenge's observables in its bins, CaloGAN's twenty shapes, 3DGAN's observables of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, Detector
from moliere.detectors.base import Floats
from moliere.evaluation.finding import Paper
from moliere.evaluation.observables import Showers, calochallenge_features, low_level_features
from moliere.evaluation.observables import calogan as calogan_observables
from moliere.evaluation.observables import threedgan as threedgan_observables
from moliere.evaluation.observables.base import Shown, observables, observed_in
from moliere.evaluation.observables.binning import Binning, fixed, quantile_bins, whole_numbers
from moliere.evaluation.observables.calorimeter import USUAL, energy_bins
from moliere.evaluation.suites.base import Kept, Measured, Suite, suites
from moliere.events import Events

#: what the spectrum of single cells is called
_CELLS = "voxel_energy"


def _measurer(observables: Callable[[Showers], dict[str, Floats]]) -> Callable[[Events, float | None], Measured]:
    """Showers above the threshold, some observables of them, and the community's feature vector."""

    def measure(events: Events, threshold: float | None) -> Measured:
        assert isinstance(events.detector, Calorimeter)  # the suite says so
        showers = Showers.cut(events.detector, events.energy, events.signals, threshold)
        features, names = calochallenge_features(showers)
        return Measured(showers.energy, showers.signals, observables(showers), features, tuple(names))

    return measure


def _showers(events: Events, measured: Measured) -> Showers:
    assert isinstance(events.detector, Calorimeter)  # the suite says so
    return Showers(events.detector, measured.scale, measured.signals)


def _usual(showers: Showers) -> dict[str, Floats]:
    """Those of the package; the suite adds what others have registered."""
    return {
        column: observables[name].values(showers, layer)
        for column, (name, layer) in observed_in(showers.detector).items()
        if name in USUAL
    }


def _describe(detector: Calorimeter) -> dict[str, Shown]:
    """The usual observables, and the energies of single cells."""
    usual = {
        column: observables[name].shown(detector, layer)
        for column, (name, layer) in observed_in(detector).items()
        if name in USUAL
    }
    return usual | _cells(detector)


def _cells(detector: Calorimeter) -> dict[str, Shown]:
    return {_CELLS: Shown("voxel energy", "MeV", "voxels", energy_bins(detector, 50))}


def _low_level(*, normed: bool) -> Callable[[Kept], NDArray[np.float32]]:
    return lambda kept: low_level_features(Showers(kept.detector, kept.scale, kept.signals), normed=normed)


_CALORIMETER = Suite(
    detector=Calorimeter,
    measure=_measurer(_usual),
    describe=_describe,
    low_level={"voxels": _low_level(normed=False), "normed-voxels": _low_level(normed=True)},
    cells=_CELLS,
    view=_showers,
    inputs=("observables", "voxels"),
    citations=(
        Paper(
            "observables, their bins and the separation power",
            "CaloChallenge 2022: a community challenge for fast calorimeter simulation",
            "C. Krause",
            2024,
            "https://arxiv.org/abs/2410.21611",
        ),
    ),
)
suites.register("calorimeter")(_CALORIMETER)
#: the community's own classifier, exact and slow
suites.register("calochallenge")(
    replace(_CALORIMETER, classifiers=("calochallenge",), inputs=("voxels", "normed-voxels", "observables"))
)

#: what the shapes of CaloGAN's observables say already
_SAID = frozenset({"layer_energy", "total_energy", "sparsity"})


def _calogan(showers: Showers) -> dict[str, Floats]:
    return calogan_observables.shower_shapes(showers.detector, showers.signals)


def _describe_calogan(detector: Calorimeter) -> dict[str, Shown]:
    bins = {name: fixed(edges, log=log) for name, (edges, log) in calogan_observables.PLOT_BINS.items()}
    shapes = {name: Shown(*words, bins[name]) for name, words in calogan_observables.SHAPES.items()}
    return shapes | _cells(detector)


suites.register("calogan")(
    replace(
        _CALORIMETER,
        measure=_measurer(_calogan),
        describe=_describe_calogan,
        without=_SAID,
        citations=(
            Paper(
                "observables",
                "CaloGAN: simulating 3D high energy particle showers in multilayer electromagnetic calorimeters with "
                "generative adversarial networks",
                "M. Paganini",
                2018,
                "https://arxiv.org/abs/1712.10321",
            ),
        ),
    )
)


def _threedgan(showers: Showers) -> dict[str, Floats]:
    return threedgan_observables.image_observables(showers.detector, showers.energy, showers.signals)


def _describe_threedgan(detector: Calorimeter) -> dict[str, Shown]:
    bins = {f"hottest_{axis}": whole_numbers for axis in threedgan_observables.AXES} | {"angle": _angle_bins}
    images = {
        name: Shown(*words, bins.get(name, quantile_bins)) for name, words in threedgan_observables.LABELS.items()
    }
    return images | _cells(detector)


def _angle_bins(values: Floats) -> Binning:
    """Of images that have a direction."""
    return quantile_bins(values[values != threedgan_observables.NO_ANGLE])


suites.register("3dgan")(
    replace(
        _CALORIMETER,
        measure=_measurer(_threedgan),
        describe=_describe_threedgan,
        without=USUAL,
        citations=(
            Paper(
                "observables",
                "Fast simulation of a high granularity calorimeter by generative adversarial networks",
                "G. Khattak",
                2022,
                "https://arxiv.org/abs/2109.07388",
            ),
        ),
    )
)

#: what FastCaloSim's validation looks at, of the usual observables
_SUMS = frozenset({"layer_energy", "total_energy", "response"})


def _sums(detector: Detector) -> list[str]:
    return [column for column, (name, _) in observed_in(detector).items() if name in _SUMS]


def _fastcalosim(events: Events, threshold: float | None) -> Measured:
    """Layer energies and sums; with eta, where the events have it, so that they can be looked at against it."""
    measured = _CALORIMETER.measure(events, threshold)
    sums = {name: measured.observables[name] for name in _sums(events.detector)}
    eta = {"eta": events.incident["eta"]} if "eta" in events.incident else {}
    return replace(measured, observables=sums | eta)


def _describe_fastcalosim(detector: Calorimeter) -> dict[str, Shown]:
    usual = _describe(detector)
    eta = Shown("incident pseudorapidity", "", "position", quantile_bins)
    return {name: usual[name] for name in _sums(detector)} | {"eta": eta} | _cells(detector)


suites.register("fastcalosim")(
    replace(
        _CALORIMETER,
        measure=_fastcalosim,
        describe=_describe_fastcalosim,
        without=USUAL,
        inputs=("observables",),
        by_layer=True,
    )
)
