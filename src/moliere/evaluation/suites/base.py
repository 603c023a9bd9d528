"""What a suite is: which observables, in which bins, which classifiers on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents, UnknownName, did_you_mean
from moliere.evaluation.finding import Paper
from moliere.evaluation.observables.base import Shown, observables, observed_in
from moliere.events import Events
from moliere.registry import Registry

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Kept:
    """Events whose signals are kept in memory, for classifiers and displays.

    Args:
        detector: theirs.
        scale: incident energy, or momentum, in MeV, (n,).
        signals: as the suite prepared them, (n, n_channels).
        times: arrival times of stations in ns, NaN for silent ones, (n, n_stations); ``None`` where there are none.
        theta: incident angles in rad, (n,); ``None`` where the events have none.
    """

    detector: Any
    scale: Floats
    signals: NDArray[np.float32]
    times: Floats | None = None
    theta: Floats | None = None


@dataclass(frozen=True)
class Measured:
    """Some events as a suite sees them.

    Args:
        scale: what events are binned by: incident energy, or momentum, in MeV, (n,).
        signals: what the suite looks at, thresholds applied, (n, n_channels).
        observables: name → (n,).
        features: the classifiers' high-level vector, (n, d).
        feature_names: of its columns.
        times: arrival times of stations, see :class:`Kept`.
    """

    scale: Floats
    signals: NDArray[np.float32]
    observables: Mapping[str, Floats]
    features: Features
    feature_names: tuple[str, ...]
    times: Floats | None = None


@dataclass(frozen=True)
class Suite:
    """A way to compare events of one kind of detector; plain functions, so that a user's own is one object.

    Args:
        detector: the kind it is for.
        measure: events, threshold in the detector's unit or ``None`` → what is compared.
        describe: detector → how each observable of ``measure`` is shown, and the single signals.
        low_level: name → signals of kept events → features of a classifier, (n, d).
        cells: what the spectrum of single non-zero signals is called in ``describe``; ``None`` has none.
        classifiers: registry names.
        inputs: ``observables`` or keys of ``low_level``.
        scale: what :attr:`Measured.scale` is, in words.
        shares: observables → name of a kind of events → which they are, (n,); what users count.
        planes: detector → pairs of observables that are shown together.
        rareness: kept events → columns by whose neighbours events are rare, (n, d);
            ``None`` where nothing is known of it.
        by_layer: whether layer energies are compared at each energy and eta, too.
        citations: papers that define the observables.
        without: registered observables that the suite does not look at.
        view: events and what was measured → what a registered observable computes from.
    """

    detector: type[Detector]
    measure: Callable[[Events, float | None], Measured]
    describe: Callable[[Any], Mapping[str, Shown]]
    low_level: Mapping[str, Callable[[Kept], Features]] = field(default_factory=dict)
    cells: str | None = None
    classifiers: tuple[str, ...] = ("boosting", "mlp")
    inputs: tuple[str, ...] = ("observables",)
    scale: str = "incident energy"
    shares: Callable[[Mapping[str, Floats]], Mapping[str, NDArray[np.bool_]]] | None = None
    planes: Callable[[Any], Sequence[tuple[str, str]]] | None = None
    rareness: Callable[[Kept], Floats] | None = None
    by_layer: bool = False
    citations: tuple[Paper, ...] = ()
    without: frozenset[str] = frozenset()
    view: Callable[[Events, Measured], Any] = lambda events, measured: replace(events, signals=measured.signals)

    def look(self, events: Events, threshold: float | None) -> Measured:
        """What ``measure`` gives, and the registered observables that it leaves to the registry.

        Raises:
            InvalidEvents: a registered observable is not one finite number an event.
        """
        measured = self.measure(events, threshold)
        more = self._registered(events.detector, measured.observables)
        if not more:
            return measured
        view = self.view(events, measured)
        found = {column: _checked(column, observables[name].values(view, k), len(events)) for column, (name, k) in more}
        return replace(measured, observables={**measured.observables, **found})

    def shown(self, detector: Detector) -> dict[str, Shown]:
        """How every observable is shown, registered ones included."""
        own = self.describe(detector)
        more = self._registered(detector, own)
        return {**own, **{column: observables[name].shown(detector, layer) for column, (name, layer) in more}}

    def _registered(self, detector: Detector, known: Mapping[str, object]) -> list[tuple[str, tuple[str, int]]]:
        found = observed_in(detector).items()
        return [(column, place) for column, place in found if column not in known and place[0] not in self.without]


def _checked(column: str, values: Floats, n_events: int) -> Floats:
    if values.shape != (n_events,):
        raise InvalidEvents(
            f"observable {column!r} gave an array of shape {values.shape} for {n_events} events; expected one number "
            f"for each, ({n_events},)"
        )
    if bad := np.count_nonzero(~np.isfinite(values)):
        raise InvalidEvents(
            f"observable {column!r} is NaN or infinite for {bad} of {n_events} events; return a number for these too, "
            "such as 0 for an event without signal"
        )
    return values


def label_of(name: str, shown: Mapping[str, Shown]) -> str:
    """What people call an observable, or a column of a feature vector that is made of one.

    Args:
        name: stable identifier.
        shown: how the suite shows its observables.

    Example:
        >>> label_of("log_layer_energy[1]", {"layer_energy[1]": Shown("energy in EMB1", "MeV", "", lambda _: _)})
        'log energy in EMB1'
        >>> label_of("signal_of_station[8]", {})
        'signal of station 8'
    """
    if name in shown:
        return shown[name].label
    if name.startswith("log_"):
        return f"log {label_of(name[4:], shown)}"
    return name.replace("_", " ").replace("[", " ").replace("]", "")


#: name → suite
suites: Registry[Suite] = Registry("suite")


def find_suite(name: str, detector: Detector) -> tuple[str, Suite]:
    """A suite by its name, or for ``default`` the one named after the detector, else the one named after its kind.

    Returns:
        Its name and the suite.

    Raises:
        UnknownName: no such suite.
        InvalidEvents: it is for another kind of detector.
    """
    if name == "default":
        name = detector.name if detector.name in suites else detector.kind
    if name not in suites:
        raise UnknownName(f"unknown suite {name!r}; {did_you_mean(name, ['default', *suites])}")
    suite = suites[name]
    if not isinstance(detector, suite.detector):
        raise InvalidEvents(
            f"suite {name!r} compares events of a {suite.detector.__name__}; {detector.name} is a "
            f"{type(detector).__name__}: take the default suite",
            options=("--suite default",),
        )
    return name, suite
