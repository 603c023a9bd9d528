"""The numbers of a comparison, each with its error and its floor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.evaluation.classifier import classifier_test
from moliere.evaluation.collect import Collected
from moliere.evaluation.distances import (
    expected_separation,
    histogram,
    ks_test,
    mann_whitney,
    root_chi2,
    separation_power,
    wasserstein,
)
from moliere.evaluation.fpd import fpd
from moliere.evaluation.kpd import kpd
from moliere.evaluation.observables import low_level_features
from moliere.evaluation.observables.base import split_name
from moliere.evaluation.response import moments
from moliere.evaluation.result import Figure, Group, HistogramPair, ResponsePoint
from moliere.evaluation.suites import Suite, binning_of
from moliere.evaluation.verdicts import judge, judge_auc

Step = Callable[[str], None]

#: what classifiers look at
_INPUTS: dict[str, Callable[[Collected], NDArray[np.float32]]] = {
    "observables": lambda sample: sample.features,
    "voxels": lambda sample: low_level_features(sample.showers),
    "normed-voxels": lambda sample: low_level_features(sample.showers, normed=True),
}

#: fewer events of either sample give no figure of that kind
LEAST_FOR_CLASSIFIER = 300
LEAST_FOR_FPD = 500


def classifier_figures(
    reference: Collected, generated: Collected, suite: Suite, seeds: int, seed: int, step: Step
) -> Iterator[Figure]:
    """AUC and JSD of every classifier on every input of a suite; floors from two halves of the reference."""
    for what in suite.inputs:
        one, other = (_INPUTS[what](sample) for sample in (reference, generated))
        half = len(one) // 2
        for kind in suite.classifiers:
            step(f"classifier: {kind} on {what}")
            score = classifier_test(kind, one, other, seeds, seed)
            floor = classifier_test(kind, one[:half], one[half : 2 * half], max(1, seeds - 1), seed)
            note = "held-out events; floor: two halves of the reference against each other"
            yield Figure(
                f"auc-{what}-{kind}", f"AUC, {kind} on {what}", "classifier", score.auc, score.auc_error,
                floor.auc, floor.auc_error, "", judge_auc(score.auc, score.auc_error, floor.auc, floor.auc_error), note,
            )  # fmt: skip
            yield Figure(
                f"jsd-{what}-{kind}", f"JSD, {kind} on {what}", "classifier", score.jsd, score.jsd_error,
                floor.jsd, floor.jsd_error, "", judge(score.jsd, score.jsd_error, floor.jsd, floor.jsd_error), note,
            )  # fmt: skip


def distance_figures(reference: Collected, generated: Collected, seed: int, step: Step) -> Iterator[Figure]:
    """FPD and KPD on the observables; floors from bootstrap samples of the reference of the same sizes."""
    one, other = reference.features, generated.features
    rng = np.random.default_rng(seed)
    first, second = (one[rng.integers(len(one), size=len(x))] for x in (one, other))
    for name, label, distance in (("fpd", "Fréchet physics distance", fpd), ("kpd", "kernel physics distance", kpd)):
        step(label)
        value, error = distance(one, other)
        floor, floor_error = distance(first, second)
        note = "on the observables; floor: two bootstrap samples of the reference"
        yield Figure(
            name,
            label,
            "distribution",
            value,
            error,
            floor,
            floor_error,
            "",
            judge(value, error, floor, floor_error),
            note,
        )


def histogram_pairs(reference: Collected, generated: Collected, detector: Calorimeter) -> tuple[HistogramPair, ...]:
    """One histogram an observable, and the spectrum of voxel energies."""
    pairs = [
        _pair(name, detector, reference.observables[name], generated.observables[name])
        for name in reference.observables
    ]
    voxels = [x.showers.signals[x.showers.signals > 0].astype(np.float64) for x in (reference, generated)]
    return (*pairs, _pair("voxel_energy", detector, *voxels))


def _pair(name: str, detector: Calorimeter, one: NDArray[np.float64], other: NDArray[np.float64]) -> HistogramPair:
    binning = binning_of(name, detector, one)
    counts = [histogram(values, binning.edges) for values in (one, other)]
    inside = [c[1:-1] for c in counts]
    label, unit = "voxel energy", "MeV"
    group: Group = "voxels"
    if name != "voxel_energy":
        observable, layer = split_name(name)
        where = detector.read_out[layer].label if layer is not None else ""
        label, unit, group = observable.label.format(layer=where), observable.unit, observable.group
    enough = len(one) > 1 and len(other) > 1
    return HistogramPair(
        name=name,
        label=label,
        unit=unit,
        group=group,
        edges=tuple(binning.edges.tolist()),
        reference=tuple(counts[0].tolist()),
        generated=tuple(counts[1].tolist()),
        log_x=binning.log,
        separation=separation_power(inside[0], inside[1]),
        separation_floor=expected_separation(inside[0], inside[1]),
        ks_p=ks_test(one, other)[1] if enough else 1.0,
        wasserstein=wasserstein(one, other) if enough else 0.0,
        chi2_p=root_chi2(*counts)[2],
        mann_whitney_p=mann_whitney(one, other) if enough else 1.0,
        **(_ratios(one, other) if enough else {}),
    )


def _ratios(one: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """Ratios of means and of standard deviations with their errors, by the names of :class:`HistogramPair`."""
    mean, mean_error, std, std_error = moments(one)
    other_mean, other_mean_error, other_std, other_std_error = moments(other)
    return {
        "mean_ratio": _ratio(mean, mean_error, other_mean, other_mean_error),
        "std_ratio": _ratio(std, std_error, other_std, other_std_error),
    }


def _ratio(one: float, one_error: float, other: float, other_error: float) -> tuple[float, float]:
    """Generated over reference with its error; 1 where the reference is 0."""
    if one == 0:
        return 1.0, 0.0
    return other / one, float(np.hypot(other_error / one, other * one_error / one**2))


def observable_figures(
    reference: Collected, generated: Collected, pairs: Sequence[HistogramPair], seed: int
) -> Iterator[Figure]:
    """Mean and worst of separation power, Wasserstein-1 and KS over the observables."""
    rng = np.random.default_rng(seed)
    own = [pair for pair in pairs if pair.name != "voxel_energy"]
    separations = np.array([pair.separation for pair in own])
    floors = np.array([pair.separation_floor for pair in own])
    worst = int(separations.argmax())
    yield _spread_figure("separation-mean", "separation power, mean", separations.mean(), floors.mean(), len(own), "")
    yield _spread_figure(
        "separation-worst", "separation power, worst", separations[worst], floors[worst], 1, own[worst].label
    )
    for name, label, distance in (
        ("wasserstein", "Wasserstein-1 / σ", _scaled_wasserstein),
        ("ks", "Kolmogorov-Smirnov distance", lambda a, b: ks_test(a, b)[0]),
    ):
        rows = []
        for pair in own:
            one, other = reference.observables[pair.name], generated.observables[pair.name]
            draws = [distance(*(one[rng.integers(len(one), size=len(x))] for x in (one, other))) for _ in range(3)]
            rows.append((distance(one, other), np.mean(draws), np.std(draws, ddof=1)))
        table = np.array(rows)
        k = int(table[:, 0].argmax())
        value, floor, spread = table[k]
        yield Figure(
            f"{name}-worst", f"{label}, worst", "distribution", value, spread, floor, spread, "",
            judge(value, spread, floor, spread), f"worst observable: {own[k].label}; floor: bootstrap of the reference",
        )  # fmt: skip


def _spread_figure(name: str, label: str, value: float, floor: float, n: int, where: str) -> Figure:
    """Separation power has a floor in closed form; its spread under it is about as large as a chi-square's."""
    error = floor * (2 / (30 * n)) ** 0.5
    note = f"worst observable: {where}; " if where else ""
    note += "floor: expectation for equal distributions at these sizes"
    return Figure(
        name,
        label,
        "distribution",
        float(value),
        error,
        float(floor),
        error,
        "",
        judge(value, error, floor, error),
        note,
    )


def _scaled_wasserstein(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """In standard deviations of the reference; of both together where the reference does not vary at all."""
    spread = one.std() if np.ptp(one) > 0 else np.concatenate([one, other]).std()
    return wasserstein(one, other) / float(spread or 1.0)


def response_figures(points: Sequence[ResponsePoint]) -> Iterator[Figure]:
    """Largest deviation of mean response and of its width over the incident energies, in percent."""
    for kind, label in (("mean", "mean response, worst energy"), ("width", "width of the response, worst energy")):
        rows = []
        for point in points:
            one, other = getattr(point, f"reference_{kind}"), getattr(point, f"generated_{kind}")
            one_error, other_error = (
                getattr(point, f"reference_{kind}_error"),
                getattr(point, f"generated_{kind}_error"),
            )
            if one > 0:
                rows.append((100 * abs(other / one - 1), 100 * np.hypot(other_error, one_error) / one, point.energy))
        if not rows:
            continue
        value, error, energy = max(rows)
        # the larger of k deviations of pure noise is about this many standard deviations
        floor = error * float(np.sqrt(2 * np.log(max(len(rows), 2))))
        yield Figure(
            f"response-{kind}", label, "energy", float(value), float(error), floor, float(error), "%",
            judge(value, error, floor, error), f"|generated / reference - 1| at {energy:.4g} MeV",
        )  # fmt: skip
