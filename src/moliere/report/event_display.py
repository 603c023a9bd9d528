"""Pairs of events for the 3-D display: which cells light up, and the scene as JSON for the browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moliere.detectors.base import Floats, Ints
from moliere.evaluation.findings.examples import ExampleEvent
from moliere.report.scene import Scene, SceneLayer, depth_range
from moliere.units import format_energy

#: Cells beyond this many are not drawn: a laptop turns this many smoothly, and the rest is faint.
MAX_CELLS = 4000
#: Most labels along the shower axis.
_MAX_LABELS = 7


@dataclass(frozen=True, eq=False)
class LitCells:
    """The cells of one event that are drawn, faintest first, so that what is brightest is painted last.

    Args:
        channels: (n,).
        energies: (n,), in the detector's unit.
        n_lit: cells above threshold, drawn or not.
        total: signal of the whole event.
    """

    channels: Ints
    energies: Floats
    n_lit: int
    total: float


@dataclass(frozen=True, eq=False)
class EventPair:
    """One event of the reference beside one that was generated for the same kind of incident particle.

    Args:
        title: for the menu, e.g. the incident energy.
        reference: what the reference holds.
        generated: what the model made.
    """

    title: str
    reference: LitCells
    generated: LitCells


def lit_cells(channels: Sequence[int], energies: Sequence[float], limit: int = MAX_CELLS) -> LitCells:
    """The cells of one event as they are drawn.

    Args:
        channels: cells above threshold.
        energies: theirs.
        limit: largest number of cells; the brightest are kept.

    Example:
        >>> lit = lit_cells([1, 3, 4], [5.0, 9.0, 2.0], limit=2)
        >>> lit.channels.tolist(), lit.energies.tolist(), lit.n_lit, lit.total
        ([1, 3], [5.0, 9.0], 3, 16.0)
    """
    values = np.asarray(energies, dtype=np.float64)
    order = np.argsort(values, kind="stable")[-limit:]
    return LitCells(np.asarray(channels, dtype=np.int64)[order], values[order], len(values), float(values.sum()))


def event_pairs(examples: Sequence[ExampleEvent]) -> list[EventPair]:
    """Examples of a report in pairs, as the display has them."""
    pairs = in_pairs(examples)
    return [EventPair(title_of(*pair), *(lit_cells(e.channels, e.signals) for e in pair)) for pair in pairs]


def in_pairs(examples: Sequence[ExampleEvent]) -> list[tuple[ExampleEvent, ExampleEvent]]:
    """The first of each sample, the second, …; most energetic first, neighbours last."""
    pairs: list[tuple[ExampleEvent, ExampleEvent]] = []
    for nearest in (False, True):
        chosen = [event for event in examples if event.nearest == nearest]
        first, second = ([e for e in chosen if e.sample == sample] for sample in ("reference", "generated"))
        pairs += sorted(zip(first, second, strict=False), key=lambda pair: -pair[0].energy)
    return pairs


def title_of(reference: ExampleEvent, generated: ExampleEvent) -> str:
    """What a pair is called: its incident energies."""
    energies = [format_energy(event.energy) for event in (reference, generated)]
    return " | ".join(dict.fromkeys(energies)) + (" (nearest neighbours)" if reference.nearest else "")


def energy_range(*events: Floats) -> tuple[float, float]:
    """Ends of the colour scale that events share; four decades at most: below, all is equally faint."""
    energies = np.concatenate(events)
    if len(energies) == 0:
        return 1.0, 10.0
    high = float(energies.max())
    return min(max(float(energies.min()), high * 1e-4), high / 2), high


def colour_stops(n: int = 16) -> list[str]:
    """Colours of the energy scale, faint to bright, without the darkest of the map: the stage is dark."""
    return hex_colours("inferno", 0.22, 0.98, n)


def hex_colours(name: str, low: float, high: float, n: int = 16) -> list[str]:
    """Evenly spaced colours of a part of one of matplotlib's maps, for the browser."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in colormaps[name](np.linspace(low, high, n))]


def display_to_json(scene: Scene, pairs: Sequence[EventPair]) -> dict[str, Any]:
    """Everything the browser needs, in plain types: cells by channel number, edges once a layer.

    Returns:
        ``unit``, ``colours``, ``views`` (the shape that reads well; last, the one to scale), ``events``.
    """
    shapes = [scene.layers] if scene.to_scale else [scene.shown, scene.layers]
    return {
        "unit": scene.unit,
        "colours": colour_stops(),
        "views": [_view_to_json(layers) for layers in shapes],
        "events": [_pair_to_json(pair) for pair in pairs],
    }


def outlines(layers: tuple[SceneLayer, ...]) -> list[Floats]:
    """Closed lines (k, 3) around the front of the first layer and the back of others, for orientation."""
    ends = [(layers[0], layers[0].z[0])] + [(layer, layer.z[1]) for layer in _some(layers)]
    return [np.column_stack([_border(layer), np.full(len(_border(layer)), z)]) for layer, z in ends]


def _some(layers: tuple[SceneLayer, ...]) -> tuple[SceneLayer, ...]:
    """Evenly chosen layers, the last among them, in order."""
    return layers[:: -max(1, -(-len(layers) // _MAX_LABELS))][::-1]


def _border(layer: SceneLayer) -> Floats:
    if layer.kind == "polar":
        turn = np.linspace(0, 2 * np.pi, 49)
        return layer.half_width * np.column_stack([np.cos(turn), np.sin(turn)])
    return np.column_stack([layer.u[[0, 0, -1, -1, 0]], layer.v[[0, -1, -1, 0, 0]]])


def _view_to_json(layers: tuple[SceneLayer, ...]) -> dict[str, Any]:
    low, high = depth_range(layers)
    reach = max(layer.reach for layer in layers)
    axis = np.array([[0.0, 0.0, low - 0.2 * reach], [0.0, 0.0, high]])
    return {
        "layers": [_layer_to_json(layer) for layer in layers],
        "outlines": [_rounded(line) for line in (*outlines(layers), axis)],
        "labels": [_label_to_json(layer) for layer in _some(layers)],
        "span": [low, high],
        "reach": reach,
    }


def _label_to_json(layer: SceneLayer) -> dict[str, Any]:
    return {"text": layer.label, "at": _rounded(np.array([0.0, -1.04 * layer.half_width, sum(layer.z) / 2]))}


def _pair_to_json(pair: EventPair) -> dict[str, Any]:
    return {
        "title": pair.title,
        "range": _rounded(np.array(energy_range(pair.reference.energies, pair.generated.energies))),
        "reference": _lit_to_json(pair.reference),
        "generated": _lit_to_json(pair.generated),
    }


def _lit_to_json(lit: LitCells) -> dict[str, Any]:
    return {
        "channels": lit.channels.tolist(),
        "energies": _rounded(lit.energies, 3),
        "n_lit": lit.n_lit,
        "total": float(f"{lit.total:.5g}"),
    }


def _layer_to_json(layer: SceneLayer) -> dict[str, Any]:
    edges = {"u": _rounded(layer.u), "v": _rounded(layer.v), "z": _rounded(np.array(layer.z))}
    return {"label": layer.label, "kind": layer.kind, "first": layer.first, **edges}


def _rounded(values: Floats, digits: int = 6) -> list[Any]:
    """Nested lists with few digits: a page is read over slow lines too."""
    if values.ndim > 1:
        return [_rounded(row, digits) for row in values]
    listed = values.tolist()
    return [float(f"{value:.{digits}g}") for value in listed]
