"""The numbers of a comparison, each with its error and its floor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moliere.evaluation.classifier import classifier_test
from moliere.evaluation.collect import Collected
from moliere.evaluation.correlations import correlation_matrix, matrix_distance, varying
from moliere.evaluation.distances import ks_test, wasserstein
from moliere.evaluation.evidence import Correlations
from moliere.evaluation.fpd import fpd
from moliere.evaluation.kpd import kpd
from moliere.evaluation.neighbours import Coverage, coverage, standardise
from moliere.evaluation.result import Figure, HistogramPair, ResponsePoint
from moliere.evaluation.suites import Suite
from moliere.evaluation.verdicts import judge, judge_auc, judge_share

Step = Callable[[str], None]

#: fewer events of either sample give no figure of that kind
LEAST_FOR_CLASSIFIER = 300
LEAST_FOR_FPD = 500
#: events of each sample in searches for neighbours, whose time grows faster than their number
_NEIGHBOURS = 3_000


def classifier_figures(
    reference: Collected, generated: Collected, suite: Suite, seeds: int, seed: int, step: Step
) -> Iterator[Figure]:
    """AUC and JSD of every classifier on every input of a suite; floors from two halves of the reference."""
    for what in suite.inputs:
        one, other = (_input(suite, what, sample) for sample in (reference, generated))
        half = len(one) // 2
        for kind in suite.classifiers:
            step(f"classifier: {kind} on {what}")
            score = classifier_test(kind, one, other, seeds, seed)
            # once is enough: what a floor varies by from seed to seed is the sampling error that it has anyway
            floor = classifier_test(kind, one[:half], one[half : 2 * half], 1, seed)
            note = "held-out events; floor: two halves of the reference against each other"
            yield Figure(
                f"auc-{what}-{kind}", f"AUC, {kind} on {what}", "classifier", score.auc, score.auc_error,
                floor.auc, floor.auc_error, "", judge_auc(score.auc, score.auc_error, floor.auc, floor.auc_error), note,
                p_value=score.p_value,
            )  # fmt: skip
            yield Figure(
                f"jsd-{what}-{kind}", f"JSD, {kind} on {what}", "classifier", score.jsd, score.jsd_error,
                floor.jsd, floor.jsd_error, "", judge(score.jsd, score.jsd_error, floor.jsd, floor.jsd_error), note,
            )  # fmt: skip


def _input(suite: Suite, what: str, sample: Collected) -> NDArray[np.float32]:
    return sample.features if what == "observables" else suite.low_level[what](sample.kept)


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
            name, label, "distribution", value, error, floor, floor_error, "",
            judge(value, error, floor, floor_error), note,
        )  # fmt: skip


def overlap_figures(reference: Collected, generated: Collected, step: Step) -> Iterator[Figure]:
    """Precision, recall, density and coverage of the features; floors from two parts of the reference."""
    step("precision and recall")
    n = min(len(reference) // 2, len(generated), _NEIGHBOURS)
    truth, own, other = standardise(*(x.astype(np.float64) for x in (
        reference.features[:n], reference.features[n : 2 * n], generated.features[:n]
    )))  # fmt: skip
    if truth.shape[1] == 0:  # nothing varies
        return
    value, floor = coverage(truth, other), coverage(truth, own)
    for name in ("precision", "recall", "density", "coverage"):
        score, best = getattr(value, name), getattr(floor, name)
        error, best_error = (_share_error(x, name, n) for x in (value, floor))
        verdict = judge_share(score, error, best, best_error)
        note = f"on the observables, {n} events each, 5 neighbours; floor: two parts of the reference"
        yield Figure(
            name, name, "distribution", score, error, best, best_error, "", verdict, note, larger_is_better=True
        )


def _share_error(value: Coverage, name: str, n: int) -> float:
    """Of a share of n events, a binomial's; the density counts several neighbourhoods at once."""
    share = getattr(value, name)
    return value.density_error if name == "density" else float(np.sqrt(max(share * (1 - share), 1 / n) / n))


def correlation_figure(
    reference: Collected, generated: Collected, labels: Mapping[str, str], seed: int
) -> tuple[Correlations, Figure] | None:
    """Both correlation matrices of the observables and their distance; nothing where fewer than two vary."""
    one, other = reference.observables, generated.observables
    names = varying(one, other)
    if len(names) < 2:
        return None
    matrices = [correlation_matrix(sample, names) for sample in (one, other)]
    value = matrix_distance(*matrices)
    draws = np.array([_distance_of_draws(one, names, len(reference), len(generated), seed, k) for k in range(5)])
    error, floor = float(draws.std(ddof=1)), float(draws.mean())
    figure = Figure(
        "correlations", "correlation matrices, distance", "distribution", value, error, floor, error, "",
        judge(value, error, floor, error), "Frobenius distance over the number of observables; floor: bootstrap",
    )  # fmt: skip
    shown = (tuple(tuple(float(f"{x:.4f}") for x in row) for row in matrix) for matrix in matrices)
    return Correlations(tuple(names), tuple(labels[name] for name in names), *shown), figure


def _distance_of_draws(
    sample: Mapping[str, NDArray[np.float64]], names: Sequence[str], n: int, m: int, seed: int, k: int
) -> float:
    """Of two bootstrap samples of the reference."""
    rng = np.random.default_rng([seed, k])
    rows = [rng.integers(n, size=size) for size in (n, m)]
    draws = [{name: sample[name][chosen] for name in names} for chosen in rows]
    alive = varying(*draws)
    return matrix_distance(*(correlation_matrix(draw, alive) for draw in draws))


def observable_figures(
    reference: Collected, generated: Collected, own: Sequence[HistogramPair], seed: int
) -> Iterator[Figure]:
    """Mean and worst of separation power, Wasserstein-1 and KS over the observables."""
    rng = np.random.default_rng(seed)
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
        name, label, "distribution", float(value), error, float(floor), error, "",
        judge(value, error, floor, error), note,
    )  # fmt: skip


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


def beside(figures: Sequence[Figure], third: Sequence[Figure]) -> tuple[Figure, ...]:
    """Figures with those of a third sample of the same names beside them."""
    known = {figure.name: figure for figure in third}
    return tuple(
        replace(figure, baseline=known[figure.name].value, baseline_error=known[figure.name].error)
        if figure.name in known
        else figure
        for figure in figures
    )
