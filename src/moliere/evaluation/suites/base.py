"""What a suite is: which observables, in which bins, which classifiers on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents, UnknownName, did_you_mean
from moliere.evaluation.finding import Paper
from moliere.evaluation.suites.binning import Binning
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
    """

    detector: Any
    scale: Floats
    signals: NDArray[np.float32]
    times: Floats | None = None


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
class Words:
    """How an observable is shown.

    Args:
        label: for the axis, without unit.
        unit: of the numbers.
        group: where it belongs on the page.
    """

    label: str
    unit: str
    group: str


@dataclass(frozen=True)
class Suite:
    """A way to compare events of one kind of detector; plain functions, so that a user's own is one object.

    Args:
        detector: the kind it is for.
        measure: events, threshold in the detector's unit or ``None`` → what is compared.
        words: observable, detector → how it is shown.
        binning: observable, detector, values of the reference → bins.
        low_level: name → signals of kept events → features of a classifier, (n, d).
        cells: how the spectrum of single non-zero signals is shown; ``None`` has none.
        classifiers: registry names.
        inputs: ``observables`` or keys of ``low_level``.
        scale: what :attr:`Measured.scale` is, in words.
        shares: observables → name of a kind of events → which they are, (n,); what users count.
        planes: detector → pairs of observables that are shown together.
        rareness: kept events → columns by whose neighbours events are rare, (n, d);
            ``None`` where nothing is known of it.
        by_layer: whether layer energies are compared at each energy and eta, too.
        citations: papers that define the observables.
    """

    detector: type[Detector]
    measure: Callable[[Events, float | None], Measured]
    words: Callable[[str, Any], Words]
    binning: Callable[[str, Any, Floats], Binning]
    low_level: Mapping[str, Callable[[Kept], Features]] = field(default_factory=dict)
    cells: tuple[str, Words] | None = None
    classifiers: tuple[str, ...] = ("boosting", "mlp")
    inputs: tuple[str, ...] = ("observables",)
    scale: str = "incident energy"
    shares: Callable[[Mapping[str, Floats]], Mapping[str, NDArray[np.bool_]]] | None = None
    planes: Callable[[Any], Sequence[tuple[str, str]]] | None = None
    rareness: Callable[[Kept], Floats] | None = None
    by_layer: bool = False
    citations: tuple[Paper, ...] = ()


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
            f"{type(detector).__name__}: leave out --suite"
        )
    return name, suite
