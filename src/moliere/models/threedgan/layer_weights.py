"""Weights of 3DGAN's networks from files of other frameworks, layer by layer in the order of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from moliere.errors import FormatError

#: Keras's name of a weight → ours
MAPPED = {"kernel": "weight", "bias": "bias"}
NORMALISED = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


@dataclass(frozen=True)
class LayerWeights:
    """A layer's weights by Keras's names, in Keras's order of axes: (sizes, in, out), channels last.

    Args:
        name: in the file or in the network.
        weights: name → values.
    """

    name: str
    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def fill_network(network: nn.Module, layers: Iterable[LayerWeights], path: Path) -> None:
    """Replace a network's weights; nothing is replaced unless everything fits.

    Args:
        network: its layers are registered in the order of the file's, and it flattens images with channels last.
        layers: of the file.
        path: of the file, for messages.

    Raises:
        FormatError: weights of another architecture, not finite, or variances below zero: the first tensor that
            differs is named.
    """
    values: dict[str, Tensor] = {}
    for theirs, ours in zip_longest(layers, _layers_of(network)):
        if theirs is None or ours is None:
            had, missing = ("network", theirs) if ours is None else ("file", ours)
            raise FormatError(f"{path} holds another architecture: the {had} has no more layers at {missing.name}")
        values |= _match(path, theirs, ours)
    network.load_state_dict(values, strict=False)


def to_keras(values: Any) -> NDArray[np.float32]:
    """(out, in, sizes) → (sizes, in, out)."""
    array: NDArray[np.float32] = values.detach().cpu().numpy()
    return np.moveaxis(array, (0, 1), (-1, -2)) if array.ndim > 1 else array


def _match(path: Path, theirs: LayerWeights, ours: LayerWeights) -> dict[str, Tensor]:
    """State of one layer.

    Raises:
        FormatError: names or shapes differ, or what the file holds is no weight.
    """
    for name in theirs.weights | ours.weights:
        there, here = (layer.weights[name].shape if name in layer.weights else None for layer in (theirs, ours))
        if there != here:
            raise FormatError(
                f"{path} holds another architecture: {theirs.name}/{name} has shape {there or 'none'}, but "
                f"{ours.name} of this network has {here or 'none'}"
            )
        values = theirs.weights[name]
        if not np.isfinite(values).all() or (name == "moving_variance" and values.min() < 0):
            kind = "variances below zero" if np.isfinite(values).all() else "numbers that are not finite"
            raise FormatError(f"{path}: {theirs.name}/{name} holds {kind}; take weights of a training that went well")
    names = NORMALISED if "gamma" in ours.weights else MAPPED
    return {f"{ours.name}.{names[name]}": _to_torch(value) for name, value in theirs.weights.items()}


def _layers_of(network: nn.Module) -> Iterator[LayerWeights]:
    """The network's layers that have weights, in the order in which they were registered."""
    for name, module in network.named_modules():
        state = dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))
        names = NORMALISED if isinstance(module, _BatchNorm) else MAPPED
        weights = {keras: to_keras(state[here]) for keras, here in names.items() if here in state}
        if weights:
            yield LayerWeights(name, weights)


def _to_torch(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.moveaxis(values, (-1, -2), (0, 1)).copy() if values.ndim > 1 else values.copy())
