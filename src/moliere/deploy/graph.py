"""A trained model as one torch module of plain tensors: what goes into the exported file, and nothing else.

Transforms are inside, solver steps are unrolled, and nothing in it depends on the values that pass: a simulation feeds
numbers in physical units and gets signals in the detector's unit.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import singledispatch
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor, nn

from moliere.deploy.card import Port
from moliere.detectors import SurfaceArray
from moliere.errors import ExportError
from moliere.models import Bundle, GenerativeModel, Model
from moliere.models.base import Reconstructor, Refiner

#: traces and times of made-up stations: share that is silent, decades of the signals, ns
_SILENT, _DECADES, _LATEST = 0.4, (-1.0, 3.0), 2e4
#: where a bundle does not say its range: MeV, or any other unit
_UNKNOWN = {"energy": (1e3, 1e5), "theta": (0.1, 1.0)}


class Graph(nn.Module, ABC):
    """A function of tensors (n, width) with one output (n, width).

    Attributes:
        kind: what sort of model it is.
        inputs: in their order.
        output: name of the output.
        target: the consumer that it is arranged for.
    """

    target: str = "onnx"
    kind: str
    model: Model
    inputs: tuple[Port, ...]
    output: str

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.bundle = bundle
        # under one name only: of a module with two, torch's tracer makes copies, and models that ask whether a layer
        # *is* their last one get the wrong answer
        self.model = bundle.model.eval()

    @abstractmethod
    def examples(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Inputs of n events as they come in use, within the bundle's range of validity."""

    @property
    def threshold(self) -> float:
        """Smallest signal that the model makes, in the detector's unit; 0 where there is none."""
        return float(getattr(self.model, "threshold", self.bundle.detector.threshold))

    @property
    def more(self) -> dict[str, Any]:
        """What a target adds to the file's description."""
        return {}

    def nest(self, each: Sequence[Any]) -> tuple[Any, ...]:
        """Something for each input, in the shape of the arguments of :meth:`forward`: ``*others`` are one."""
        *named, last = signature(self.forward).parameters.values()
        if last.kind is not Parameter.VAR_POSITIONAL or len(each) == len(named):
            return tuple(each)
        return (*each[: len(named)], tuple(each[len(named) :]))

    def _condition(self, columns: Sequence[str]) -> tuple[Port, ...]:
        """In double precision, as PDG identifiers of nuclei have ten digits; none where there are no columns."""
        return (Port("condition", len(columns), "float64", tuple(columns)),) if columns else ()


class Generation(Graph):
    """Latent and condition → signals."""

    kind, output = "generative", "signals"
    model: GenerativeModel

    def __init__(self, bundle: Bundle, model: GenerativeModel) -> None:
        super().__init__(bundle)
        self.inputs = (Port("latent", model.latent_size), *self._condition(bundle.columns))

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """Decode."""
        given = latent.new_zeros(len(latent), 0, dtype=torch.float64) if condition is None else condition
        return self.model.decode(latent, given)

    def examples(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Latents as the model draws them."""
        condition = incident(self.bundle, n, rng)
        latent = self.model.draw_latent(condition, rng).float()
        return (latent, condition) if self.bundle.columns else (latent,)


class Refinement(Graph):
    """Signals, the latent of a refiner that draws noise, and the condition → signals."""

    kind, output = "refiner", "refined"

    def __init__(self, bundle: Bundle, model: Refiner) -> None:
        super().__init__(bundle)
        self.refiner = model
        latent = (Port("latent", model.latent_size),) if model.latent_size else ()
        self.inputs = (Port("signals", bundle.detector.n_channels), *latent, *self._condition(bundle.columns))

    def forward(self, signals: Tensor, *others: Tensor) -> Tensor:
        """Refine."""
        given = dict(zip((port.name for port in self.inputs[1:]), others, strict=True))
        none = signals.new_zeros(len(signals), 0, dtype=torch.float64)
        return self.refiner.refine(signals, given.get("condition", none), given.get("latent"))

    def examples(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Made-up signals of every size."""
        signals = made_up_signals(self.bundle, n, rng)
        latent = (self.refiner.draw_latent(n, rng),) if self.refiner.latent_size else ()
        return (signals, *latent, *((incident(self.bundle, n, rng),) if self.bundle.columns else ()))


class Reconstruction(Graph):
    """Signals and extras → incident quantities."""

    kind, output = "reconstructor", "incident"
    model: Reconstructor

    def __init__(self, bundle: Bundle, model: Reconstructor) -> None:
        super().__init__(bundle)
        detector = bundle.detector
        stations = detector.n_stations if isinstance(detector, SurfaceArray) else detector.n_channels
        extras = (Port(name, stations, "float64") for name in model.extras)
        self.inputs = (Port("signals", detector.n_channels), *extras)

    def forward(self, signals: Tensor, *extras: Tensor) -> Tensor:
        """Reconstruct."""
        return self.model.reconstruct(signals, dict(zip(self.model.extras, extras, strict=True)))

    @property
    def threshold(self) -> float:
        """None: no signal comes out."""
        return 0.0

    def examples(self, n: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Made-up signals of every size, and times for stations that have any."""
        signals = made_up_signals(self.bundle, n, rng)
        heard = signals.unflatten(1, (self.inputs[-1].width, -1)).sum(dim=2) > 0
        times = [torch.rand(heard.shape, generator=rng, dtype=torch.float64) * _LATEST for _ in self.inputs[1:]]
        return signals, *(torch.where(heard, time, torch.nan) for time in times)


@singledispatch
def as_graph(model: Model, bundle: Bundle) -> Graph:
    """The graph of a bundle's model.

    Raises:
        ExportError: neither a generative model nor a refiner nor a reconstructor.
    """
    del bundle
    raise ExportError(f"a {type(model).__name__} is no generative model, refiner or reconstructor: it has no graph")


@as_graph.register
def _(model: GenerativeModel, bundle: Bundle) -> Graph:
    return Generation(bundle, model)


@as_graph.register
def _(model: Refiner, bundle: Bundle) -> Graph:
    return Refinement(bundle, model)


@as_graph.register
def _(model: Reconstructor, bundle: Bundle) -> Graph:
    return Reconstruction(bundle, model)


def incident(bundle: Bundle, n: int, rng: torch.Generator) -> Tensor:
    """Conditions (n, n_columns) spread over the bundle's range of validity; energies evenly in their logarithm."""
    columns = [_column(bundle, name, torch.rand(n, generator=rng, dtype=torch.float64)) for name in bundle.columns]
    return torch.stack(columns, dim=1) if columns else torch.zeros(n, 0, dtype=torch.float64)


def _column(bundle: Bundle, name: str, u: Tensor) -> Tensor:
    particles = bundle.model.context.particles
    if name == "pdg_id" and particles:
        return torch.tensor(particles, dtype=torch.float64)[(u * len(particles)).long()]
    low, high = bundle.validity.get(name, _UNKNOWN.get(name, (-1.0, 1.0)))
    if name == "energy" and low > 0:
        return (math.log(low) + u * math.log(high / low)).exp().clamp(low, high)
    return low + u * (high - low)


def made_up_signals(bundle: Bundle, n: int, rng: torch.Generator) -> Tensor:
    """Signals over several decades, many stations or cells without any: (n, n_channels)."""
    detector = bundle.detector
    n_stations = detector.n_stations if isinstance(detector, SurfaceArray) else detector.n_channels
    low, high = _DECADES
    level = 10 ** (low + (high - low) * torch.rand(n, n_stations, 1, generator=rng))
    shape = torch.rand(n, n_stations, detector.n_channels // n_stations, generator=rng)
    heard = torch.rand(n, n_stations, 1, generator=rng) > _SILENT
    return (level * shape * heard).flatten(1)
