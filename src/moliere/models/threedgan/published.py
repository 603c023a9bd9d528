"""A bundle of 3DGAN from weights that another framework wrote, without an iteration of training."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from moliere.detectors import Detector
from moliere.errors import FormatError, InvalidQuantity
from moliere.models.base import BuildContext
from moliere.models.bundle import Bundle
from moliere.models.threedgan.keras_weights import keras_layers
from moliere.models.threedgan.layer_weights import LayerWeights, fill_network
from moliere.models.threedgan.networks import SEED_SHAPE
from moliere.models.threedgan.threedgan import ThreeDGan, ThreeDGanConfig
from moliere.models.threedgan.torch_weights import TORCH_ENDINGS, torch_layers
from moliere.units import GeV

KERAS_ENDINGS = (".h5", ".hdf5")
#: what the published networks were trained on: 2 to 500 GeV, 60 to 120 degrees
PUBLISHED_RANGE = {"energy": (2 * GeV, 500 * GeV), "theta": (1.0471975511965976, 2.0943951023931953)}


def convert_weights(
    generator: Path,
    detector: Detector,
    discriminator: Path | None = None,
    validity: Mapping[str, tuple[float, float]] = PUBLISHED_RANGE,
) -> Bundle:
    """Weights → a bundle that generates.

    Which framework wrote them is known by the file's ending, and decides about the networks' variant: Keras repeats
    cells where PyTorch's ports interpolate. The numbers of filters are those of the weights.

    Args:
        generator: Keras's ``.h5`` or ``.hdf5``, PyTorch's ``.ckpt``, ``.pt`` or ``.pth``.
        detector: 51 × 51 × 25 cells.
        discriminator: of the same framework, which training on needs; without it, it stays untrained.
        validity: what the weights were trained on, in MeV and rad: energy, and theta or mtheta.

    Raises:
        FormatError: no such weights, or weights of another architecture.
        ConfigError: a detector of another shape, or other columns.
        InvalidQuantity: ends of a range that nobody can have trained on.
    """
    for name, (low, high) in validity.items():
        most = math.inf if name == "energy" else math.pi
        if not 0 < low <= high < most:
            raise InvalidQuantity(
                f"weights trained on {name} from {low:g} to {high:g} {'MeV' if name == 'energy' else 'rad'}; expected "
                f"0 < smallest <= largest{'' if name == 'energy' else ' < π'}"
            )
    variant, layers = _read(generator, "generator")
    filters = _filters(generator, layers)
    settings = {"variant": variant, "generator_filters": filters}
    judged = None if discriminator is None else _read(discriminator, "discriminator")
    if discriminator is not None and judged is not None:
        if judged[0] != variant:
            raise FormatError(f"{generator} is of {variant}, {discriminator} of {judged[0]}; both must be of one")
        settings["discriminator_filters"] = _outputs(judged[1])
    config = ThreeDGanConfig.from_table({"kind": "3dgan", **settings}, "model")
    model = ThreeDGan(config, BuildContext(detector, tuple(validity), (11,)))
    fill_network(model.generator, layers, generator)
    if discriminator is not None and judged is not None:
        fill_network(model.discriminator, judged[1], discriminator)
    sources = [path for path in (generator, discriminator) if path is not None]
    return Bundle(
        name="3dgan",
        model=model.eval(),
        recipe={
            "name": "3dgan",
            "data": {"events": "published weights", "condition": list(validity)},
            "model": config.to_table(),
        },
        validity=dict(validity),
        provenance={
            "framework": variant,
            "weights": ", ".join(f"{path.name} (sha256 {_sha256(path)[:16]}…)" for path in sources),
            "iterations": 0,
        },
    )


def _read(path: Path, part: str) -> tuple[Literal["keras", "pytorch"], list[LayerWeights]]:
    if path.suffix in KERAS_ENDINGS:
        return "keras", keras_layers(path)
    if path.suffix in TORCH_ENDINGS:
        return "pytorch", torch_layers(path, part)
    raise FormatError(
        f"{path}: expected weights of Keras ({', '.join(KERAS_ENDINGS)}) or of PyTorch ({', '.join(TORCH_ENDINGS)})"
    )


def _filters(path: Path, layers: Sequence[LayerWeights]) -> list[int]:
    """Channels of the generator's seed and of all its convolutions but the last.

    Raises:
        FormatError: not a linear layer and seven convolutions.
    """
    outputs = _outputs(layers)
    first = layers[0].weights.get("kernel") if layers else None
    cells = SEED_SHAPE[0] * SEED_SHAPE[1] * SEED_SHAPE[2]
    if len(outputs) != 7 or first is None or first.ndim != 2 or first.shape[1] % cells:
        raise FormatError(
            f"{path} holds another architecture: 3DGAN's generator is a linear layer to a multiple of {cells} numbers "
            f"and seven convolutions, this has {len(layers)} layers with weights, {len(outputs)} of them convolutions"
        )
    return [first.shape[1] // cells, *outputs[:-1]]


def _outputs(layers: Sequence[LayerWeights]) -> list[int]:
    """Channels of the convolutions' outputs."""
    kernels = [layer.weights["kernel"] for layer in layers if "kernel" in layer.weights]
    return [kernel.shape[-1] for kernel in kernels if kernel.ndim == 5]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
