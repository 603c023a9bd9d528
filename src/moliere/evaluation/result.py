"""What an evaluation returns: numbers with errors and floors, as plain data that goes to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from moliere.evaluation.evidence import (
    ConditionalRow,
    Correlations,
    EquivalentSize,
    Giveaway,
    Interpolation,
    LayerValidation,
    Memorisation,
    Plane,
    Reweighting,
    Share,
    Tail,
)

#: raised when a key of the JSON changes its meaning or goes; new keys do not raise it
SCHEMA = 1

Group = Literal[
    "classifier",
    "distribution",
    "energy",
    "longitudinal",
    "transverse",
    "sparsity",
    "voxels",
    "signal",
    "timing",
    "momentum",
    "position",
    "shield",
]


@dataclass(frozen=True)
class Sample:
    """One of the two samples that were compared.

    Args:
        name: file name or what the caller calls it.
        n_events: in the source.
        n_used: of them, chosen with the seed in the settings.
        energy_range: smallest and largest incident energy in MeV.
        metadata: provenance, as the file gives it.
    """

    name: str
    n_events: int
    n_used: int
    energy_range: tuple[float, float]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One number of the comparison beside what the reference scores against itself.

    Args:
        name: stable identifier, for example ``auc-observables-boosting``.
        label: for people.
        group: where it belongs.
        value: generated against reference.
        error: one standard deviation.
        floor: reference against reference at the same sample sizes.
        floor_error: of the floor.
        unit: of the value, empty where it has none.
        verdict: in words.
        note: how it was computed, one sentence.
        baseline: what a third sample scores, such as a classical parametrisation, where one was given.
        baseline_error: of it.
        larger_is_better: a share of what is right, not a distance.
        p_value: of a classifier's AUC, were both samples the same: by permutation of the held-out labels.
    """

    name: str
    label: str
    group: Group
    value: float
    error: float
    floor: float
    floor_error: float
    unit: str = ""
    verdict: str = ""
    note: str = ""
    baseline: float | None = None
    baseline_error: float | None = None
    larger_is_better: bool = False
    p_value: float | None = None


@dataclass(frozen=True)
class HistogramPair:
    """One observable of both samples in the same bins.

    Counts have two entries more than there are bins: what lies below the first edge comes first, what lies above the
    last edge comes last, so that nothing is dropped silently.

    Args:
        name: stable identifier, for example ``layer_energy[2]``.
        label: for the axis, without unit.
        unit: of the edges.
        group: where it belongs on the page.
        edges: of the bins, increasing.
        reference: counts, len(edges) + 1.
        generated: counts, len(edges) + 1.
        log_x: whether the bins are logarithmic.
        separation: separation power inside the edges.
        separation_floor: of reference against reference at the same sizes.
        ks_p: p-value of the Kolmogorov-Smirnov test.
        wasserstein: Wasserstein-1 distance in ``unit``.
        chi2_p: p-value of ROOT's chi-square of the two histograms, what lies outside included.
        mann_whitney_p: p-value of the Mann-Whitney test.
        mean_ratio: mean of the generated over the reference's, and its error.
        std_ratio: the same of the standard deviations.
        separation10: separation power in ten bins that both samples fill equally, as CaloGAN has it.
    """

    name: str
    label: str
    unit: str
    group: Group
    edges: tuple[float, ...]
    reference: tuple[float, ...]
    generated: tuple[float, ...]
    log_x: bool
    separation: float
    separation_floor: float
    ks_p: float
    wasserstein: float
    chi2_p: float = 1.0
    mann_whitney_p: float = 1.0
    mean_ratio: tuple[float, float] = (1.0, 0.0)
    std_ratio: tuple[float, float] = (1.0, 0.0)
    separation10: float = 0.0


@dataclass(frozen=True)
class ResponsePoint:
    """Response (total signal / incident energy) at one incident energy, or in one bin of it.

    Args:
        energy: mean incident energy in MeV.
        n_reference: reference events.
        n_generated: generated events.
        reference_mean: mean response.
        reference_width: its standard deviation over events.
        generated_mean: of the generated events.
        generated_width: of the generated events.
        reference_mean_error: of the mean; likewise the three others.
    """

    energy: float
    n_reference: int
    n_generated: int
    reference_mean: float
    reference_mean_error: float
    reference_width: float
    reference_width_error: float
    generated_mean: float
    generated_mean_error: float
    generated_width: float
    generated_width_error: float


@dataclass(frozen=True)
class MeanShower:
    """Mean signal of every channel.

    Args:
        energy: incident energy in MeV, ``None`` for all events together.
        reference: (n_channels,) in MeV.
        generated: (n_channels,) in MeV.
    """

    energy: float | None
    reference: tuple[float, ...]
    generated: tuple[float, ...]


@dataclass(frozen=True)
class ExampleEvent:
    """One event for the display, sparse.

    Args:
        sample: which of the two it is from.
        energy: incident energy in MeV.
        channels: those above the threshold.
        signals: theirs, in MeV.
        nearest: of a reference event and the generated one that lies nearest to it, cell by cell.
        times: arrival times of all stations in ns, ``None`` for silent ones; empty where there are no stations.
    """

    sample: Literal["reference", "generated"]
    energy: float
    channels: tuple[int, ...]
    signals: tuple[float, ...]
    nearest: bool = False
    times: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Timing:
    """What an event costs.

    Args:
        generated_ms: milliseconds a generated shower.
        batch_size: at this batch size.
        device: in words, threads included.
        reference_ms: milliseconds a shower of the reference simulation, where known.
        training_minutes: what the model's training took, where known.
        training_memory_mb: largest memory of the process that trained it, in MB.
        n_parameters: of the model.
    """

    generated_ms: float
    batch_size: int
    device: str
    reference_ms: float | None = None
    training_minutes: float | None = None
    training_memory_mb: float | None = None
    n_parameters: int | None = None


@dataclass(frozen=True)
class Report:
    """Reference events × generated events → numbers.

    Args:
        verdict: the whole in words.
        detector: dictionary form, see :func:`moliere.detectors.from_spec`.
        reference: one sample.
        generated: the other.
        figures: numbers with errors and floors.
        histograms: one an observable.
        response: by incident energy.
        mean_showers: all events first, then by energy.
        examples: events for the display.
        settings: seeds, threshold, versions: what is needed to get the same numbers again.
        warnings: what the reader must know.
        timing: what an event costs, where it was measured.
        goodness: p-value of all observables together.
        conditional: agreement by incident energy.
        tails: rates of rare events.
        giveaways: the observables that a classifier tells the samples apart by.
        reweighting: whether its weights mend the worst of them.
        equivalent: what the generated sample is worth.
        memorisation: whether it repeats its training, where the training's events are known.
        correlations: of the observables with each other, in both samples.
        interpolation: agreement at incident energies that the model has not seen, where some were left out.
        shares: of events that have something in common, such as a momentum above 100 GeV.
        planes: pairs of observables.
        baseline: the third sample that figures stand beside, where one was given.
        layers: layer by layer at each energy and eta, where the suite looks at that.
        schema: version of this structure; ``docs/report.md`` describes it.
    """

    verdict: str
    detector: Mapping[str, Any]
    reference: Sample
    generated: Sample
    figures: tuple[Figure, ...]
    histograms: tuple[HistogramPair, ...]
    response: tuple[ResponsePoint, ...]
    mean_showers: tuple[MeanShower, ...]
    examples: tuple[ExampleEvent, ...]
    settings: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    timing: Timing | None = None
    goodness: float = 1.0
    conditional: tuple[ConditionalRow, ...] = ()
    tails: tuple[Tail, ...] = ()
    giveaways: tuple[Giveaway, ...] = ()
    reweighting: Reweighting | None = None
    equivalent: EquivalentSize | None = None
    memorisation: Memorisation | None = None
    correlations: Correlations | None = None
    interpolation: Interpolation | None = None
    shares: tuple[Share, ...] = ()
    planes: tuple[Plane, ...] = ()
    baseline: Sample | None = None
    layers: LayerValidation | None = None
    schema: int = SCHEMA

    def figure(self, name: str) -> Figure:
        """The figure of that name.

        Raises:
            UnknownName: with the nearest name.
        """
        from moliere.errors import UnknownName, did_you_mean

        found = {figure.name: figure for figure in self.figures}
        if name not in found:
            raise UnknownName(f"the report has no figure {name!r}; {did_you_mean(name, found)}")
        return found[name]

    def worst(self, prefix: str) -> Figure | None:
        """The largest of the figures whose names begin so: of several classifiers the one that tells most."""
        found = [figure for figure in self.figures if figure.name.startswith(prefix)]
        return max(found, key=lambda figure: figure.value) if found else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Report:
        """The inverse of :meth:`to_dict`."""
        return TypeAdapter(Report).validate_python(dict(content))
