"""Files of Keras and of the PyTorch ports against networks written anew in NumPy, and bundles made of them.

The files are made here in the layout of Keras 2.2's ``save_weights``: a group a layer of the outermost model, a model
inside a model being one group, and numbers in the names that go on counting from what a program had built before.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.detectors import catalog
from moliere.errors import FormatError
from moliere.models import load_bundle, save_bundle
from moliere.models.threedgan.keras_weights import load_keras_weights
from moliere.models.threedgan.networks import ShowerDiscriminator, ShowerGenerator
from moliere.models.threedgan.published import convert_weights
from moliere.models.threedgan.threedgan import ThreeDGan
from moliere.models.threedgan.torch_weights import load_torch_weights

Floats = NDArray[np.float64]
Weights = list[dict[str, Floats]]

GENERATOR_FILTERS = (2, 3, 2, 1, 2, 3, 2)
DISCRIMINATOR_FILTERS = (3, 2, 1, 2)
_GENERATOR_KERNELS = ((6, 6, 8), (4, 4, 6), (4, 4, 6), (4, 4, 6), (3, 3, 5), (3, 3, 3), (2, 2, 2))
_GENERATOR_PADDINGS = ((0, 0, 0), (2, 2, 1), (2, 2, 1), (2, 2, 1), (1, 1, 0), (1, 1, 0), (0, 0, 0))


def kernel(rng: np.random.Generator, *shape: int) -> dict[str, Floats]:
    scale = np.sqrt(2 / np.prod(shape[:-1]))
    return {"kernel": rng.normal(0, scale, shape), "bias": rng.normal(0, 0.1, shape[-1])}


def norm(rng: np.random.Generator, width: int) -> dict[str, Floats]:
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    return {name: rng.uniform(0.5, 1.5, width) for name in names}


def generator_weights(rng: np.random.Generator, filters: Sequence[int] = GENERATOR_FILTERS) -> Weights:
    weights = [kernel(rng, 256, 648 * filters[0])]
    widths = (*filters, 1)
    for k, size in enumerate(_GENERATOR_KERNELS):
        weights.append(kernel(rng, *size, widths[k], widths[k + 1]))
        weights += [norm(rng, widths[k + 1])] if k < 5 else []
    return weights


def discriminator_weights(rng: np.random.Generator) -> Weights:
    weights = []
    for k, width in enumerate(DISCRIMINATOR_FILTERS):
        weights.append(kernel(rng, 5, 6, 6, (1, *DISCRIMINATOR_FILTERS)[k], width))
        weights += [norm(rng, width)] if k > 0 else []
    return [*weights, kernel(rng, 19 * 18 * 7 * width, 1), kernel(rng, 19 * 18 * 7 * width, 1)]


def convolve(x: Floats, weights: dict[str, Floats]) -> Floats:
    """Valid cross-correlation of (n, x, y, z, channels), tap by tap."""
    taps = weights["kernel"]
    shape = [n - k + 1 for n, k in zip(x.shape[1:4], taps.shape[:3], strict=True)]
    total: Any = weights["bias"]
    for i, j, k in np.ndindex(*taps.shape[:3]):
        total = total + x[:, i : i + shape[0], j : j + shape[1], k : k + shape[2]] @ taps[i, j, k]
    return np.asarray(total)


def pad(x: Floats, *widths: tuple[int, int]) -> Floats:
    return np.pad(x, ((0, 0), *widths, (0, 0)))


def normalise(x: Floats, weights: dict[str, Floats]) -> Floats:
    spread = np.sqrt(weights["moving_variance"] + 1e-6)
    return np.asarray((x - weights["moving_mean"]) / spread * weights["gamma"] + weights["beta"])


def generate(inputs: Floats, weights: Weights) -> Floats:
    layers = iter(weights)
    dense = next(layers)
    x = (inputs @ dense["kernel"] + dense["bias"]).reshape(len(inputs), 9, 9, 8, -1)
    x = x.repeat(6, axis=1).repeat(6, axis=2).repeat(6, axis=3)
    for k, widths in enumerate(_GENERATOR_PADDINGS):
        x = np.maximum(convolve(pad(x, *((w, w) for w in widths)), next(layers)), 0)
        x = normalise(x, next(layers)) if k < 5 else x
    return x


def judge(images: Floats, weights: Weights) -> tuple[Floats, Floats]:
    layers = iter(weights)
    x = images
    for k, widths in enumerate((((2, 2), (2, 3), (2, 3)), ((0, 0), (0, 0), (1, 1)), ((0, 0), (0, 0), (1, 1)), ())):
        x = convolve(pad(x, *(widths or ((0, 0),) * 3)), next(layers))
        x = np.where(x < 0, 0.3 * x, x)
        x = normalise(x, next(layers)) if k > 0 else x
    x = x[:, :38, :36, :14].reshape(len(x), 19, 2, 18, 2, 7, 2, -1).mean(axis=(2, 4, 6)).reshape(len(x), -1)
    generation, auxiliary = layers
    return tuple((x @ head["kernel"] + head["bias"])[:, 0] for head in (generation, auxiliary))  # type: ignore[return-value]


def layer_names(weights: Weights) -> list[str]:
    """conv3d_8, batch_normalization_6, …: numbers that go on from another model's."""
    names, counts = [], {"dense": 3, "conv3d": 7, "batch_normalization": 5}
    for layer in weights:
        kind = "batch_normalization" if "gamma" in layer else "conv3d" if layer["kernel"].ndim == 5 else "dense"
        counts[kind] += 1
        names.append(f"{kind}_{counts[kind]}")
    return names


def save(path: Path, inner: Weights, heads: dict[str, dict[str, Floats]], *, inside: str = "") -> Path:
    """A model whose first part is a model of its own; Keras lists what is not trained behind all the rest."""
    named = [
        (f"{layer}/{name}:0", v) for layer, w in zip(layer_names(inner), inner, strict=True) for name, v in w.items()
    ]
    named.sort(key=lambda item: "moving" in item[0])
    groups = {"input_4": [], "model_2": named}
    groups |= {head: [(f"{head}/{name}:0", v) for name, v in w.items()] for head, w in heads.items()}
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        root.attrs["layer_names"] = [name.encode() for name in groups]
        for group, arrays in groups.items():
            root.create_group(group).attrs["weight_names"] = [name.encode() for name, _ in arrays]
            for name, values in arrays:
                root[group][name] = values.astype(np.float32)
    return path


@pytest.mark.parametrize("inside", ["", "model_weights"])
@torch.no_grad()
def test_a_generator_of_keras_makes_the_same_images(tmp_path: Path, inside: str) -> None:
    rng = np.random.default_rng(0)
    weights, inputs = generator_weights(rng), rng.normal(size=(2, 256))
    generator = ShowerGenerator(GENERATOR_FILTERS).eval()
    load_keras_weights(generator, save(tmp_path / "g.hdf5", weights, {}, inside=inside))
    images = generator(torch.tensor(inputs, dtype=torch.float32))
    expected = np.moveaxis(generate(inputs, weights), 4, 1)
    assert images.shape == expected.shape == (2, 1, 51, 51, 25)
    assert (expected > 0).mean() > 0.1
    np.testing.assert_allclose(images.numpy(), expected, rtol=1e-3, atol=1e-4 * expected.max())


@torch.no_grad()
def test_a_discriminator_of_keras_says_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    weights, images = discriminator_weights(rng), rng.uniform(0, 3, (2, 51, 51, 25, 1))
    discriminator = ShowerDiscriminator(DISCRIMINATOR_FILTERS).eval()
    *inner, generation, auxiliary = weights
    heads = {"generation": generation, "auxiliary": auxiliary}
    load_keras_weights(discriminator, save(tmp_path / "d.hdf5", inner, heads))
    found = discriminator(torch.tensor(np.moveaxis(images, 4, 1), dtype=torch.float32), torch.Generator())
    for ours, theirs in zip(found, judge(images, weights), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-3)


def test_the_first_tensor_that_differs_is_named(tmp_path: Path) -> None:
    weights = generator_weights(np.random.default_rng(0), (2, 3, 2, 4, 2, 3, 2))
    generator = ShowerGenerator(GENERATOR_FILTERS)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    with pytest.raises(
        FormatError,
        match=r"conv3d_10/kernel has shape \(4, 4, 6, 2, 4\), but layers.6 of this network has \(4, 4, 6, 2, 1\)",
    ):
        load_keras_weights(generator, save(tmp_path / "g.hdf5", weights, {}))
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_a_layer_of_another_kind_is_named(tmp_path: Path) -> None:
    weights = generator_weights(np.random.default_rng(0))
    del weights[2]
    with pytest.raises(FormatError, match=r"conv3d_9/kernel has shape .* but layers\.2 of this network has none"):
        load_keras_weights(ShowerGenerator(GENERATOR_FILTERS), save(tmp_path / "g.hdf5", weights, {}))


@pytest.mark.parametrize(
    ("change", "words"), [(-1, "file has no more layers at layers.17"), (1, "network has no more")]
)
def test_other_numbers_of_layers_are_refused(tmp_path: Path, change: int, words: str) -> None:
    weights = generator_weights(np.random.default_rng(0))
    weights = weights[:-1] if change < 0 else [*weights, weights[-1]]
    with pytest.raises(FormatError, match=words):
        load_keras_weights(ShowerGenerator(GENERATOR_FILTERS), save(tmp_path / "g.hdf5", weights, {}))


@pytest.mark.parametrize(
    ("name", "factor", "words"),
    [
        ("kernel", np.nan, r"conv3d_\d+/kernel holds numbers that are not finite"),
        ("moving_variance", -1, r"batch_normalization_\d+/moving_variance holds variances below zero"),
    ],
)
def test_numbers_that_no_training_leaves_are_refused(tmp_path: Path, name: str, factor: float, words: str) -> None:
    weights = generator_weights(np.random.default_rng(0))
    broken = weights[1 if name == "kernel" else 2]
    broken[name] = broken[name] * factor
    with pytest.raises(FormatError, match=words):
        load_keras_weights(ShowerGenerator(GENERATOR_FILTERS), save(tmp_path / "g.hdf5", weights, {}))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "events.h5", "w") as file:
        file["ECAL"] = np.zeros(3)
    with pytest.raises(FormatError, match="has no layer_names, which Keras 2 writes"):
        load_keras_weights(ShowerGenerator(GENERATOR_FILTERS), tmp_path / "events.h5")


GENERATOR_NAMES = ["l1", *(f"{kind}{k}" for k in range(1, 6) for kind in ("conv", "bn")), "conv6", "conv7"]
DISCRIMINATOR_NAMES = ["conv1", "conv2", "bn1", "conv3", "bn2", "conv4", "bn3", "fakeout", "auxout"]
_TORCH = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def to_torch(names: Sequence[str], weights: Weights, image: tuple[int, ...]) -> dict[str, Tensor]:
    """Keras's weights as the ports would hold them: kernels (out, in, sizes), images flattened with channels first."""
    state = {}
    for name, layer in zip(names, weights, strict=True):
        for key, value in layer.items():
            if key == "kernel" and value.ndim == 2:
                axis = 1 if value.shape[1] > 1 else 0
                value = np.swapaxes(first(np.swapaxes(value, axis, 1), image), axis, 1)
                value = value.T
            elif key == "kernel":
                value = np.moveaxis(value, (-1, -2), (0, 1))
            elif name == "l1":
                value = first(value[None], image)[0]
            state[f"{name}.{_TORCH.get(key, 'weight' if key == 'kernel' else key)}"] = torch.tensor(
                value, dtype=torch.float32
            )
        if "gamma" in layer:
            state[f"{name}.num_batches_tracked"] = torch.tensor(7)
    return state


def first(rows: Floats, image: tuple[int, ...]) -> Floats:
    """Columns that hold images of channels last → channels first."""
    return np.moveaxis(rows.reshape(len(rows), *image, -1), -1, 1).reshape(len(rows), -1)


def interpolated(x: Floats, axis: int) -> Floats:
    """Six points a cell, linear between the cells' middles, level beyond the outer ones."""
    n = x.shape[axis]
    place = np.clip((np.arange(6 * n) + 0.5) / 6 - 0.5, 0, n - 1)
    low = np.minimum(place.astype(int), n - 2)
    share = (place - low).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    return (1 - share) * x.take(low, axis) + share * x.take(low + 1, axis)


def generate_smooth(inputs: Floats, weights: Weights) -> Floats:
    """As the ports do, from weights in Keras's order."""
    layers = iter(weights)
    dense = next(layers)
    x = (inputs @ dense["kernel"] + dense["bias"]).reshape(len(inputs), 9, 9, 8, -1)
    for axis in (1, 2, 3):
        x = interpolated(x, axis)
    for k, widths in enumerate(_GENERATOR_PADDINGS):
        x = np.maximum(convolve(pad(x, *((w, w) for w in widths)), next(layers)), 0)
        x = normalise(x, next(layers)) if k < 5 else x
    return x


def lightning(tmp_path: Path, rng: np.random.Generator, **more: Any) -> tuple[Path, Weights, Weights]:
    """A checkpoint with both networks and what Lightning writes beside them."""
    made, judged = generator_weights(rng), discriminator_weights(rng)
    state = {f"generator.{k}": v for k, v in to_torch(GENERATOR_NAMES, made, (9, 9, 8)).items()}
    state |= {f"discriminator.{k}": v for k, v in to_torch(DISCRIMINATOR_NAMES, judged, (19, 18, 7)).items()}
    content = {"epoch": 3, "global_step": 12, "state_dict": state, "hyper_parameters": {"latent_size": 256}, **more}
    torch.save(content, tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt", made, judged


@torch.no_grad()
def test_a_checkpoint_of_lightning_makes_the_same_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path, weights, _ = lightning(tmp_path, rng)
    generator = ShowerGenerator(GENERATOR_FILTERS, "pytorch").eval()
    load_torch_weights(generator, path, "generator")
    inputs = rng.normal(size=(2, 256))
    images, expected = generator(torch.tensor(inputs).float()), np.moveaxis(generate_smooth(inputs, weights), 4, 1)
    assert (expected > 0).mean() > 0.1
    np.testing.assert_allclose(images.numpy(), expected, rtol=1e-3, atol=1e-4 * expected.max())


@torch.no_grad()
def test_a_discriminator_of_pytorch_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Keras's padding and leak the NumPy network of Keras says it; the ports' own are in the variant."""
    rng = np.random.default_rng(1)
    path, _, weights = lightning(tmp_path, rng)
    images = rng.uniform(0, 3, (2, 51, 51, 25, 1))
    inputs = torch.tensor(np.moveaxis(images, 4, 1)).float()
    same = ShowerDiscriminator(DISCRIMINATOR_FILTERS).eval()
    load_torch_weights(same, path, "discriminator")
    for ours, theirs in zip(same(inputs, torch.Generator()), judge(images, weights), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-3)
    ports = ShowerDiscriminator(DISCRIMINATOR_FILTERS, "pytorch").eval()
    load_torch_weights(ports, path, "discriminator")
    assert not torch.allclose(ports(inputs, torch.Generator()).logit, same(inputs, torch.Generator()).logit)


@torch.no_grad()
@pytest.mark.parametrize("framework", ["keras", "pytorch"])
def test_weights_become_a_bundle_that_makes_the_same_showers(tmp_path: Path, framework: str) -> None:
    rng = np.random.default_rng(2)
    if framework == "keras":
        weights = generator_weights(rng)
        path = save(tmp_path / "g.h5", weights, {})
    else:
        path, weights, _ = lightning(tmp_path, rng)
    save_bundle(convert_weights(path, catalog.get("3dgan")), tmp_path / "b.bundle")
    bundle = load_bundle(tmp_path / "b.bundle")
    assert isinstance(bundle.model, ThreeDGan)
    condition = torch.tensor([[15e4, 1.2], [3e5, 1.9]], dtype=torch.float64)
    latent = torch.tensor(rng.normal(size=(2, 254))).float()
    inputs = np.concatenate([[[1.5, 1.2], [3.0, 1.9]], latent.double().numpy()], axis=1)
    images = (generate if framework == "keras" else generate_smooth)(inputs, weights)
    expected = (np.moveaxis(images[..., 0], 3, 1) ** (1 / 0.85) * 20).reshape(2, -1)
    np.testing.assert_allclose(
        bundle.model.decode(latent, condition).numpy(), expected, rtol=2e-3, atol=1e-4 * expected.max()
    )
    assert bundle.validity == {"energy": (2e3, 5e5), "theta": (math.radians(60), pytest.approx(math.radians(120)))}
    assert bundle.provenance["framework"] == framework


def test_both_networks_are_converted(tmp_path: Path) -> None:
    path, _, judged = lightning(tmp_path, np.random.default_rng(3))
    model = convert_weights(path, catalog.get("3dgan"), path).model
    assert isinstance(model, ThreeDGan)
    assert model.settings.discriminator_filters == DISCRIMINATOR_FILTERS
    bias = model.discriminator.auxiliary.bias.item()
    assert bias == pytest.approx(judged[-1]["bias"].item())


class Trap:
    """An object whose reading would run code."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('code of the file was run')",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    path, _, _ = lightning(tmp_path, np.random.default_rng(0), callbacks=Trap())
    with pytest.raises(FormatError, match="holds more than tensors"):
        convert_weights(path, catalog.get("3dgan"))


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(b"no weights")
    with pytest.raises(FormatError, match=r"x.ckpt (is truncated or no file of PyTorch|holds more than tensors)"):
        convert_weights(path, catalog.get("3dgan"))
    path.write_bytes(pickle.dumps({"state_dict": {}}))
    with pytest.raises(FormatError):
        convert_weights(path, catalog.get("3dgan"))
    torch.save({"epoch": 1}, path)
    with pytest.raises(FormatError, match="holds no weights"):
        convert_weights(path, catalog.get("3dgan"))
    torch.save({"encoder.weight": torch.zeros(3)}, path)
    with pytest.raises(FormatError, match="holds no generator of 3DGAN: none of its 1 tensors"):
        convert_weights(path, catalog.get("3dgan"))
    for odd in (torch.zeros(3).to_sparse(), torch.zeros(3, dtype=torch.complex64)):
        torch.save({"l1.weight": odd}, path)
        with pytest.raises(FormatError, match="save the weights as dense real numbers"):
            convert_weights(path, catalog.get("3dgan"))
    with pytest.raises(FormatError, match="expected weights of Keras"):
        convert_weights(tmp_path / "g.onnx", catalog.get("3dgan"))


def test_a_network_of_other_layers_is_refused(tmp_path: Path) -> None:
    path, _, _ = lightning(tmp_path, np.random.default_rng(0))
    content = torch.load(path, weights_only=True)
    for name in [name for name in content["state_dict"] if ".conv7." in name]:
        del content["state_dict"][name]
    torch.save(content, path)
    with pytest.raises(FormatError, match="seven convolutions, this has 12 layers with weights, 6 of them"):
        convert_weights(path, catalog.get("3dgan"))


def test_networks_of_two_frameworks_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path, _, _ = lightning(tmp_path, rng)
    keras = save(tmp_path / "g.h5", generator_weights(rng), {})
    with pytest.raises(FormatError, match=r"g.h5 is of keras, .*last.ckpt of pytorch"):
        convert_weights(keras, catalog.get("3dgan"), path)
