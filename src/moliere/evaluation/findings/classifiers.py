"""Whether a classifier tells generated from reference events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from moliere.evaluation.classifier import Training, score_of, train_once
from moliere.evaluation.collect import Collected
from moliere.evaluation.finding import CutFinding, Metric, Paper, findings
from moliere.evaluation.samples import LEAST_FOR_CLASSIFIER, Samples
from moliere.evaluation.suites import Suite, suites
from moliere.evaluation.verdicts import AUC_TOLERANCE, judged

#: largest error of a divergence that says something: one of 0.1 belongs to an AUC of about 0.65
_JSD_TOLERANCE = 0.1
#: CPU seconds of one training for 1,000 events
_EFFORT = 0.33


#: the repetition that is the floor
FLOOR = -1
#: input, classifier and repetition
Piece = tuple[str, str, int]


class _Scores:
    """Names of the scores of every suite, which plugins add to."""

    def __iter__(self) -> Iterator[str]:
        tests = {(what, kind) for suite in suites.values() for what in suite.inputs for kind in suite.classifiers}
        return (f"{score}-{what}-{kind}" for score in ("auc", "jsd") for what, kind in sorted(tests))


@findings.register("classifiers")
@dataclass(frozen=True)
class Classifiers(CutFinding):
    """AUC and JSD of every classifier on every input of a suite; they are all metrics."""

    title = "Classifiers"
    place = 10
    figures = _Scores()
    citations = (
        Paper(
            "classifier tests",
            "Revisiting classifier two-sample tests",
            "D. Lopez-Paz",
            2017,
            "https://arxiv.org/abs/1610.06545",
        ),
    )

    @classmethod
    def cut(cls, samples: Samples) -> list[Piece]:
        """One a training; none where there are too few events, or no repetition is asked for."""
        if not samples.classifier_seeds or samples.n_events < LEAST_FOR_CLASSIFIER:
            return []
        repeats = range(samples.classifier_seeds)
        return [(what, kind, repeat) for what, kind in _tests(samples) for repeat in (*repeats, FLOOR)]

    @classmethod
    def piece(cls, samples: Samples, name: Piece) -> Training:
        """A training against the generated sample, or, for the floor, of two halves of the reference."""
        what, kind, repeat = name
        samples.step(f"classifier: {kind} on {what}")
        one = _input(samples.suite, what, samples.reference)
        if repeat == FLOOR:
            half = len(one) // 2
            return train_once(kind, one[:half], one[half : 2 * half], 0, samples.seed)
        return train_once(kind, one, _input(samples.suite, what, samples.generated), repeat, samples.seed)

    @classmethod
    def joined(cls, samples: Samples, pieces: Mapping[Piece, Training]) -> Classifiers:
        """All metrics."""
        return cls(metrics=tuple(_metrics(samples, pieces)))

    @classmethod
    def effort(cls, samples: Samples) -> float:
        """Of every repetition of every test, and of its floor."""
        return _EFFORT * len(_tests(samples)) * (samples.classifier_seeds + 1) if samples.classifier_seeds else 0.0


def _tests(samples: Samples) -> list[tuple[str, str]]:
    """Inputs and classifiers."""
    return list(product(samples.suite.inputs, samples.suite.classifiers))


def _metrics(samples: Samples, trained: Mapping[Piece, Training]) -> Iterator[Metric]:
    for what, kind in _tests(samples):
        score = score_of(kind, [trained[what, kind, repeat] for repeat in range(samples.classifier_seeds)])
        # once is enough: what a floor varies by from seed to seed is the sampling error that it has anyway
        halves = trained[what, kind, FLOOR]
        floor = score_of(kind, [halves])
        note = f"held-out events; floor: two halves of the reference against each other, {halves.sizes[0]} events each"
        yield judged(Metric(
            f"auc-{what}-{kind}", f"AUC, {kind} on {what}", "classifier", score.auc, score.auc_error,
            floor.auc, floor.auc_error, note=note, p_value=score.p_value, tolerance=AUC_TOLERANCE,
        ))  # fmt: skip
        yield judged(Metric(
            f"jsd-{what}-{kind}", f"JSD, {kind} on {what}", "classifier", score.jsd, score.jsd_error,
            floor.jsd, floor.jsd_error, tolerance=_JSD_TOLERANCE,
            note=f"{note}; between 0 and 1, estimates below 0 are shown as 0",
        ))  # fmt: skip


def _input(suite: Suite, what: str, sample: Collected) -> NDArray[np.float32]:
    return sample.features if what == "observables" else suite.low_level[what](sample.kept)
