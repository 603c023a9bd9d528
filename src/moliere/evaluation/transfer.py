"""Whether generated events teach what reference events do: a classifier of two kinds of particle, trained on either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from moliere.errors import InvalidEvents
from moliere.evaluation.classifier import auc_sampling_error
from moliere.evaluation.collect import Choice, collect
from moliere.evaluation.suites import find_suite
from moliere.events import EventSource
from moliere.seeding import derive_seed

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

Pair = tuple[EventSource, EventSource]
_LEAST = 50


@dataclass(frozen=True)
class Transfer:
    """One classifier on one test sample.

    Args:
        trained_on: name of the samples that it was trained on.
        tested_on: name of those that it is tested on, which it has not seen.
        accuracy: share of events that it tells rightly, of as many of both kinds.
        auc: area under its ROC curve.
        error: of the AUC, from the number of events tested.
    """

    trained_on: str
    tested_on: str
    accuracy: float
    auc: float
    error: float


def transfer(samples: Mapping[str, Pair], max_events: int = 20_000, seed: int = 0) -> Iterator[Transfer]:
    """Train gradient boosting on the two kinds of every sample, and test it on every sample.

    Half of each file is trained on, the other half tested on. Where generated events are as good as the reference's,
    all four figures of two samples are the same.

    Args:
        samples: name (reference, generated) → events of the first and of the second kind of particle.
        max_events: of each file.
        seed: of the choice and of the classifiers.

    Raises:
        InvalidEvents: fewer than 50 events of a kind, or different detectors.

    References:
        CaloGAN: Simulating 3D high energy particle showers in multilayer electromagnetic calorimeters with generative
        adversarial networks, M. Paganini, 2017, https://arxiv.org/abs/1712.10321 (section on classification)
    """
    from sklearn.metrics import accuracy_score, roc_auc_score

    parts = {name: _halves(pair, max_events, seed) for name, pair in samples.items()}
    models = {name: _train(*train, seed) for name, (train, _) in parts.items()}
    for trained_on, tested_on in product(models, parts):
        features, labels = parts[tested_on][1]
        scores = models[trained_on].predict_proba(features)[:, 1]
        yield Transfer(
            trained_on,
            tested_on,
            float(accuracy_score(labels, scores > 0.5)),
            float(roc_auc_score(labels, scores)),
            auc_sampling_error(int((labels == 0).sum()), int((labels == 1).sum())),
        )


Labelled = tuple[NDArray[np.float32], NDArray[np.int64]]


def _halves(pair: Pair, max_events: int, seed: int) -> tuple[Labelled, Labelled]:
    """Training and test half, with as many events of both kinds."""
    kinds = [_features(source, max_events, derive_seed(seed, k)) for k, source in enumerate(pair)]
    n = min(map(len, kinds)) // 2
    if n < _LEAST // 2:
        raise InvalidEvents(
            f"{2 * n} events of a kind are too few to train and test a classifier; give {_LEAST} of each"
        )
    labels = np.repeat([0, 1], n)
    train, test = (np.concatenate([kind[part : part + n] for kind in kinds]) for part in (0, n))
    return (train, labels), (test, labels)


def _features(source: EventSource, max_events: int, seed: int) -> NDArray[np.float32]:
    suite = find_suite("default", source.detector)[1]
    return collect(source, source.detector, suite, [], Choice(max_events, seed), None).features


def _train(features: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.08, early_stopping=True, random_state=seed)
    return model.fit(features, labels)
