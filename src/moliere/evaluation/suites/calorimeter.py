"""Calorimeters: CaloChallenge's observables in its bins, CaloGAN's twenty shapes, 3DGAN's observables of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats
from moliere.evaluation.finding import Paper
from moliere.evaluation.observables import Showers, calochallenge_features, low_level_features, observe
from moliere.evaluation.observables import calogan as calogan_observables
from moliere.evaluation.observables import threedgan as threedgan_observables
from moliere.evaluation.observables.base import split_name
from moliere.evaluation.suites.base import Kept, Measured, Suite, Words, suites
from moliere.evaluation.suites.binning import Binning, log_bins, quantile_bins, span, whole_numbers
from moliere.events import Events

_ENERGIES = {"layer_energy", "total_energy", "voxel_energy"}


def _measurer(observables: Callable[[Showers], dict[str, Floats]]) -> Callable[[Events, float | None], Measured]:
    """Showers above the threshold, some observables of them, and the community's feature vector."""

    def measure(events: Events, threshold: float | None) -> Measured:
        assert isinstance(events.detector, Calorimeter)  # the suite says so
        showers = Showers.cut(events.detector, events.energy, events.signals, threshold)
        features, names = calochallenge_features(showers)
        return Measured(showers.energy, showers.signals, observables(showers), features, tuple(names))

    return measure


def _words(name: str, detector: Calorimeter) -> Words:
    observable, layer = split_name(name)
    where = detector.read_out[layer].label if layer is not None else ""
    return Words(observable.label.format(layer=where), observable.unit, observable.group)


def binning_of(name: str, detector: Calorimeter, values: Floats) -> Binning:
    """The bins of an observable.

    Args:
        name: key of :func:`~moliere.evaluation.observables.observe`, or ``voxel_energy``.
        detector: CaloChallenge's datasets have fixed rules (:func:`_calochallenge`).
        values: of the reference; decide the range where no rule does.
    """
    base, _, _ = name.partition("[")
    if base in _ENERGIES:
        return log_bins(detector.threshold, values, 50 if base == "voxel_energy" else 40)
    if base == "response":
        return Binning(np.linspace(0.5, 1.5, 101)) if _is_calochallenge(detector) else span(values, 0.5, 1.5, 100)
    if base == "sparsity":
        return Binning(np.linspace(0, 1, 21))
    limits = _calochallenge(name, detector)
    return Binning(np.linspace(*limits, 101)) if limits else quantile_bins(values)


def _calochallenge(name: str, detector: Calorimeter) -> tuple[float, float] | None:
    """Ranges of the community's evaluate.py in mm for centres and widths; ``None`` for other detectors.

    References:
        plot_* functions of evaluate_plotting_helper.py, CaloChallenge/homepage
    """
    if not _is_calochallenge(detector):
        return None
    base, layer = name.partition("[")[0], split_name(name)[1]
    small = detector.name in ("calochallenge-2", "calochallenge-3")
    number = detector.read_out[layer or 0].id
    kind, axis = base.split("_")
    if axis == "r":
        if small:
            return (0.0, 42.0) if kind == "centre" else (0.0, 20.0)
        return (0.0, 1500.0) if number in (12, 13, 14) else (0.0, 500.0)
    wide = number in (12, 13)
    if kind == "centre":
        reach = 30.0 if small else 500.0 if wide else 100.0
        return -reach, reach
    return 0.0, 30.0 if small else 400.0 if wide else 100.0


def _is_calochallenge(detector: Calorimeter) -> bool:
    return detector.name.startswith("calochallenge-")


def _low_level(*, normed: bool) -> Callable[[Kept], NDArray[np.float32]]:
    return lambda kept: low_level_features(Showers(kept.detector, kept.scale, kept.signals), normed=normed)


_CALORIMETER = Suite(
    detector=Calorimeter,
    measure=_measurer(lambda showers: dict(observe(showers))),
    words=_words,
    binning=binning_of,
    low_level={"voxels": _low_level(normed=False), "normed-voxels": _low_level(normed=True)},
    cells=("voxel_energy", Words("voxel energy", "MeV", "voxels")),
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

#: what the shapes of CaloGAN and 3DGAN's observables say already
_SAID = ("layer_energy", "total_energy", "sparsity")


def _calogan(showers: Showers) -> dict[str, Floats]:
    usual = {name: values for name, values in observe(showers).items() if not name.startswith(_SAID)}
    return calogan_observables.shower_shapes(showers.detector, showers.signals) | usual


def _threedgan(showers: Showers) -> dict[str, Floats]:
    return threedgan_observables.image_observables(showers.detector, showers.energy, showers.signals)


_SHAPE_GROUPS: dict[str, str] = {"e": "energy", "f": "longitudinal", "d": "longitudinal", "l": "longitudinal"}
_SHAPE_GROUPS |= {"s_": "longitudinal", "sigma_sd": "longitudinal", "sparsity": "sparsity", "r": "transverse"}


def _group_of_shape(name: str) -> str:
    """Of one of CaloGAN's shapes: the longest beginning that is known."""
    known = [start for start in _SHAPE_GROUPS if name.startswith(start)]
    return _SHAPE_GROUPS[max(known, key=len)] if known else "transverse"


def _calogan_words(name: str, detector: Calorimeter) -> Words:
    if name not in calogan_observables.SHAPES:
        return _words(name, detector)
    return Words(*calogan_observables.SHAPES[name], _group_of_shape(name))


def _calogan_binning(name: str, detector: Calorimeter, values: Floats) -> Binning:
    if name in calogan_observables.PLOT_BINS:
        return Binning(*calogan_observables.PLOT_BINS[name])
    return binning_of(name, detector, values)


suites.register("calogan")(
    replace(
        _CALORIMETER,
        measure=_measurer(_calogan),
        words=_calogan_words,
        binning=_calogan_binning,
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

_IMAGE_GROUPS: dict[str, str] = {"total": "energy", "sampling": "energy", "hits": "sparsity"}
_IMAGE_GROUPS |= dict.fromkeys(["moment_z", "first", "second", "last", "hottest_z"], "longitudinal")


def _threedgan_words(name: str, detector: Calorimeter) -> Words:
    if name not in threedgan_observables.LABELS:
        return _words(name, detector)
    groups = [group for start, group in _IMAGE_GROUPS.items() if name.startswith(start)]
    return Words(*threedgan_observables.LABELS[name], groups[0] if groups else "transverse")


def _threedgan_binning(name: str, detector: Calorimeter, values: Floats) -> Binning:
    if name.startswith("hottest"):
        return whole_numbers(values)
    if name in threedgan_observables.LABELS:
        return quantile_bins(values[values != threedgan_observables.NO_ANGLE] if name == "angle" else values)
    return binning_of(name, detector, values)


suites.register("3dgan")(
    replace(
        _CALORIMETER,
        measure=_measurer(_threedgan),
        words=_threedgan_words,
        binning=_threedgan_binning,
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
_SUMS = ("layer_energy", "total_energy", "response")


def _fastcalosim(events: Events, threshold: float | None) -> Measured:
    """Layer energies and sums; with eta, where the events have it, so that they can be looked at against it."""
    measured = _CALORIMETER.measure(events, threshold)
    sums = {name: values for name, values in measured.observables.items() if name.startswith(_SUMS)}
    eta = {"eta": events.incident["eta"]} if "eta" in events.incident else {}
    return replace(measured, observables=sums | eta)


def _fastcalosim_words(name: str, detector: Calorimeter) -> Words:
    return Words("incident pseudorapidity", "", "position") if name == "eta" else _words(name, detector)


def _fastcalosim_binning(name: str, detector: Calorimeter, values: Floats) -> Binning:
    return quantile_bins(values) if name == "eta" else binning_of(name, detector, values)


suites.register("fastcalosim")(
    replace(
        _CALORIMETER,
        measure=_fastcalosim,
        words=_fastcalosim_words,
        binning=_fastcalosim_binning,
        inputs=("observables",),
        by_layer=True,
    )
)
