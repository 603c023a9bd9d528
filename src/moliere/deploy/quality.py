"""Whether showers of a changed model are as good as before: both against other showers of the model as it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from moliere.deploy.graph import Graph
from moliere.deploy.parity import Function, in_pieces
from moliere.errors import ExportError
from moliere.evaluation import Metric, evaluate
from moliere.evaluation.verdicts import excess, noise, standing
from moliere.events import Events
from moliere.generation.guard import fixed_columns

#: standard errors by which a change may move a figure that stands above its floor
_MOVED = 1.0
_SEEDS = (1, 2)
#: showers of each sample
EVENTS = 2_000


@dataclass(frozen=True)
class Quality:
    """What a change does to the figures of a page.

    Args:
        events: of each sample.
        worst: the figure that stands highest above its floor in units of its error; ``None`` where none was measured.
        figures: how many were measured.
    """

    events: int
    worst: Metric | None
    figures: int

    def __str__(self) -> str:
        """In words."""
        return f"{self.figures} figures of {self.events:,} showers stay at their floors; the worst: {words(self.worst)}"


def check_judged(graph: Graph) -> None:
    """Refuse what has no showers to look at.

    Raises:
        ExportError: no generative model, or one that is arranged for a consumer, in its units and order.
    """
    if graph.target != "onnx":
        raise ExportError(f"weights are not stored in fewer bits for {graph.target}: export for it as it is")
    if graph.kind != "generative":
        raise ExportError(
            f"bundle {graph.bundle.name!r} holds a {graph.kind}; weights are stored in fewer bits for generative "
            "models only, whose showers can be judged: export it as it is"
        )


def judge(graph: Graph, before: Function, after: Function, events: int = EVENTS) -> Quality:
    """Compare showers of a changed model with those of the model as it was, by the figures of the evaluation's page.

    The changed model gets the latents of one sample of showers, and the reference is another sample, so that the
    figures of both stand beside each other with the same chance in them.

    Args:
        graph: of the model, for its particles and latents.
        before: its function.
        after: the function of the changed model.
        events: showers of each of the three samples.

    Raises:
        ExportError: a figure is above its floor, and was not before.
    """
    first, second = (graph.examples(events, torch.Generator().manual_seed(seed)) for seed in _SEEDS)
    same = (second[0], *first[1:])  # the same particles, so that only the showers differ
    reference, usual, changed = (
        _events(graph, function, inputs) for function, inputs in ((before, first), (before, same), (after, same))
    )
    report = evaluate(reference, changed, baseline=usual, classifier_seeds=0, threads=torch.get_num_threads())
    measured = [metric for metric in report.metrics if standing(metric) is not None]
    if failed := [metric for metric in measured if _is_worse(metric)]:
        raise ExportError(
            f"with weights of fewer bits, {len(failed)} of {len(measured)} figures of {events:,} showers leave their "
            f"floors; the worst: {words(max(failed, key=_height))}; nothing was written: store more bits"
        )
    return Quality(events, max(measured, key=_height, default=None), len(measured))


def words(metric: Metric | None) -> str:
    """A figure, its floor, and what it was before.

    Example:
        >>> words(Metric("ks-worst", "KS distance, worst", "", 0.031, 0.004, 0.030, 0.004, baseline=0.0305))
        'KS distance, worst, 0.031 ± 0.0057 (floor 0.03; 0.0305 before)'
    """
    if metric is None:
        return "none was measured"
    usual = "" if metric.baseline is None else f"; {metric.baseline:.3g} before"
    return f"{metric.label}, {metric.value:.3g} ± {noise(metric):.2g} (floor {metric.floor:.3g}{usual})"


def _events(graph: Graph, function: Function, inputs: tuple[Tensor, ...]) -> Events:
    bundle = graph.bundle
    signals = in_pieces(function, inputs).astype(np.float32)
    columns = inputs[1].numpy().T if len(inputs) > 1 else ()
    incident = dict(zip(bundle.columns, columns, strict=True))
    fixed = {name: np.full(len(signals), value) for name, value in fixed_columns(bundle).items()}
    return Events(bundle.detector, {**fixed, **incident}, np.maximum(signals, 0))


def _height(metric: Metric) -> float:
    """Standard errors above the floor."""
    return excess(metric) or 0.0


def _is_worse(metric: Metric) -> bool:
    """Above its floor, and further than it was."""
    if standing(metric) != "above" or metric.value is None or metric.baseline is None:
        return standing(metric) == "above"
    moved = (metric.value - metric.baseline) * (-1 if metric.larger_is_better else 1)
    return moved > _MOVED * noise(metric)
