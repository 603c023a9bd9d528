"""Weights that Keras wrote (``.h5``, ``.hdf5``), for a network of the same layers in the same order.

Keras files a layer's weights under names that depend on what else its program had built before, such as
``conv3d_7/kernel:0``. So layers are matched by their order, and weights inside a layer by their names. Kernels lie as
(sizes, in, out) there and as (out, in, sizes) here.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from torch import nn

from moliere.errors import FormatError
from moliere.events.formats.hdf5 import reading
from moliere.models.threedgan.layer_weights import LayerWeights, fill_network


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
    fill_network(network, keras_layers(Path(path)), Path(path))


def keras_layers(path: Path) -> list[LayerWeights]:
    """The layers that have weights, in the file's order; a model inside the model is laid open.

    Raises:
        FormatError: not such a file.
    """
    layers: dict[str, LayerWeights] = {}
    with reading(path) as file:
        root = file.get("model_weights", file)
        for group in _names(root, "layer_names"):
            for name in _names(root[group], "weight_names"):
                layer, _, weight = name.rpartition("/")
                found = layers.setdefault(f"{group}/{layer}", LayerWeights(layer.rpartition("/")[2]))
                found.weights[weight.partition(":")[0]] = np.asarray(root[group][name], np.float32)
    return list(layers.values())


def _names(group: h5py.Group, attribute: str) -> list[str]:
    if attribute not in group.attrs:
        raise FormatError(
            f"{group.file.filename}: {group.name} has no {attribute}, which Keras 2 writes; load the model in Keras 2 "
            "and save its weights with model.save_weights('weights.h5')"
        )
    return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]]
