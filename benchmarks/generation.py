"""What a generated shower costs: python benchmarks/generation.py [BUNDLE] [--set KEY=VALUE ...]."""

from __future__ import annotations

import argparse

import numpy as np
import torch

from moliere.config import apply_overrides
from moliere.evaluation.result import measure
from moliere.generation import generate
from moliere.models import load_bundle
from moliere.weights import find_bundle


def main() -> None:
    """Print milliseconds a shower for batch sizes and threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", default="photons")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    arguments = parser.parse_args()
    bundle = load_bundle(find_bundle(arguments.bundle), apply_overrides({}, arguments.set))
    low, high = bundle.validity["energy"]
    rng = np.random.default_rng(0)
    print(f"{bundle.name}: {bundle.n_parameters:,} parameters, {bundle.detector.n_channels} channels")
    print(f"{'threads':>8}{'batch':>8}{'ms a shower':>14}")
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for batch in (1, 100, 1000):
            energy = np.exp(rng.uniform(np.log(low), np.log(high), batch))
            timing = measure(lambda n, e=energy: generate(bundle, {"energy": e[:n]}), batch, "CPU", repeats=9)
            print(f"{threads:>8}{batch:>8}{timing.generated_ms:>14.3f}")


if __name__ == "__main__":
    main()
