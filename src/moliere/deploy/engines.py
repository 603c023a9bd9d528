"""One call for torch, ONNX Runtime and C: conditions and the numbers of run, event and track → signals in MeV.

The latent of a shower follows from its three numbers (:mod:`moliere.deploy.philox`). So all engines make the same
shower of the same track, whatever is made with it and in whichever order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moliere.deploy import philox
from moliere.deploy.c.library import Library
from moliere.deploy.runtime import Runtime
from moliere.errors import InvalidQuantity

if TYPE_CHECKING:
    from moliere.models import Bundle

#: showers that torch decodes at once: bounds memory
_AT_ONCE = 1024


class Engine(Protocol):
    """Makes showers of a model; each thread and each process has its own. Engines travel to another process."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Incident columns of the condition, in their order: energy in MeV, angles in rad."""

    def __call__(self, condition: NDArray[Any], key: NDArray[Any]) -> NDArray[np.float32]:
        """Make showers, without a look at the model's range.

        Args:
            condition: (n, n_columns).
            key: numbers of run, event and track, (n, 3), each below 2³².

        Returns:
            (n, n_channels), in the detector's unit.
        """


@dataclass(frozen=True, repr=False)
class InTorch:
    """A bundle, run by torch.

    Args:
        bundle: a generative model.
    """

    bundle: Bundle

    @property
    def columns(self) -> tuple[str, ...]:
        """The bundle's."""
        return tuple(self.bundle.columns)

    def __call__(self, condition: NDArray[Any], key: NDArray[Any]) -> NDArray[np.float32]:
        """Decode."""
        import torch

        model: Any = self.bundle.model.eval()
        signals = np.zeros((len(key), self.bundle.detector.n_channels), np.float32)
        with torch.inference_mode():
            for rows in (slice(start, start + _AT_ONCE) for start in range(0, len(key), _AT_ONCE)):
                latent = torch.from_numpy(philox.draw(self._parts, *key[rows].T))
                signals[rows] = model.decode(latent, torch.from_numpy(np.asarray(condition[rows], np.float64))).numpy()
        return signals

    @cached_property
    def _parts(self) -> list[philox.Part]:
        model: Any = self.bundle.model
        return [philox.Part(part.size, part.law, part.scale, part.share) for part in model.latent]


@dataclass(frozen=True)
class InOnnx:
    """An exported file, run by ONNX Runtime; torch is not needed.

    Args:
        path: as ``moliere export`` writes it.
    """

    path: Path

    @property
    def columns(self) -> tuple[str, ...]:
        """The file's."""
        return self._runtime.card.columns

    def __call__(self, condition: NDArray[Any], key: NDArray[Any]) -> NDArray[np.float32]:
        """Run the graph."""
        incident = dict(zip(self.columns, np.asarray(condition).T, strict=True))
        run, event, track = np.asarray(key).T
        return self._runtime.generate(run=run, event=event, track=track, outside="extrapolate", **incident)

    @cached_property
    def _runtime(self) -> Runtime:
        return Runtime(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file again in another process."""
        return InOnnx, (self.path,)


@dataclass(frozen=True)
class InC:
    """Generated C, compiled for this machine when it is first called; torch is not needed.

    Args:
        folder: with NAME.h and NAME.c, as the export to C writes them.
    """

    folder: Path

    @property
    def columns(self) -> tuple[str, ...]:
        """The header's."""
        return self._library.columns

    def __call__(self, condition: NDArray[Any], key: NDArray[Any]) -> NDArray[np.float32]:
        """Draw the latents and make the showers in C."""
        numbers = np.asarray(key)
        if numbers.size and (numbers.min() < 0 or numbers.max() >= 2**32):
            raise InvalidQuantity(
                f"run, event and track reach {numbers.max()}; expected whole numbers from 0 to 2³² - 1"
            )
        return self._library.generate(self._library.draw(numbers), condition)

    @cached_property
    def _library(self) -> Library:
        return Library.of_folder(self.folder)

    def __reduce__(self) -> tuple[Any, ...]:
        """Compile again in another process."""
        return InC, (self.folder,)
