"""What a model is made of: its layers with weights, in the order of their calls, and what comes out of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from moliere.detectors.surface_array import SurfaceArray
from moliere.events.events import ARRIVAL_TIMES
from moliere.models.base import SECOND, Batch, GenerativeModel, Model, Reconstructor, Refiner

#: numbers of events that are passed through: what grows between them is the batch
_FEW, _MORE = 2, 3


@dataclass(frozen=True)
class Part:
    """A layer, or what is made of layers.

    Args:
        name: in the part that it belongs to.
        kind: its class.
        shape: of what comes out, for one event; empty where that is several things, or it is not called by itself.
        parameters: number of trained numbers.
        parts: what it is made of, in the order of the first calls; of those, only what is trained.
        repeats: so many of them follow each other, alike in all but their weights.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    parts: tuple[Part, ...] = ()
    repeats: int = 1


@dataclass
class _Watch:
    """Which modules are called, in their order, and how large what comes out of them is."""

    model: nn.Module
    shapes: dict[nn.Module, tuple[int, ...]] = field(default_factory=dict)

    def __enter__(self) -> _Watch:
        self.hooks = [module.register_forward_hook(self._note) for module in self.model.modules()]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def _note(self, module: nn.Module, _: Any, out: Any) -> None:
        self.shapes.setdefault(module, tuple(out.shape) if isinstance(out, Tensor) else ())


def structure_of(model: Model, ranges: Mapping[str, tuple[float, float]]) -> Part:
    """Pass a few events through a model and all that trains it, and see what is called.

    Args:
        model: trained or not; it is not changed.
        ranges: smallest and largest value of each column of the condition, as a bundle's ``validity`` has them.

    Returns:
        The whole model; its parts are the networks.
    """
    was_training = model.training
    model.eval()
    try:
        few, more = (_shapes(model, ranges, n) for n in (_FEW, _MORE))
    finally:
        model.train(was_training)
    alike = {module: _of_one_event(shape, more.get(module, ())) for module, shape in few.items()}
    order = {module: place for place, module in enumerate(few)}
    return replace(_part("", model, alike, order), name=type(model).__name__)


def _shapes(model: Model, ranges: Mapping[str, tuple[float, float]], n: int) -> dict[nn.Module, tuple[int, ...]]:
    rng = torch.Generator().manual_seed(0)
    batch = _events(model, ranges, n, rng)
    with _Watch(model) as watch:
        _use(model, batch, rng)
        for objective in model.objectives():
            if any(module not in watch.shapes for module in _layers(model)):
                objective.loss(batch, rng)
    return watch.shapes


def _events(model: Model, ranges: Mapping[str, tuple[float, float]], n: int, rng: torch.Generator) -> Batch:
    """Some that the model takes: noise in all channels."""
    context = model.context
    ends = [ranges.get(name, (1.0, 1.0)) for name in context.columns]
    columns = [torch.linspace(low, high, n + 2, dtype=torch.float64)[1:-1] for low, high in ends]
    if "pdg_id" in context.columns and context.particles:
        columns[context.columns.index("pdg_id")] = torch.full((n,), float(context.particles[0]), dtype=torch.float64)
    condition = torch.stack(columns, dim=1) if columns else torch.empty(n, 0, dtype=torch.float64)
    signals = 1 + torch.rand(n, context.detector.n_channels, generator=rng)
    extras = {name: torch.zeros(n, context.detector.n_channels) for name in model.extras}
    if model.resembles == SECOND:
        extras[SECOND] = signals
    if ARRIVAL_TIMES in extras and isinstance(context.detector, SurfaceArray):
        extras[ARRIVAL_TIMES] = torch.zeros(n, context.detector.n_stations)
    return Batch(condition, signals, None, extras)


@torch.no_grad()
def _use(model: Model, batch: Batch, rng: torch.Generator) -> None:
    """What the model is for, so that what it is for stands first."""
    if isinstance(model, GenerativeModel):
        model.sample(batch.condition, rng)
    elif isinstance(model, Refiner):
        model.respond(batch, rng)
    elif isinstance(model, Reconstructor):
        model.reconstruct(batch.signals, batch.extras)


def _layers(model: nn.Module) -> Iterator[nn.Module]:
    """Modules with weights that hold no other module."""
    for module in model.modules():
        if not any(module.children()) and _size(module):
            yield module


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _of_one_event(few: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the batch; positions that were folded into it stay.

    Example:
        >>> _of_one_event((2, 8, 3), (3, 8, 3)), _of_one_event((4, 3), (6, 3))
        ((8, 3), (2, 3))
    """
    if len(few) != len(more):
        return ()
    sizes = [size if size == other else size // _FEW for size, other in zip(few, more, strict=True)]
    grown = [size != other for size, other in zip(few, more, strict=True)]
    return tuple(size for size, batch in zip(sizes, grown, strict=True) if not (batch and size == 1))


def _part(
    name: str, module: nn.Module, shapes: Mapping[nn.Module, tuple[int, ...]], order: Mapping[nn.Module, int]
) -> Part:
    inside = sorted(_inside(module), key=lambda child: _first_call(child[1], order))
    parts = tuple(_joined(_part(inner, child, shapes, order) for inner, child in inside))
    kind = type(module).__name__.removeprefix("_")
    if len(parts) == 1 and parts[0].repeats == 1 and parts[0].parameters == _size(module):
        return replace(parts[0], name=name, kind=f"{kind} · {parts[0].kind}")
    return Part(name, kind, shapes.get(module, ()), _size(module), parts)


def _inside(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Children that are trained; lists are what they hold."""
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList | nn.ModuleDict | nn.Sequential):
            yield from ((f"{name}.{inner}", held) for inner, held in _inside(child))
        elif _size(child):
            yield name, child


def _first_call(module: nn.Module, order: Mapping[nn.Module, int]) -> int:
    """When a module or anything in it is called first; what never is comes last."""
    return min((order[part] for part in module.modules() if part in order), default=len(order))


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    """Members of a list that follow each other and are alike, as one."""
    last: Part | None = None
    for part in parts:
        held, _, place = part.name.rpartition(".")
        if last is not None and held and replace(last, name=part.name, repeats=1) == part and _list(last) == held:
            last = replace(last, name=f"{last.name.split(' … ')[0]} … {place}", repeats=last.repeats + 1)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def _list(part: Part) -> str:
    """Name of the list that a part, or several as one, are held by."""
    return part.name.split(" … ")[0].rpartition(".")[0]
