"""Whether a classifier tells generated from reference events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from moliere.evaluation.classifier import classifier_test
from moliere.evaluation.collect import Collected
from moliere.evaluation.finding import Finding, Metric, Paper, findings
from moliere.evaluation.samples import LEAST_FOR_CLASSIFIER, Samples
from moliere.evaluation.suites import Suite, suites
from moliere.evaluation.verdicts import AUC_TOLERANCE, judged

#: largest error of a divergence that says something: one of 0.1 belongs to an AUC of about 0.65
_JSD_TOLERANCE = 0.1
#: CPU seconds of one training for 1,000 events
_EFFORT = 0.33


class _Scores:
    """Names of the scores of every suite, which plugins add to."""

    def __iter__(self) -> Iterator[str]:
        tests = {(what, kind) for suite in suites.values() for what in suite.inputs for kind in suite.classifiers}
        return (f"{score}-{what}-{kind}" for score in ("auc", "jsd") for what, kind in sorted(tests))


@findings.register("classifiers")
@dataclass(frozen=True)
class Classifiers(Finding):
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
    def look(cls, samples: Samples) -> Classifiers | None:
        """Nothing where there are too few events, or no repetition is asked for."""
        if not samples.classifier_seeds or samples.n_events < LEAST_FOR_CLASSIFIER:
            return None
        return cls(metrics=tuple(_metrics(samples)))

    @classmethod
    def effort(cls, samples: Samples) -> float:
        """Of every repetition of every test, and of its floor."""
        return _EFFORT * len(_tests(samples)) * (samples.classifier_seeds + 1) if samples.classifier_seeds else 0.0


def _tests(samples: Samples) -> list[tuple[str, str]]:
    """Inputs and classifiers."""
    return list(product(samples.suite.inputs, samples.suite.classifiers))


def _metrics(samples: Samples) -> Iterator[Metric]:
    """Floors are those of two halves of the reference."""
    suite, seeds, seed = samples.suite, samples.classifier_seeds, samples.seed
    tests = _tests(samples)
    for what in suite.inputs:
        one, other = (_input(suite, what, sample) for sample in (samples.reference, samples.generated))
        half = len(one) // 2
        for kind in suite.classifiers:
            samples.step(f"classifier: {kind} on {what}", tests.index((what, kind)) / len(tests))
            score = classifier_test(kind, one, other, seeds, seed)
            # once is enough: what a floor varies by from seed to seed is the sampling error that it has anyway
            floor = classifier_test(kind, one[:half], one[half : 2 * half], 1, seed)
            note = f"held-out events; floor: two halves of the reference against each other, {half} events each"
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
