"""Weights that Keras wrote (``.h5``, ``.hdf5``), for a network of the same layers in the same order.

Keras files a layer's weights under names that depend on what else its program had built before, such as
``conv3d_7/kernel:0``. So layers are matched by their order, and weights inside a layer by their names. Kernels lie as
(sizes, in, out) there and as (out, in, sizes) here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from moliere.errors import FormatError
from moliere.events.formats.hdf5 import reading

#: Keras's name of a weight → ours
_MAPPED = {"kernel": "weight", "bias": "bias"}
_NORMALISED = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def load_keras_weights(network: nn.Module, path: str | Path) -> None:
    """Replace a network's weights by those that Keras 2 wrote with ``save_weights`` or ``save``.

    Nothing is replaced unless everything fits.

    Args:
        network: its layers are registered in the order in which Keras built them, and it flattens images with channels
            last, as Keras does.
        path: the file.

    Raises:
        FormatError: not such a file, or weights of another architecture: the first tensor that differs is named.

    Example:
        >>> from moliere.models.threedgan.networks import ShowerGenerator
        >>> load_keras_weights(ShowerGenerator(), "params_generator_epoch_119.hdf5")
        Traceback (most recent call last):
            ...
        moliere.errors.FormatError: no file params_generator_epoch_119.hdf5
    """
    values: dict[str, Tensor] = {}
    for theirs, ours in zip_longest(_read_layers(Path(path)), _layers_of(network)):
        if theirs is None or ours is None:
            had, missing = ("network", theirs) if ours is None else ("file", ours)
            raise FormatError(f"{path} holds another architecture: the {had} has no more layers at {missing.name}")
        values |= _match(path, theirs, ours)
    network.load_state_dict(values, strict=False)


@dataclass(frozen=True)
class _Layer:
    """A layer's weights by Keras's names, in Keras's order of axes; ours are only looked at for their shapes."""

    name: str
    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def _match(path: str | Path, theirs: _Layer, ours: _Layer) -> dict[str, Tensor]:
    """State of one layer.

    Raises:
        FormatError: names or shapes differ.
    """
    for name in theirs.weights | ours.weights:
        there, here = (layer.weights[name].shape if name in layer.weights else None for layer in (theirs, ours))
        if there != here:
            raise FormatError(
                f"{path} holds another architecture: {theirs.name}/{name} has shape {there or 'none'}, but "
                f"{ours.name} of this network has {here or 'none'}"
            )
    names = _NORMALISED if "gamma" in ours.weights else _MAPPED
    return {f"{ours.name}.{names[name]}": _to_torch(value) for name, value in theirs.weights.items()}


def _read_layers(path: Path) -> list[_Layer]:
    """The layers that have weights, in the file's order; a model inside the model is laid open."""
    layers: dict[str, _Layer] = {}
    with reading(path) as file:
        root = file.get("model_weights", file)
        for group in _names(root, "layer_names"):
            for name in _names(root[group], "weight_names"):
                layer, _, weight = name.rpartition("/")
                found = layers.setdefault(f"{group}/{layer}", _Layer(layer.rpartition("/")[2]))
                found.weights[weight.partition(":")[0]] = np.asarray(root[group][name], np.float32)
    return list(layers.values())


def _names(group: h5py.Group, attribute: str) -> list[str]:
    if attribute not in group.attrs:
        raise FormatError(
            f"{group.file.filename}: {group.name} has no {attribute}, which Keras 2 writes; save the weights with "
            "model.save_weights('weights.h5')"
        )
    return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]]


def _layers_of(network: nn.Module) -> Iterator[_Layer]:
    """The network's layers that have weights, in the order in which they were registered."""
    for name, module in network.named_modules():
        state = dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))
        names = _NORMALISED if isinstance(module, _BatchNorm) else _MAPPED
        weights = {keras: _to_keras(state[here]) for keras, here in names.items() if here in state}
        if weights:
            yield _Layer(name, weights)


def _to_torch(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.moveaxis(values, (-1, -2), (0, 1)).copy() if values.ndim > 1 else values)


def _to_keras(values: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.detach().cpu().numpy()
    return np.moveaxis(array, (0, 1), (-1, -2)) if array.ndim > 1 else array
