"""A shower by torch, ONNX Runtime and C, put into its cells: python benchmarks/engines.py [BUNDLE].

Milliseconds of CPU a shower, latent and placement included, one by one and 100 together, in turns; how far the engines
are apart; what a new process needs until its first shower by ONNX Runtime.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from moliere.deploy.c.export import export as export_c
from moliere.deploy.engines import Engine, InC, InOnnx, InTorch
from moliere.deploy.onnx import export
from moliere.detectors import Calorimeter
from moliere.models import Bundle, load_bundle
from moliere.simulators.geant4.placement import Placement
from moliere.weights import find_bundle

_TOGETHER, _ROUNDS, _BESIDE = 100, 7, 8.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", default="photons")
    parser.add_argument("--c", type=Path, help="what was exported before, to save the time of exporting")
    parser.add_argument("--onnx", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bundle = load_bundle(find_bundle(arguments.bundle))
    with tempfile.TemporaryDirectory() as folder:
        in_c, in_onnx = arguments.c or Path(folder) / "c", arguments.onnx or Path(folder) / "model.onnx"
        if arguments.c is None:
            print("C:", export_c(bundle, in_c, beside=True))
        if arguments.onnx is None:
            print("ONNX:", export(bundle, in_onnx))
        cpu, clock = first(in_onnx, bundle)
        print(
            f"a new process has its first shower by ONNX Runtime after {cpu:.2f} s of CPU, {clock:.2f} s by the clock"
        )
        compare(bundle, {"torch": InTorch(bundle), "ONNX Runtime": InOnnx(in_onnx), "C": InC(in_c)})
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


def compare(bundle: Bundle, engines: dict[str, Engine]) -> None:
    """Times, one line an engine."""
    assert isinstance(bundle.detector, Calorimeter)
    placement = Placement(bundle.detector)
    rng = np.random.default_rng(0)
    low, high = bundle.validity["energy"]
    condition = np.exp(rng.uniform(np.log(low), np.log(high), (_TOGETHER, 1)))
    key = np.stack([np.full(_TOGETHER, 1), np.full(_TOGETHER, 7), np.arange(_TOGETHER)], axis=1)
    shift = rng.uniform(-_BESIDE, _BESIDE, (_TOGETHER, 1, 2)).repeat(len(bundle.detector.read_out), axis=1)
    made = {name: engine(condition, key) for name, engine in engines.items()}
    print(f"{'':14}{'alone':>8}{'placed':>8}{'100':>8}{'placed':>8}   ms of CPU a shower; alone / 100, placed; largest")
    for name, engine in engines.items():

        def work(n: int, *, placed: bool, engine: Engine = engine) -> Callable[[], None]:
            def call() -> None:
                for start in range(0, _TOGETHER if n > 1 else 20, n):
                    rows = slice(start, start + n)
                    signals = engine(condition[rows], key[rows])
                    if placed:
                        placement.place(signals, shift[rows], key[rows], np.zeros(n, np.int64), 1)

            return call

        times = [
            cost(work(n, placed=placed)) / (_TOGETHER if n > 1 else 20)
            for n in (1, _TOGETHER)
            for placed in (False, True)
        ]
        size = np.maximum(np.maximum(made[name], made["torch"]), 1.0)
        away = float((np.abs(made[name] - made["torch"]) / size).max())
        print(f"{name:14}" + "".join(f"{1e3 * t:8.3f}" for t in times) + f"   {times[1] / times[3]:.1f}; {away:.1e}")


def cost(work: Callable[[], None]) -> float:
    """Median CPU seconds."""
    work()
    times = []
    for _ in range(_ROUNDS):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return median(times)


def first(path: Path, bundle: Bundle) -> tuple[float, float]:
    """Seconds from the start of Python to the first shower, of CPU and by the clock: the best of five."""
    given = ", ".join(f"{name}={sum(ends) / 2!r}" for name, ends in bundle.validity.items() if name in bundle.columns)
    code = f"from moliere.deploy.runtime import Runtime; Runtime({str(path)!r}).generate({given})"
    times = []
    for _ in range(5):
        start, before = time.perf_counter(), os.times()
        subprocess.run([sys.executable, "-c", code], check=True)
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        times.append((cpu, time.perf_counter() - start))
    return min(times)


if __name__ == "__main__":
    main()
