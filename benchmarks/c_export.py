"""What a shower costs in exported C: python benchmarks/c_export.py [BUNDLE ...] [--set KEY=VALUE ...]."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from moliere.config import apply_overrides
from moliere.deploy.c.export import as_function, build
from moliere.deploy.c.header import header_of
from moliere.deploy.c.write import translate
from moliere.deploy.graph import as_graph
from moliere.deploy.onnx import describe, to_onnx
from moliere.models import load_bundle
from moliere.weights import find_bundle

#: as somebody would compile for a farm, and for the machine that it runs on
OPTIONS = (("-O2",), ("-O3", "-march=native"))
BATCHES = (1, 100, 1000)


def cost(function: Callable[[Sequence[Tensor]], Tensor], inputs: Sequence[Tensor], batch: int) -> tuple[float, float]:
    """Median and smallest CPU time of a shower in ms, over the batches of about two seconds."""
    times: list[float] = []
    end, start = time.monotonic() + 2, 0
    while time.monotonic() < end or len(times) < 5:
        part = [values[start : start + batch] for values in inputs]
        start = (start + batch) % (len(inputs[0]) - batch + 1)
        before = time.process_time()
        function(part)
        times.append(time.process_time() - before)
    return 1e3 * median(times) / batch, 1e3 * min(times) / batch


def measure(name: str, overrides: Sequence[str]) -> None:
    """Print one bundle's rows."""
    bundle = load_bundle(find_bundle(name), apply_overrides({}, overrides))
    graph = as_graph(bundle.model, bundle)
    header = header_of(describe(graph), bundle.detector)
    before = time.process_time()
    source = translate(to_onnx(graph, 1), header)
    print(f"{bundle.name}: {bundle.n_parameters:,} parameters, {source.channels} channels; ", end="")
    print(f"{len(source.code) / 2**20:.1f} MiB of C in {time.process_time() - before:.0f} s of CPU, ", end="")
    print(f"workspace of a thread {source.workspace / 2**20:.2f} MiB")
    inputs = graph.examples(max(BATCHES), torch.Generator().manual_seed(0))
    functions: dict[str, Callable[[Sequence[Tensor]], Tensor]] = {"torch": lambda values: graph(*values)}
    print(
        f"{'':26}" + "".join(f"{f'{batch} together':>24}" for batch in BATCHES) + "   ms of CPU a shower: median (best)"
    )
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        for options in OPTIONS:
            place = Path(folder) / "".join(options)
            place.mkdir()
            before = time.monotonic()
            library = build(source, place, "gcc", ("-std=c99", *options, "-fPIC", "-shared"))
            print(f"gcc {' '.join(options)}: compiled in {time.monotonic() - before:.0f} s by the clock")
            functions[f"gcc {' '.join(options)}"] = as_function(library)
        for label, function in functions.items():
            figures = (cost(function, inputs, batch) for batch in BATCHES)
            print(f"{label:26}" + "".join(f"{f'{middle:.3f} ({best:.3f})':>24}" for middle, best in figures))
        compare([function(inputs).numpy() for function in functions.values()], graph.threshold)


def compare(signals: Sequence[np.ndarray[tuple[int, int], np.dtype[np.float32]]], threshold: float) -> None:
    """Print how far C is from torch, and whether both ways of compiling agree."""
    expected, found = signals[0], signals[-1]
    crossings = ((expected > 0) != (found > 0)).any(axis=1)
    size = np.maximum(np.maximum(np.abs(expected), np.abs(found)), threshold)
    away = (np.abs(found - expected) / np.where(size > 0, size, 1)).max(axis=1)
    print(f"{len(expected)} showers: largest relative difference from torch {away[~crossings].max():.1e}; ", end="")
    print(f"{int((away > 1e-5).sum())} beyond 1e-5, {int(crossings.sum())} with another set of cells; ", end="")
    print(f"both ways of compiling agree to the bit: {bool((signals[1] == signals[2]).all())}")


def main() -> None:
    """Measure bundles, one thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="*", default=["photons"])
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.bundles:
        measure(name, arguments.set)


if __name__ == "__main__":
    main()
