"""The properties that every detector has: name, channels, and a description that travels with files and bundles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from moliere.errors import DetectorError, MoliereError
from moliere.notebook import Shown
from moliere.registry import Registry

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

K = TypeVar("K", bound="Detector")


class Detector(Shown, ABC):
    """What is read out: a fixed, ordered list of channels.

    Subclasses are frozen dataclasses whose fields pydantic can validate, so that a detector goes to a plain
    dictionary (:meth:`to_spec`) and back (:func:`moliere.detectors.from_spec`) without code of its own. A kind
    registers itself in :data:`kinds`; what other rooms need to know of a kind, they ask the methods below.

    Attributes:
        kind: which family, the discriminator of the dictionary form.
        name: catalogue name or a user's own.
        unit: physical unit of a signal, for labels.
        threshold: readout threshold in the signals' unit; 0 where there is none.
        measures_energy: whether amounts are energies that an incident particle left, in MeV, so that their sum can be
            compared with its energy.
        repeats: whether two equal events may both be right: particles of a flux are used again, showers are not.
        parts: dataclasses of the kind's tables by the key that they stand under, for messages about unknown keys.
    """

    kind: str
    name: str
    unit: str
    threshold: float = 0.0
    measures_energy: ClassVar[bool] = False
    repeats: ClassVar[bool] = False
    parts: ClassVar[dict[str, type[Any]]] = {}

    def __repr__(self) -> str:
        """The headline of its description; thousands of edges and positions are in :meth:`to_spec`."""
        return f"{type(self).__name__}({self.describe().partition(chr(10))[0]})"

    @property
    def signed(self) -> bool:
        """Whether amounts may be negative; a kind may make it a field."""
        return False

    @property
    @abstractmethod
    def n_channels(self) -> int:
        """Number of channels, the second axis of ``signals``."""

    @abstractmethod
    def describe(self) -> str:
        """A text rendering for people: a headline, then a line a layer, station group or column."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the channels, where each has a name of its own; else none."""
        return ()

    @property
    def slices(self) -> tuple[slice, ...]:
        """Channels of each layer, in the order of :attr:`layer_labels`; none where there are no layers."""
        return ()

    @property
    def layer_labels(self) -> tuple[str, ...]:
        """Names of the layers for people; none where there are no layers."""
        return ()

    @property
    def sampling_fractions(self) -> Floats:
        """What each channel's amount was divided by, (n_channels,) or one number for all of them."""
        return np.ones(1)

    def amounts(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """The signals that may be summed: all, unless a kind keeps positions among them.

        Args:
            signals: (n_events, n_channels).

        Returns:
            (n_events, n_amounts), where no signal of another nature is left.
        """
        return signals

    def layer_energies(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum of each layer's signals: (n_events, n_channels) → (n_events, n_layers)."""
        sums = [signals[:, part].sum(axis=1) for part in self.slices]
        return np.stack(sums, axis=1) if sums else np.zeros((len(signals), 0), np.float32)

    @property
    def limits(self) -> tuple[Floats, Floats] | None:
        """Smallest and largest signal that each channel is meant for, (n_channels,) each; ``None`` without limits."""
        return None

    def incomparable_with(self, other: Detector) -> str | None:
        """Why events of the other detector cannot be compared with this one's channel by channel.

        Returns:
            The reason; ``None`` where they can be compared.
        """
        if type(self) is not type(other):
            return f"{self.name} is a {self.kind}, {other.name} a {other.kind}"
        if self.n_channels != other.n_channels:
            return f"{self.name} has {self.n_channels} channels, {other.name} {other.n_channels}"
        return None

    def displaced_from(self, other: Detector) -> str | None:
        """The channels of equal number that have other places in the other detector; ``None`` if there are none."""
        del other
        return None

    def to_spec(self) -> dict[str, Any]:
        """The detector as plain JSON-able data; the inverse of :func:`moliere.detectors.from_spec`."""
        from pydantic import TypeAdapter

        spec: dict[str, Any] = TypeAdapter(type(self)).dump_python(self, mode="json", exclude_none=True)
        return spec


#: kind → class; a class registers itself under the value of its field ``kind``
kinds: Registry[type[Detector]] = Registry("kind of detector")


#: channels of a detector; more is a slip of the pen, and would fill the memory with the first event
MOST_CHANNELS = 100_000_000


def check_size(detector: Detector) -> None:
    """Refuse a detector of an absurd number of channels.

    Raises:
        DetectorError: more than :data:`MOST_CHANNELS`.
    """
    if detector.n_channels > MOST_CHANNELS:
        raise DetectorError(
            f"{detector.kind} {detector.name!r} has {detector.n_channels:,} channels; no more than {MOST_CHANNELS:,} "
            "are possible: look for a number with too many zeros"
        )


def of_kind(
    detector: Detector | None, kind: type[K], user: str, error: type[MoliereError] = DetectorError, advice: str = ""
) -> K:
    """A detector that somebody can work with, as what it is.

    Args:
        detector: any, or ``None`` where nobody named one.
        kind: which is needed.
        user: name of the model or program that needs it, for the message.
        error: what to raise.
        advice: what to do instead.

    Raises:
        MoliereError: of the type ``error``, where the detector is of another kind.
    """
    if isinstance(detector, kind):
        return detector
    name = next((key for key, known in kinds.items() if known is kind), kind.__name__)
    got = "no detector was named" if detector is None else f"{detector.name!r} is a {detector.kind}"
    raise error(f"{user} needs a detector of kind {name}, but {got}{advice and '; '}{advice}")
