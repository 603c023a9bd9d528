"""A flow's showers in torch, with torch.compile and by ONNX Runtime, in turns: python benchmarks/eager.py [BUNDLE]."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from moliere.deploy.graph import incident
from moliere.deploy.onnx import export, run
from moliere.models import GenerativeModel, load_bundle
from moliere.models.flow.geometry_mixer import GeometryMixer
from moliere.weights import find_bundle

Way = Callable[[Tensor, Tensor], Tensor]
_ROUNDS, _CALLS = 40, 3


def ways_of(model: GenerativeModel, file: Path) -> dict[str, Way]:
    """Name → function of latent and condition."""
    compiled, exported, kept = torch.compile(model.decode, dynamic=False), run(file), GeometryMixer._weights

    def made_anew(latent: Tensor, condition: Tensor) -> Tensor:
        GeometryMixer._weights = GeometryMixer._make_weights  # type: ignore[method-assign]
        try:
            return model.decode(latent, condition)
        finally:
            GeometryMixer._weights = kept  # type: ignore[method-assign]

    return {
        "eager": model.decode,
        "eager, weights made in each call": made_anew,
        "torch.compile": compiled,
        "ONNX Runtime": lambda latent, condition: exported([latent, condition]),
    }


@torch.no_grad()
def compare(ways: dict[str, Way], latent: Tensor, condition: Tensor) -> None:
    """Print milliseconds a shower and differences from eager."""
    n, times = len(latent), dict[str, list[float]]()
    made = {name: way(latent, condition) for name, way in ways.items()}  # compiles
    for _ in range(_ROUNDS):
        for name, way in ways.items():
            way(latent, condition)
            start = time.perf_counter()
            for _ in range(_CALLS):
                way(latent, condition)
            times.setdefault(name, []).append(1e3 * (time.perf_counter() - start) / _CALLS / n)
    fastest = min(map(median, times.values()))
    for name, each in times.items():
        away = float((made[name] - made["eager"]).abs().max())
        print(f"{n:>6}  {name:34}{median(each):8.3f} ms ({median(each) / fastest:.1f} x)   {away:.1e} MeV from eager")


def main() -> None:
    """Measure one bundle, one thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", default="photons")
    bundle = load_bundle(find_bundle(parser.parse_args().bundle))
    torch.set_num_threads(1)
    assert isinstance(bundle.model, GenerativeModel)
    with tempfile.TemporaryDirectory() as folder:
        print(export(bundle, Path(folder) / "model.onnx", events=200))
        for n in (1, 100):
            condition = incident(bundle, n, torch.Generator().manual_seed(n))
            latent = bundle.model.draw_latent(condition, torch.Generator().manual_seed(1)).float()
            compare(ways_of(bundle.model, Path(folder) / "model.onnx"), latent, condition)


if __name__ == "__main__":
    main()
