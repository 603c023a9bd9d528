"""Weights to start a training from: another bundle's, or the published weights of the original model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from moliere.errors import BundleError, ConfigError, did_you_mean
from moliere.models.base import Model
from moliere.models.bundle import load_bundle
from moliere.models.threedgan.keras_weights import load_keras_weights
from moliere.models.threedgan.torch_weights import TORCH_ENDINGS, load_torch_weights
from moliere.weights import find_bundle

_WHOLE, _TEACHER, _NETWORKS = "model", "teacher", "networks"
_KERAS = (".h5", ".hdf5")


def load_initial(model: Model, sources: Mapping[str, str]) -> None:
    """Put weights into a model before it is trained.

    Args:
        model: built, transforms fitted.
        sources: ``model`` → a bundle of the same kind and size; ``teacher`` → the bundle that a student follows;
            ``networks`` → a bundle of the same kind, of any detector, whose networks are taken and whose statistics of
            events are not; or the name of one of the model's networks → a file of weights of Keras or PyTorch.

    Raises:
        BundleError: weights of another architecture; the first tensor that differs is named.
        ConfigError: no such network, or a file of another kind.
        FormatError: no file of Keras weights, or those of another architecture.
    """
    for name, path in sources.items():
        if name == _WHOLE:
            _from_bundle(model, path)
        elif name == _NETWORKS:
            _networks_from(model, path)
        elif name == _TEACHER:
            model.learn_from(load_bundle(find_bundle(path)).model)
        elif name not in (networks := dict(model.named_children())):
            known = [_WHOLE, _TEACHER, _NETWORKS, *networks]
            raise ConfigError(f"training.initial: no network {name!r}; {did_you_mean(name, known)}")
        elif Path(path).suffix in _KERAS:
            load_keras_weights(networks[name], path)
        elif Path(path).suffix in TORCH_ENDINGS:
            load_torch_weights(networks[name], path, name)
        else:
            endings = ", ".join((*_KERAS, *TORCH_ENDINGS))
            raise ConfigError(f"training.initial.{name} = {path!r}: expected weights of Keras or PyTorch ({endings})")


def _from_bundle(model: Model, path: str) -> None:
    given = load_bundle(find_bundle(path)).model.state_dict()
    for name, own in model.state_dict().items():
        if name not in given or given[name].shape != own.shape:
            raise _misfit(path, name, own, given)
    model.load_state_dict({name: given[name] for name in model.state_dict()})


@torch.no_grad()
def _networks_from(model: Model, path: str) -> None:
    """Take another model's trained numbers, except where they belong to its detector and the detectors differ."""
    other = load_bundle(find_bundle(path)).model
    if not isinstance(other, type(model)):  # a student has the networks of its kind of teacher
        raise BundleError(
            f"training.initial: {path} is a {type(other).__name__}; this model is a {type(model).__name__}"
        )
    given = dict(other.named_parameters())
    for name, own in model.named_parameters():
        if name in given and given[name].shape == own.shape:
            own.copy_(given[name])
        elif not any(part in name for part in model.of_the_detector):
            raise _misfit(path, name, own, given)


def _misfit(path: str, name: str, own: Tensor, given: Mapping[str, Tensor]) -> BundleError:
    found = f"has shape {tuple(given[name].shape)}" if name in given else "is not there"
    return BundleError(
        f"training.initial: in {path}, {name} {found}; this model's is {tuple(own.shape)}: give the model the settings "
        "of that one, or start from other weights",
        options=(f"moliere info {path} --recipe",),
    )
