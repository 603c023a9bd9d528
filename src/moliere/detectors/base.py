"""What every detector can say of itself: name, channels, and a description that travels with files and bundles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Detector(ABC):
    """What is read out: a fixed, ordered list of channels.

    Subclasses are frozen dataclasses whose fields pydantic can validate, so that a detector goes to a plain
    dictionary (:meth:`to_spec`) and back (:func:`moliere.detectors.from_spec`) without code of its own.

    Attributes:
        kind: which family, the discriminator of the dictionary form.
        name: catalogue name or a user's own.
        unit: physical unit of a signal, for labels.
    """

    kind: str
    name: str
    unit: str

    @property
    @abstractmethod
    def n_channels(self) -> int:
        """Number of channels, the second axis of ``signals``."""

    @abstractmethod
    def describe(self) -> str:
        """A text rendering for people: a headline, then a line a layer, station group or column."""

    def to_spec(self) -> dict[str, Any]:
        """The detector as plain JSON-able data; the inverse of :func:`moliere.detectors.from_spec`."""
        from pydantic import TypeAdapter

        spec: dict[str, Any] = TypeAdapter(type(self)).dump_python(self, mode="json", exclude_none=True)
        return spec
