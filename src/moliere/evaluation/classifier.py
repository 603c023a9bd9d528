"""Can a classifier tell generated from reference events? Two kinds, because they see different things.

Gradient boosting sees exact values, zeros and thresholds; a network sees smooth shapes. A sample is as good as the
worse of the two says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.typing import NDArray

from moliere.evaluation.distances import combine_p_values
from moliere.memory import freed_memory_kept
from moliere.registry import Registry
from moliere.seeding import derive_seed

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingClassifier

Features = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Features and labels (1: generated) of the parts of a classifier test.

    Args:
        train: to fit on.
        stop: to stop early and to calibrate on.
        test: the held-out third that the score comes from.
    """

    train: tuple[Features, Labels]
    stop: tuple[Features, Labels]
    test: tuple[Features, Labels]


@dataclass(frozen=True)
class Score:
    """What a classifier test says.

    Args:
        auc: area under the ROC curve on the held-out third, mean over seeds.
        auc_error: standard deviation over seeds, and of the test sample's size, in quadrature.
        jsd: Jensen-Shannon divergence 1 - BCE / ln 2 after isotonic calibration, mean over seeds, 0 where that is
            negative.
        jsd_error: standard deviation over seeds, and of the test sample's size, in quadrature.
        p_value: of the held-out scores having nothing to do with the labels: a permutation of them gives such an AUC,
            or a larger one, so often. Exact for each seed (Mann-Whitney); the seeds' are combined.
    """

    auc: float
    auc_error: float
    jsd: float
    jsd_error: float
    p_value: float


Classifier = Callable[[Parts, int], tuple[NDArray[np.float64], NDArray[np.float64]]]

#: name → parts, seed → scores of the stop and of the test part
classifiers: Registry[Classifier] = Registry("classifier")
#: shares of train and stop, where a protocol has its own; of 104,000 events each, bdt trains and tests on 50,000
_SHARES: dict[str, tuple[float, float]] = {"calochallenge": (0.6, 0.2), "bdt": (50 / 104, 4 / 104)}
_USUAL_SHARES = (8 / 15, 2 / 15)
#: events whose features are scaled together, and columns that are looked at together
_AT_ONCE = 4_096
#: of scikit-learn's boosting: the fewest events in a leaf, the most leaves, and bytes of one of a leaf's bins
_LEAST_IN_LEAF, _LEAVES, _BIN_BYTES = 20, 31, 20
#: memory of a tree while it grows
_TREE_BYTES = 800 * 10**6


@dataclass(frozen=True)
class Training:
    """What one training says.

    Args:
        auc: area under the ROC curve on the held-out third.
        jsd: Jensen-Shannon divergence, or below 0.
        jsd_error: of the test sample's size.
        p_value: as of a :class:`Score`.
        sizes: events of the reference and of the generated sample.
    """

    auc: float
    jsd: float
    jsd_error: float
    p_value: float
    sizes: tuple[int, int]


def classifier_test(kind: str, reference: Features, generated: Features, seeds: int, seed: int = 0) -> Score:
    """Train a classifier a few times on different splits and score it on the held-out third each time.

    Args:
        kind: name of a registered classifier.
        reference: (n, d).
        generated: (m, d).
        seeds: repetitions; each shuffles and splits anew.
        seed: of all of them.
    """
    trainings = [train_once(kind, reference, generated, repeat, seed) for repeat in range(seeds)]
    return score_of(kind, trainings)


def train_once(kind: str, reference: Features, generated: Features, repeat: int, seed: int = 0) -> Training:
    """One of the repetitions, which needs nothing of the others.

    Args:
        kind: name of a registered classifier.
        reference: (n, d).
        generated: (m, d).
        repeat: its number.
        seed: of all of them.
    """
    # scikit-learn takes half a second to import: it is imported where something is learned
    from sklearn.isotonic import IsotonicRegression
    from sklearn.metrics import roc_auc_score

    parts = split_parts(reference, generated, derive_seed(seed, repeat), _SHARES.get(kind, _USUAL_SHARES))
    stop_scores, test_scores = classifiers[kind](parts, repeat)
    # n events say nothing of probabilities far below 1 / n: a surer one that is wrong would decide the divergence
    sure = 0.1 / max(len(stop_scores), 1)
    calibrated = IsotonicRegression(out_of_bounds="clip", y_min=sure, y_max=1 - sure).fit(
        stop_scores, parts.stop[1], sample_weight=_balance(parts.stop[1])
    )
    labels = parts.test[1]
    p_value = scipy.stats.mannwhitneyu(test_scores[labels == 1], test_scores[labels == 0], alternative="greater").pvalue
    auc, jsd = float(roc_auc_score(labels, test_scores)), _jsd(labels, calibrated.predict(test_scores))
    return Training(auc, *jsd, float(p_value), (len(reference), len(generated)))


def score_of(kind: str, trainings: Sequence[Training]) -> Score:
    """What all repetitions say together.

    Args:
        kind: name of the classifier.
        trainings: one a repetition, of the same samples.
    """
    auc, jsd = (np.array([getattr(one, name) for one in trainings]) for name in ("auc", "jsd"))
    tested = 1 - sum(_SHARES.get(kind, _USUAL_SHARES))
    sampling = auc_sampling_error(*(round(n * tested) for n in trainings[0].sizes))
    jsd_error = np.hypot(_spread(jsd), np.mean([one.jsd_error for one in trainings]))
    p_value = combine_p_values([one.p_value for one in trainings])
    # the estimate is a lower bound and may be negative; the divergence never is
    divergence = float(np.clip(jsd.mean(), 0, 1))
    return Score(float(auc.mean()), float(np.hypot(_spread(auc), sampling)), divergence, float(jsd_error), p_value)


def auc_sampling_error(n_reference: int, n_generated: int) -> float:
    """Standard deviation of an AUC near 0.5 (Mann-Whitney under the null hypothesis)."""
    n, m = max(n_reference, 1), max(n_generated, 1)
    return float(np.sqrt((n + m + 1) / (12 * n * m)))


def split_parts(
    reference: Features, generated: Features, seed: int, shares: tuple[float, float] = _USUAL_SHARES
) -> Parts:
    """Shuffle and split, with as many of each sample as there are.

    Args:
        reference: (n, d).
        generated: (m, d).
        seed: of the shuffle.
        shares: to train and to stop; by default 8/15 and 2/15, which leaves a third to test.
    """
    labels = np.repeat([0, 1], [len(reference), len(generated)])
    parts = split_rows(len(labels), seed, shares)
    return Parts(*((_rows_of(reference, generated, rows), labels[rows]) for rows in parts))


def _rows_of(reference: Features, generated: Features, rows: NDArray[np.int64]) -> Features:
    """Rows of both samples one below the other, which are never put together: they may be half of the memory."""
    found = np.empty((len(rows), reference.shape[1]), np.result_type(reference, generated))
    first = rows < len(reference)
    found[first], found[~first] = reference[rows[first]], generated[rows[~first] - len(reference)]
    return found


def split_rows(n: int, seed: int, shares: tuple[float, float] = _USUAL_SHARES) -> list[NDArray[np.int64]]:
    """Positions of the events of each part, shuffled."""
    order = np.random.default_rng(seed).permutation(n)
    return np.split(order, [int(n * share + 1e-9) for share in (shares[0], sum(shares))])


def _jsd(labels: Labels, probabilities: NDArray[np.float64]) -> tuple[float, float]:
    """1 - BCE / ln 2 and its error from the spread of the events' losses: a few sure but wrong ones dominate it."""
    losses = -np.log(np.where(labels == 1, probabilities, 1 - probabilities)) / np.log(2)
    weights = _balance(labels)
    mean = float(np.average(losses, weights=weights))
    error = np.sqrt(np.sum((weights * (losses - mean)) ** 2)) / weights.sum()
    return 1 - mean, float(error)


def _balance(labels: Labels) -> NDArray[np.float64]:
    """Weights by which both samples count the same: else the larger one alone would give a divergence."""
    return np.asarray(1 / np.maximum(np.bincount(labels, minlength=2), 1)[labels])


def _spread(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


@classifiers.register("boosting")
def boosting(parts: Parts, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Histogram gradient boosting (scikit-learn), stopped early on a tenth of the training part.

    It is shown the columns that it can split. Of thousands of cells half are empty in nearly all showers, and its
    memory and its time grow with the columns, however few events there are.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = splittable(parts.train[0])
    model = HistGradientBoostingClassifier(
        max_iter=200, learning_rate=0.08, early_stopping=True, n_iter_no_change=15, random_state=seed,
        min_samples_leaf=_LEAST_IN_LEAF, max_bins=_bins(len(columns)),
    )  # fmt: skip
    with freed_memory_kept():
        model.fit(parts.train[0][:, columns], parts.train[1])
    return tuple(model.predict_proba(part[0][:, columns])[:, 1] for part in (parts.stop, parts.test))


def splittable(features: Features) -> NDArray[np.int64]:
    """Columns that some cut divides into two parts of enough events; no other can be part of a tree.

    One column is kept where there is none, as a forest of single leaves needs it.
    """
    n, least = len(features), _LEAST_IN_LEAF
    if n < 2 * least:
        return np.arange(min(1, features.shape[1]))
    found = [np.zeros(0, np.int64)]
    for start in range(0, features.shape[1], _AT_ONCE):
        piece = features[:, start : start + _AT_ONCE]
        low, high, last = np.partition(piece, (least - 1, n - least, n - 1), axis=0)[[least - 1, n - least, n - 1]]
        found.append(start + np.flatnonzero((low < high) | np.isnan(last)))  # what is missing may go to either part
    columns = np.concatenate(found)
    return columns if len(columns) else np.arange(min(1, features.shape[1]))


def _bins(n_columns: int) -> int:
    """As many bins a column as the memory of a growing tree allows: 255, scikit-learn's most, up to 5,000 columns."""
    return int(np.clip(_TREE_BYTES // (_LEAVES * _BIN_BYTES * max(n_columns, 1)) - 1, 15, 255))


@classifiers.register("bdt")
def bdt(parts: Parts, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradient boosting as the SHiP muon GANs are judged by; a minute where :func:`boosting` takes a second."""
    model = ship_boosting(seed).fit(*parts.train)
    return model.predict_proba(parts.stop[0])[:, 1], model.predict_proba(parts.test[0])[:, 1]


def ship_boosting(seed: int) -> GradientBoostingClassifier:
    """100 trees of depth 4, learning rate 0.1, not fitted.

    References:
        "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida,
        2019, https://arxiv.org/abs/1909.04451
    """
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=100, learning_rate=0.1, max_depth=4, random_state=seed)


@classifiers.register("mlp")
def mlp(parts: Parts, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Three hidden layers of 512, AdamW, stopped when the stop part's AUC no longer rises."""
    from moliere.evaluation.mlp import train_mlp

    # float64, because a column sum in float32 drifts; and no absolute limit, because voxel shares can be 1e-7
    mean, std = parts.train[0].mean(axis=0, dtype=np.float64), parts.train[0].std(axis=0, dtype=np.float64)
    std = np.where(std > 1e-6 * np.abs(mean), std, 1)
    scaled = Parts(*((_scaled(x, mean, std), y) for x, y in (parts.train, parts.stop, parts.test)))
    return train_mlp(scaled.train, scaled.stop, scaled.test[0], seed)


def _scaled(features: Features, mean: NDArray[np.float64], std: NDArray[np.float64]) -> Features:
    """In float64, some events at a time: of all of them at once that takes four times the features' memory."""
    scaled = np.empty(features.shape, np.float32)
    for start in range(0, len(features), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        scaled[part] = (features[part] - mean) / std
    return scaled


@classifiers.register("calochallenge")
def calochallenge(parts: Parts, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The community's: three hidden layers of 2048, 50 epochs, best accuracy; minutes on a GPU, hours without."""
    from moliere.evaluation.mlp import CALOCHALLENGE, train_mlp

    return train_mlp(parts.train, parts.stop, parts.test[0], seed, CALOCHALLENGE)
