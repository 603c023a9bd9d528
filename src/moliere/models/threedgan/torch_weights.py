"""Weights that 3DGAN's PyTorch ports wrote (``.ckpt`` of Lightning, ``.pt``, ``.pth``), read without running any code.

The ports flatten images with channels first, so the linear layers' numbers are put into another order here.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from moliere.errors import FormatError
from moliere.models.threedgan.layer_weights import MAPPED, NORMALISED, LayerWeights, fill_network, to_keras
from moliere.models.threedgan.networks import POOLED_SHAPE, SEED_SHAPE

#: the endings of files that PyTorch writes
TORCH_ENDINGS = (".ckpt", ".pt", ".pth")
#: what only one of the networks has, by which its weights are found in a file of both
_LANDMARK = {"generator": "l1.weight", "discriminator": "fakeout.weight"}


def load_torch_weights(network: nn.Module, path: str | Path, part: str) -> None:
    """Replace a network's weights by those of a PyTorch port.

    Nothing is replaced unless everything fits.

    Args:
        network: of the variant ``pytorch``.
        path: a checkpoint of Lightning, or a state dictionary that ``torch.save`` wrote.
        part: ``generator`` or ``discriminator``.

    Raises:
        FormatError: not such a file, or weights of another architecture: the first tensor that differs is named.

    Example:
        >>> from moliere.models.threedgan.networks import ShowerGenerator
        >>> load_torch_weights(ShowerGenerator(variant="pytorch"), "last.ckpt", "generator")
        Traceback (most recent call last):
            ...
        moliere.errors.FormatError: no file last.ckpt
    """
    fill_network(network, torch_layers(Path(path), part), Path(path))


def torch_layers(path: Path, part: str) -> list[LayerWeights]:
    """The layers of one network, in the file's order, with Keras's names and order of axes.

    Raises:
        FormatError: not such a file, or no such network in it.
    """
    state = _read_state(path)
    landmark = _LANDMARK[part]
    found = next((name for name in state if name == landmark or name.endswith(f".{landmark}")), None)
    if found is None:
        raise FormatError(
            f"{path} holds no {part} of 3DGAN: none of its {len(state)} tensors has a name that ends in {landmark}"
        )
    prefix, layers = found.removesuffix(landmark), dict[str, dict[str, Tensor]]()
    for name, values in state.items():
        layer, _, weight = name.removeprefix(prefix).rpartition(".")
        if name.startswith(prefix) and weight != "num_batches_tracked":
            layers.setdefault(layer, {})[weight] = values
    return [_layer(name, weights) for name, weights in layers.items()]


def _read_state(path: Path) -> Mapping[str, Tensor]:
    """Name → tensor, in the file's order.

    Raises:
        FormatError: no such file, no tensors, or objects that only running code could make.
    """
    if not path.is_file():
        raise FormatError(f"no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that torch.save did not write; what is wrong is said below
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise FormatError(
            f"{path} holds more than tensors, and making the rest would run its code, which is not done; where you "
            "trust it, write its weights alone: torch.save(torch.load(path, weights_only=False)['state_dict'], new)"
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError, TypeError, OSError) as error:
        raise FormatError(f"{path} is truncated or no file of PyTorch; copy it or save it again") from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    tensors = {str(name): values for name, values in state.items() if isinstance(values, Tensor)}
    if not tensors:
        raise FormatError(f"{path} holds no weights: expected a checkpoint of Lightning or a state dictionary")
    for name, values in tensors.items():
        if values.layout != torch.strided or values.is_complex() or values.is_quantized:
            kind = "quantized" if values.is_quantized else f"{values.dtype} in the layout {values.layout}"
            raise FormatError(f"{path}: {name} is {kind}; save the weights as dense real numbers")
    return tensors


def _layer(name: str, weights: Mapping[str, Tensor]) -> LayerWeights:
    names = NORMALISED if "running_mean" in weights else MAPPED
    found = {keras: to_keras(weights[here].float()) for keras, here in names.items() if here in weights}
    kernel = found.get("kernel")
    if kernel is not None and kernel.ndim == 2:
        found |= _channels_last(found)
    return LayerWeights(name, found)


def _channels_last(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """A linear layer's weights: what it makes, or what it sees, is an image whose channels move from first to last."""
    kernel = weights["kernel"]
    if kernel.shape[1] > 1:
        return {name: _reordered(values, -1, SEED_SHAPE) for name, values in weights.items()}
    return {"kernel": _reordered(kernel, 0, POOLED_SHAPE)}


def _reordered(values: NDArray[np.float32], axis: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """One axis from (channels, x, y, z) to (x, y, z, channels), where its length allows."""
    channels, rest = divmod(values.shape[axis], int(np.prod(shape)))
    if rest or not channels:
        return values
    order = np.moveaxis(np.arange(values.shape[axis]).reshape(channels, *shape), 0, -1).ravel()
    return np.take(values, order, axis=axis)
