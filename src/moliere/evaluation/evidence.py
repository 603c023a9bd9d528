"""What stands behind the figures of a comparison, as plain data: where samples differ, by what, what one is worth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tail:
    """How many events lie beyond an outermost quantile of the reference.

    Args:
        observable: stable identifier.
        share: of the reference beyond the edge, by definition of it.
        upper: which end.
        edge: the quantile of the reference.
        generated_edge: the same quantile of the generated events.
        reference_fraction: beyond the edge.
        generated_fraction: beyond the edge.
        p_value: of both rates being the same (Fisher's exact test).
    """

    observable: str
    share: float
    upper: bool
    edge: float
    generated_edge: float
    reference_fraction: float
    generated_fraction: float
    p_value: float


@dataclass(frozen=True)
class ConditionalRow:
    """Agreement of all observables at one incident energy.

    Args:
        energy: ends of the interval in MeV.
        n_reference: events.
        n_generated: events.
        p_value: of all observables together.
        worst: the observable that agrees least.
        worst_p_value: its Kolmogorov-Smirnov p-value times the number of observables.
    """

    energy: tuple[float, float]
    n_reference: int
    n_generated: int
    p_value: float
    worst: str
    worst_p_value: float


@dataclass(frozen=True)
class Giveaway:
    """An observable that a classifier needs.

    Args:
        observable: column of the classifier's input.
        auc_drop: by how much the AUC falls when the column is shuffled.
        error: its spread over shuffles.
    """

    observable: str
    auc_drop: float
    error: float


@dataclass(frozen=True)
class Reweighting:
    """Whether a classifier's weights mend an observable.

    Args:
        observable: the one that disagrees most.
        before: difference of the means in standard deviations of the reference.
        after: the same with the classifier's weights.
        effective: effective over actual number of events, 1 where all weights are alike.
    """

    observable: str
    before: float
    after: float
    effective: float


@dataclass(frozen=True)
class EquivalentSize:
    """How many reference events are as far from the reference as the generated sample.

    Args:
        value: number of events.
        low: lower end of the 68 % interval.
        high: upper end.
        limit: the largest number that can be told with samples of these sizes.
        reached: whether the interval holds that number, so that nothing larger is ruled out.
    """

    value: float
    low: float
    high: float
    limit: int
    reached: bool


@dataclass(frozen=True)
class Memorisation:
    """Whether generated events repeat what the model has seen.

    Args:
        n_events: generated events that were looked at.
        nearer_to_training: share whose nearest neighbour is a training event rather than a test event; 0.5 is right.
        error: of the share.
        copies: share of events that are copies of a training event, to rounding.
    """

    n_events: int
    nearer_to_training: float
    error: float
    copies: float


@dataclass(frozen=True)
class Correlations:
    """Pearson coefficients of the observables with each other.

    Args:
        names: stable identifiers, in the order of the matrices.
        labels: for people.
        reference: (d, d).
        generated: (d, d).
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    reference: tuple[tuple[float, ...], ...]
    generated: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Interpolation:
    """Whether a model knows energies that its training left out.

    Args:
        energy: ends of the interval that was left out, in MeV.
        n_events: reference events in it.
        distance: mean Kolmogorov-Smirnov distance of the observables in it.
        seen: the same at the energies beside it that were in the training, if they have enough events.
        floor: of reference against reference at these sizes.
    """

    energy: tuple[float, float]
    n_events: int
    distance: float
    seen: float | None
    floor: float


@dataclass(frozen=True)
class Share:
    """How many events of both samples have something in common, such as a momentum above a threshold.

    Args:
        label: what they have, in words.
        reference: share of the reference.
        reference_error: one standard deviation, binomial.
        generated: share of the generated events.
        generated_error: likewise.
        p_value: of both shares being the same (Fisher's exact test).
    """

    label: str
    reference: float
    reference_error: float
    generated: float
    generated_error: float
    p_value: float


@dataclass(frozen=True)
class Plane:
    """Two observables of both samples in common bins.

    Args:
        names: along x and y.
        labels: for people, with units.
        log: which axes are logarithmic.
        x_edges: increasing.
        y_edges: increasing.
        reference: share of the events in each bin, (n_x, n_y).
        generated: likewise.
        reference_rareness: mean distance to neighbours in each bin, in spreads of the columns; 0 in empty ones, and no
            rows where nobody asked.
        generated_rareness: likewise.
    """

    names: tuple[str, str]
    labels: tuple[str, str]
    log: tuple[bool, bool]
    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    reference: tuple[tuple[float, ...], ...]
    generated: tuple[tuple[float, ...], ...]
    reference_rareness: tuple[tuple[float, ...], ...] = ()
    generated_rareness: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class LayerRow:
    """Energy of one layer at one incident energy in both samples, by every measure that FastCaloSim is validated with.

    Args:
        layer: what it is called.
        energy: ends of the interval of incident energies in MeV.
        n_reference: events.
        n_generated: events.
        mean_ratio: mean energy of the generated over the reference's, and its error.
        std_ratio: the same of the standard deviations.
        sem_ratio: the same of the standard errors of the mean, which follow the numbers of events.
        root_chi2: ROOT's chi-square of unweighted histograms over its degrees of freedom.
        root_p: its p-value.
        separation: CaloChallenge's chi-square of normalised histograms, the separation power.
        ks: Kolmogorov-Smirnov distance.
        ks_p: its p-value.
        wasserstein: Wasserstein-1 distance in MeV.
    """

    layer: str
    energy: tuple[float, float]
    n_reference: int
    n_generated: int
    mean_ratio: tuple[float, float]
    std_ratio: tuple[float, float]
    sem_ratio: float
    root_chi2: float
    root_p: float
    separation: float
    ks: float
    ks_p: float
    wasserstein: float


@dataclass(frozen=True)
class EtaRow:
    """Mean energy of one layer in one slice of |eta|, and the asymmetry of its two sides.

    Args:
        layer: what it is called.
        eta: ends of the slice.
        reference: mean in MeV and its error, over both sides.
        generated: likewise.
        reference_asymmetry: (μ+ − μ−) / (μ+ + μ−) and its error; ``None`` where one side has no events.
        generated_asymmetry: likewise.
    """

    layer: str
    eta: tuple[float, float]
    reference: tuple[float, float]
    generated: tuple[float, float]
    reference_asymmetry: tuple[float, float] | None = None
    generated_asymmetry: tuple[float, float] | None = None


@dataclass(frozen=True)
class LayerValidation:
    """What FastCaloSim's validation looks at.

    Args:
        rows: by layer, then incident energy.
        eta: by layer, then slice; none where events have no eta.
    """

    rows: tuple[LayerRow, ...]
    eta: tuple[EtaRow, ...] = ()
