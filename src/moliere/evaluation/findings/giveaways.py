"""What gives a sample away: the observables that a classifier needs, and whether its weights mend the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from moliere.evaluation.classifier import Features, split_parts, split_rows
from moliere.evaluation.finding import Finding, Listing, Quantity, findings
from moliere.evaluation.samples import LEAST_FOR_CLASSIFIER, Samples
from moliere.evaluation.suites.base import label_of

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

#: repetitions of shuffling a column
_SHUFFLES = 3
#: so many events show which columns matter; hundreds of columns are shuffled one by one
_SHUFFLED_EVENTS = 4_000
_LISTED = 10
#: a weight beyond this is one event speaking for a hundred
_LARGEST_WEIGHT = 100.0
#: smaller effective shares, or fewer effective events, prove nothing
_LEAST_EFFECTIVE, _LEAST_EVENTS = 0.1, 100


@dataclass(frozen=True)
class Giveaway:
    """An observable that a classifier needs.

    Args:
        observable: column of the classifier's input.
        auc_drop: by how much the AUC falls when the column is shuffled.
        error: its spread over shuffles.
        label: of the column, for people.
    """

    observable: str
    auc_drop: float
    error: float
    label: str = ""


@dataclass(frozen=True)
class Reweighting:
    """Whether a classifier's weights mend an observable.

    Args:
        observable: the one that disagrees most.
        before: difference of the means in standard deviations of the reference.
        after: the same with the classifier's weights.
        effective: effective over actual number of events, 1 where all weights are alike.
        n_events: that have a weight; 0 where it is not known.
        label: of the observable, for people.
    """

    observable: str
    before: float
    after: float
    effective: float
    n_events: int = 0
    label: str = ""

    @property
    def words(self) -> str:
        """What was done, what came of it, and whether that proves anything."""
        label, few = self.label or self.observable, self.effective * self.n_events
        done = (
            "The classifier says for each generated event how much more often such events occur in the reference; "
            f"weighted so, the generated mean of the {label} is off by {self.after:.3g} σ instead of "
            f"{self.before:.3g} σ (σ: standard deviation of the reference)."
        )
        size = f"{100 * self.effective:.0f} %" + (f", about {few:,.0f} events" if self.n_events else "")
        if self.effective < _LEAST_EFFECTIVE or (self.n_events and few < _LEAST_EVENTS):
            return f"{done} A few events carry most of the weight (effective size {size}): this proves nothing."
        return f"{done} Effective size of the weighted sample: {size}."


@findings.register("giveaways")
@dataclass(frozen=True)
class Giveaways(Finding):
    """The observables that a classifier tells the samples apart by.

    Args:
        rows: most telling first.
        reweighting: whether the classifier's weights mend the first of them.
    """

    rows: tuple[Giveaway, ...]
    reweighting: Reweighting | None = None
    title = "What gives the sample away"
    place = 24

    @classmethod
    def effort(cls, samples: Samples) -> float:
        """Of one training, and of a column shuffled after the other."""
        del samples
        return 1.4

    @classmethod
    def look(cls, samples: Samples) -> Giveaways | None:
        """By boosting on the observables, with as many events as a classifier needs."""
        reference, generated = samples.reference, samples.generated
        if not samples.classifier_seeds or samples.n_events < LEAST_FOR_CLASSIFIER:
            return None
        samples.step("what gives the sample away")
        one, other = reference.features, generated.features
        found, weights = give_aways(one, other, reference.feature_names, samples.seed)
        if not found:
            return None
        column = list(reference.feature_names).index(found[0].observable)
        first, second = (x[:, column].astype(np.float64) for x in (one, other))
        shown = samples.suite.shown(reference.kept.detector)
        rows = tuple(replace(row, label=label_of(row.observable, shown)) for row in found)
        mended = reweighting(found[0].observable, first, second, weights)
        return cls(rows, replace(mended, label=rows[0].label))

    @property
    def words(self) -> str:
        """What the table means, and what reweighting mends."""
        first = "By how much the AUC of boosting falls when the values of one observable are shuffled among the events."
        return first if self.reweighting is None else f"{first} {self.reweighting.words}"

    @property
    def listings(self) -> tuple[Listing, ...]:
        """One row an observable."""
        rows = tuple((row.label or row.observable, Quantity(row.auc_drop, row.error)) for row in self.rows)
        return (Listing(("observable", "AUC falls by"), rows),)


def give_aways(
    reference: Features, generated: Features, names: Sequence[str], seed: int = 0
) -> tuple[tuple[Giveaway, ...], NDArray[np.float64]]:
    """Train boosting once, and shuffle one column after the other in its test part.

    Args:
        reference: (n, d).
        generated: (m, d).
        names: of the columns.
        seed: of split, fit and shuffles.

    Returns:
        The columns that the AUC falls most without, most telling first; and weights (m,) that make the generated events
        look like the reference to this classifier, NaN for those that it was trained on.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.isotonic import IsotonicRegression

    parts = split_parts(reference, generated, seed)
    rows = split_rows(len(reference) + len(generated), seed)[2]
    model = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.1, early_stopping=False, random_state=seed)
    model.fit(*parts.train)
    features, labels = parts.test
    rng = np.random.default_rng(seed)
    few = rng.permutation(len(labels))[:_SHUFFLED_EVENTS]
    drops = [_drop(model, features[few], labels[few], k, rng) for k in range(features.shape[1])]
    order = np.argsort([-drop for drop, _ in drops])[:_LISTED]
    found = tuple(Giveaway(names[k], *drops[k]) for k in order if drops[k][0] > 2 * drops[k][1])
    weights = np.full(len(generated), np.nan)
    mine = labels == 1
    # boosting is too sure of itself: on events that it has not seen its odds would mend too much
    calibrated = IsotonicRegression(out_of_bounds="clip", y_min=1e-3, y_max=1 - 1e-3)
    calibrated.fit(model.predict_proba(parts.stop[0])[:, 1], parts.stop[1])
    p = calibrated.predict(model.predict_proba(features[mine])[:, 1])
    balance = (labels == 1).sum() / max((labels == 0).sum(), 1)
    weights[rows[mine] - len(reference)] = np.clip((1 - p) / p * balance, 0, _LARGEST_WEIGHT)
    return found, weights


def _drop(
    model: HistGradientBoostingClassifier,
    features: Features,
    labels: NDArray[np.int64],
    column: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """By how much the AUC falls when a column says nothing, with its spread over shuffles."""
    from sklearn.metrics import roc_auc_score

    base, values = roc_auc_score(labels, model.predict_proba(features)[:, 1]), []
    for _ in range(_SHUFFLES):
        shuffled = features.copy()
        shuffled[:, column] = rng.permutation(shuffled[:, column])
        values.append(base - roc_auc_score(labels, model.predict_proba(shuffled)[:, 1]))
    return float(np.mean(values)), float(np.std(values, ddof=1))


def reweighting(
    name: str, reference: NDArray[np.float64], generated: NDArray[np.float64], weights: NDArray[np.float64]
) -> Reweighting:
    """Whether the classifier's weights bring the mean of an observable back, as they do if it knows the difference.

    Args:
        name: of the observable.
        reference: (n,).
        generated: (m,).
        weights: (m,), NaN where there is none.
    """
    known = np.isfinite(weights)
    spread = float(reference.std()) or 1.0
    before = float(generated[known].mean() - reference.mean()) / spread
    after = float(np.average(generated[known], weights=weights[known]) - reference.mean()) / spread
    effective = float(weights[known].sum() ** 2 / (weights[known] ** 2).sum())
    n = int(known.sum())
    return Reweighting(name, before, after, effective / n, n)
