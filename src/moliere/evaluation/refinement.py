"""Whether a refined simulation is nearer to data than the original, trace by trace, and what a reconstruction gains.

References:
    Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from moliere.detectors import SurfaceArray, of_kind
from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents
from moliere.evaluation.classifier import Features, Score, classifier_test
from moliere.evaluation.reconstruction import Quality, QualityPoint
from moliere.events import Events

#: traces of each sample that classifiers see
_TRACES = 20_000
#: ends of the total signals that mean traces are averaged over, in VEM
_SIGNALS = (0.0, 200.0, 1_000.0, 10_000.0, np.inf)


@dataclass(frozen=True)
class TraceTest:
    """How well single traces of a sample are told from those of data.

    Args:
        scores: by classifier.
    """

    scores: Mapping[str, Score]

    @property
    def worst(self) -> Score:
        """Of the classifier that tells them apart best."""
        return max(self.scores.values(), key=lambda score: score.auc)


@dataclass(frozen=True)
class MeanTraces:
    """Mean signals of the time bins, of stations with similar total signals.

    Args:
        signals: ends of the total signal in VEM.
        traces: sample → mean of each time bin in VEM.
    """

    signals: tuple[float, float]
    traces: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class ExampleTrace:
    """One station's trace before and after it was refined.

    Args:
        energy: of the shower in MeV.
        original: signals of the time bins in VEM.
        refined: signals of the time bins after refinement, in VEM.
    """

    energy: float
    original: tuple[float, ...]
    refined: tuple[float, ...]


@dataclass(frozen=True)
class Trained:
    """What a reconstruction trained on one sample makes of data.

    Args:
        whole: over all energies.
        points: by energy.
    """

    whole: Quality
    points: tuple[QualityPoint, ...]


@dataclass(frozen=True)
class RefinementResult:
    """All that the study finds out.

    Args:
        traces: ``simulation`` and ``refined`` → how single traces are told from data's.
        reconstructions: ``simulation``, ``refined`` and ``data`` → what is made of data after training on these.
        label_shift: of the energy that a reconstruction trained on the simulation sees, refined against original,
            relative to the true energy.
        own_resolution: of that reconstruction on the simulation that it was trained on.
        means: mean traces.
        examples: traces before and after.
        bin_width: of the time bins in ns.
        settings: of the study: seeds, sizes, lengths.
        short: why the study is too short to prove anything; empty where it is not.
    """

    traces: Mapping[str, TraceTest]
    reconstructions: Mapping[str, Trained]
    label_shift: Quality
    own_resolution: Quality
    means: tuple[MeanTraces, ...]
    examples: tuple[ExampleTrace, ...]
    bin_width: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    short: str = ""

    @property
    def bias_reduction(self) -> float:
        """How many times smaller the bias on data is when trained on refined events."""
        biases = [abs(self.reconstructions[name].whole.bias) for name in ("simulation", "refined")]
        return biases[0] / max(biases[1], 1e-12)

    @property
    def resolution_ratio(self) -> float:
        """Resolution on data when trained on refined events, over that of training on data, the ceiling."""
        return self.reconstructions["refined"].whole.resolution / self.reconstructions["data"].whole.resolution

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return asdict(self) | {"bias_reduction": self.bias_reduction, "resolution_ratio": self.resolution_ratio}


def trace_test(data: Events, sample: Events, seed: int, kinds: tuple[str, ...] = ("boosting", "mlp")) -> TraceTest:
    """Train classifiers on single traces of triggered stations: log10(1 + S) of every bin and of the total.

    Args:
        data: what is right.
        sample: what is judged; of an array with the same time bins.
        seed: of the choice of traces and of the classifiers.
        kinds: registered classifiers.
    """
    one, other = (_trace_features(events, seed) for events in (data, sample))
    n = min(len(one), len(other))
    return TraceTest({kind: classifier_test(kind, one[:n], other[:n], seeds=1, seed=seed) for kind in kinds})


def _trace_features(events: Events, seed: int) -> Features:
    """(n, 1 + n_bins), in random order."""
    traces = triggered_traces(events)
    rows = np.random.default_rng(seed).permutation(len(traces))[:_TRACES]
    chosen = traces[rows]
    return np.asarray(np.log10(1 + np.column_stack([chosen.sum(axis=1), chosen])), np.float32)


def triggered_traces(events: Events) -> Floats:
    """Traces of all stations that are not silent, in VEM, (n, n_bins)."""
    traces = events.signals.reshape(-1, array_of(events).n_bins)
    return np.asarray(traces[traces.any(axis=1)], np.float64)


def array_of(events: Events) -> SurfaceArray:
    """The array of stations that some events are of.

    Raises:
        InvalidEvents: they are of another kind of detector.
    """
    return of_kind(events.detector, SurfaceArray, "a comparison of traces", InvalidEvents)


def mean_traces(samples: Mapping[str, Events]) -> tuple[MeanTraces, ...]:
    """Mean traces of each sample in four intervals of the total signal; without those that a sample has no trace in."""
    traces = {name: triggered_traces(events) for name, events in samples.items()}
    totals = {name: x.sum(axis=1) for name, x in traces.items()}
    found = []
    for low, high in pairwise(_SIGNALS):
        inside = {name: x[(totals[name] >= low) & (totals[name] < high)] for name, x in traces.items()}
        if all(map(len, inside.values())):
            found.append(MeanTraces((low, high), {name: tuple(x.mean(axis=0)) for name, x in inside.items()}))
    return tuple(found)


def example_traces(original: Events, refined: Events, energy: float, n: int = 3) -> tuple[ExampleTrace, ...]:
    """Traces of the event nearest to an energy: of its hottest station, and of others with ever less signal.

    Args:
        original: simulated events.
        refined: the same events after refinement.
        energy: in MeV.
        n: most stations.
    """
    row = int(np.argmin(np.abs(original.energy - energy)))
    n_bins = array_of(original).n_bins
    before, after = (events.signals[row].reshape(-1, n_bins) for events in (original, refined))
    lit = np.flatnonzero(before.any(axis=1) & after.any(axis=1))
    hottest_first = lit[np.argsort(-before[lit].sum(axis=1), kind="stable")]
    chosen = hottest_first[np.unique(np.linspace(0, len(hottest_first) - 1, n).astype(int))] if len(lit) else lit
    true = float(original.energy[row])
    return tuple(ExampleTrace(true, tuple(before[k].tolist()), tuple(after[k].tolist())) for k in chosen)
