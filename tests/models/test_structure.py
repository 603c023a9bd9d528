"""What a model is made of, layer by layer, and the picture of it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from moliere.detectors import catalog
from moliere.errors import OutputExists
from moliere.models import BuildContext, models
from moliere.models.structure import Part, structure_of
from moliere.report.network_picture import draw_network, save_network

RANGES = {"energy": (1e3, 1e5), "theta": (1.1, 2.0)}


def structure(name: str, detector: str, columns: tuple[str, ...] = ("energy",), **settings: object) -> Part:
    torch.manual_seed(0)
    kind = models[name]
    model = kind(kind.config_type.model_validate(settings), BuildContext(catalog.get(detector), columns))
    return structure_of(model, RANGES)


@pytest.fixture(scope="module")
def calogan() -> Part:
    return structure("calogan", "calogan", latent=8, channels=4)


def leaves(part: Part) -> list[Part]:
    return [leaf for inner in part.parts for leaf in leaves(inner)] if part.parts else [part]


def test_the_networks_of_calogan(calogan: Part) -> None:
    assert [part.name for part in calogan.parts] == ["generator", "discriminator"]  # what makes showers stands first
    streams = [part for part in calogan.parts[0].parts if part.kind == "Stream"]
    assert [part.shape for part in streams] == [(3, 96, 1), (12, 12, 1), (12, 6, 1)]
    assert [part.name for part in streams[0].parts] == ["dense", "conv", "norm", "first", "second"]
    critic = calogan.parts[1].parts[0]
    assert [part.name for part in critic.parts][:4] == ["conv", "blocks.0", "norms.0", "blocks.1"]  # as they are called


@pytest.mark.parametrize(
    ("name", "detector", "columns", "settings"),
    [
        ("calogan", "calogan", ("energy",), {"latent": 4, "channels": 2, "layers": True, "threshold": 0.1}),
        ("calorimeter-flow", "calochallenge-1-photons", ("energy",), {"width": 16, "global_width": 16}),
        (
            "3dgan-frame",
            "3dgan",
            ("energy", "theta"),
            {"width": 8, "channels": 4, "window": (9, 11), "core": 5, "threshold": 0.01},
        ),
        ("muon-gan", "ship-muons", (), {"generator_width": [8], "discriminator_width": [8]}),
    ],
)
def test_every_weight_lies_in_a_layer(
    name: str, detector: str, columns: tuple[str, ...], settings: dict[str, object]
) -> None:
    whole = structure(name, detector, columns, **settings)
    assert whole.parameters > 0
    assert _weights(whole) == whole.parameters
    assert all(leaf.shape or leaf.parameters for leaf in leaves(whole))
    # the muon GAN's batch norms are part of the layers behind them where muons are made
    assert sum(bool(leaf.shape) for leaf in leaves(whole)) > 0.5 * len(leaves(whole))


def _weights(part: Part) -> int:
    """Of the layers; what a part holds beside them counts, too."""
    inside = sum(inner.repeats * _weights(inner) for inner in part.parts)
    return max(inside, part.parameters)


def test_layers_that_are_alike_are_one() -> None:
    flow = structure("calorimeter-flow", "calochallenge-1-photons", width=16, global_width=16, layer_blocks=4)
    (block,) = (part for part in flow.parts[0].parts if part.repeats > 1)
    assert (block.name, block.repeats, block.shape) == ("blocks.0 … 3", 4, (160,))


def test_the_picture_says_every_layer(calogan: Part, tmp_path: Path) -> None:
    drawn = draw_network(calogan)
    words = [element.text for element in ElementTree.fromstring(drawn).iter() if element.tag.endswith("text")]
    assert words[0] == f"CaloGAN: {calogan.parameters:,} weights"
    for leaf in leaves(calogan):
        assert leaf.name in words
        assert f"{leaf.parameters:,}" in words
    width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', drawn)[0])
    placed = [(float(x), float(y)) for x, y in re.findall(r'<text x="(\S+)" y="(\S+)"', drawn)]
    assert all(0 < x < width and 0 < y < height for x, y in placed)
    assert len(set(placed)) == len(placed)  # nothing lies upon anything else
    save_network(calogan, tmp_path / "net.svg")
    with pytest.raises(OutputExists):
        save_network(calogan, tmp_path / "net.svg")


@pytest.mark.parametrize("noise", [0, 1])
def test_a_refiner_is_looked_at_with_its_critics(noise: int) -> None:
    """They see a second sample, and the refiner may draw noise."""
    small = {"features": 4, "trace_channels": [4], "critic_features": 4, "critic_width": 8}
    found = structure("trace-refiner", "airshower-9x9", noise=noise, **small)
    assert [part.name for part in found.parts] == ["refiner", "critic", "totals_critic"]
    assert found.parts[0].parts[-1].shape == (81, 1 + noise, 80)  # of each station


def test_looking_changes_nothing() -> None:
    torch.manual_seed(0)
    kind = models["calogan"]
    model = kind(
        kind.config_type.model_validate({"latent": 4, "channels": 2}), BuildContext(catalog.get("calogan"), ("energy",))
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    structure_of(model, RANGES)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
