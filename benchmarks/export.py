"""What a shower costs in torch and in onnxruntime, one thread, in turns: python benchmarks/export.py [BUNDLE]."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from moliere.deploy.onnx import export
from moliere.deploy.runtime import Runtime
from moliere.models import GenerativeModel, load_bundle
from moliere.weights import find_bundle

_ROUNDS = 9


def main() -> None:
    """Print milliseconds a shower, the time to the first shower, and the size of the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", default="photons")
    parser.add_argument("--file", type=Path, help="an exported file, to save the time of exporting")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bundle = load_bundle(find_bundle(arguments.bundle))
    with TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "model.onnx"
        if arguments.file is None:
            start = time.perf_counter()
            parity = export(bundle, path, source=find_bundle(arguments.bundle))
            print(f"exported in {time.perf_counter() - start:.0f} s: {parity}")
        print(f"{path.stat().st_size / 2**20:.1f} MiB; a new process has its first shower after {first(path):.2f} s")
        compare(bundle.model, Runtime(path))


def compare(model: torch.nn.Module, runtime: Runtime) -> None:
    """Both make the same showers in turns; the median of nine rounds."""
    assert isinstance(model, GenerativeModel)
    rng = np.random.default_rng(0)
    print(f"{'showers':>8}{'torch':>10}{'onnxruntime':>13}   ms a shower")
    for n in (1, 10, 100, 1000):
        low, high = runtime.card.validity["energy"]
        columns = {name: np.full(n, sum(ends) / 2) for name, ends in runtime.card.validity.items()}
        columns["energy"] = np.exp(rng.uniform(np.log(low), np.log(high), n))
        condition = torch.from_numpy(np.stack([columns[name] for name in runtime.card.columns], axis=1))

        def in_torch(condition: torch.Tensor = condition) -> None:
            with torch.inference_mode():
                model.sample(condition, torch.Generator().manual_seed(0))

        def in_onnx(columns: dict[str, np.ndarray] = columns) -> None:
            runtime.generate(run=1, event=1, **columns)

        times = [(seconds(in_torch), seconds(in_onnx)) for _ in range(_ROUNDS + 1)][1:]
        eager, exported = (1e3 * median(column) / n for column in zip(*times, strict=True))
        print(f"{n:>8}{eager:>10.3f}{exported:>13.3f}")


def seconds(work: Callable[[], None]) -> float:
    """Wall time."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def first(path: Path) -> float:
    """Seconds from the start of Python to the first shower."""
    card = Runtime(path).card
    given = ", ".join(f"{name}={sum(ends) / 2!r}" for name, ends in card.validity.items())
    code = f"from moliere.deploy.runtime import Runtime; Runtime({str(path)!r}).generate({given})"
    return min(seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True)) for _ in range(3))


if __name__ == "__main__":
    main()
