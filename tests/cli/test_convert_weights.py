"""``moliere convert-weights``: from a checkpoint of a PyTorch port to showers, without a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from moliere.models import load_bundle
from moliere.models.threedgan.networks import ShowerGenerator

Run = Callable[..., Any]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A small generator, every layer by the name that it has in the ports."""
    torch.manual_seed(0)
    network = ShowerGenerator((1,) * 7, "pytorch")
    names = iter(["l1", *(f"{kind}{k}" for k in range(1, 6) for kind in ("conv", "bn")), "conv6", "conv7"])
    state, named = {}, dict[str, str]()
    for name, values in network.state_dict().items():
        layer, _, weight = name.rpartition(".")
        if layer not in named:
            named[layer] = next(names)
        state[f"generator.{named[layer]}.{weight}"] = values
    torch.save({"state_dict": state}, tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_a_checkpoint_becomes_a_bundle(run: Run, tmp_path: Path, checkpoint: Path) -> None:
    made = run("convert-weights", checkpoint, "-o", tmp_path / "g.bundle", "--energy", "100GeV:200GeV", "--measured")
    assert made.code == 0, made.err
    assert "weights of pytorch" in made.out
    assert load_bundle(tmp_path / "g.bundle").validity["energy"] == (1e5, 2e5)
    assert "mtheta" in run("info", tmp_path / "g.bundle").out


@pytest.mark.slow
def test_generating_from_converted_weights(run: Run, tmp_path: Path, checkpoint: Path) -> None:
    assert run("convert-weights", checkpoint, "-o", tmp_path / "g.bundle").code == 0
    made = run(
        *("generate", tmp_path / "g.bundle", "-n", 3, "--energy", "150GeV", "--theta", "80deg:100deg"),
        *("-o", tmp_path / "showers.h5"),
    )
    assert made.code == 0, made.err
    refused = run("generate", tmp_path / "g.bundle", "-n", 3, "--energy", "900GeV", "-o", tmp_path / "far.h5")
    assert refused.code == 1


def test_what_cannot_be_converted_is_refused(run: Run, tmp_path: Path, checkpoint: Path) -> None:
    refused = run("convert-weights", tmp_path / "gone.ckpt", "-o", tmp_path / "g.bundle")
    assert refused.code == 1
    assert "no file" in refused.err
    for option, odd in (("--energy", "500GeV:2GeV"), ("--energy", "0GeV:2GeV"), ("--angle", "60deg:400deg")):
        refused = run("convert-weights", checkpoint, "-o", tmp_path / "g.bundle", option, odd)
        assert (refused.code, "expected 0 < smallest <= largest" in refused.err) == (1, True)
    (tmp_path / "g.bundle").write_text("precious")
    assert "--overwrite" in run("convert-weights", checkpoint, "-o", tmp_path / "g.bundle").err
    assert (tmp_path / "g.bundle").read_text() == "precious"
