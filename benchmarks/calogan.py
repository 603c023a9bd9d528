"""What a shower of CaloGAN costs, and an iteration of its training: python benchmarks/calogan.py [--threads 2].

The published size, with random weights, which cost as much as trained ones. Wall and processor time side by side: where
they differ by more than the number of threads, the machine was not free.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from moliere.detectors import catalog
from moliere.models import Batch, BuildContext, CaloGAN, CaloGANConfig
from moliere.training.config import TrainingConfig
from moliere.training.optim import make_optimizer, only_trained
from moliere.units import GeV

_OPTIMISER = TrainingConfig(iterations=1, optimizer="adam", betas=(0.5, 0.999))


def build(**settings: int) -> CaloGAN:
    torch.manual_seed(0)
    return CaloGAN(CaloGANConfig.model_validate(settings), BuildContext(catalog.get("calogan"), ("energy",)))


def measure(run: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Smallest wall and processor seconds of a call."""
    run()
    found = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    walls, cpus = zip(*found, strict=True)
    return min(walls), min(cpus)


def time_generation(model: CaloGAN, n: int, repeats: int) -> tuple[float, float]:
    """Milliseconds a shower."""
    rng = torch.Generator().manual_seed(0)
    condition = (1 + 99 * torch.rand(n, 1, generator=rng, dtype=torch.float64)) * GeV
    with torch.inference_mode():
        wall, cpu = measure(lambda: model.eval().sample(condition, rng), repeats)
    return 1e3 * wall / n, 1e3 * cpu / n


def time_iteration(model: CaloGAN, n: int, repeats: int) -> tuple[float, float]:
    """Seconds of one update of the discriminator and two of the generator."""
    rng = torch.Generator().manual_seed(0)
    condition = (1 + 99 * torch.rand(n, 1, generator=rng, dtype=torch.float64)) * GeV
    batch = Batch(condition, 20 * torch.rand(n, 504, generator=rng))
    objectives = [(objective, make_optimizer(objective, _OPTIMISER)) for objective in model.train().objectives()]

    def iterate() -> None:
        for objective, optimizer in objectives:
            with only_trained(model, objective):
                for _ in range(objective.steps):
                    optimizer.zero_grad()
                    objective.loss(batch, rng).total.backward()
                    optimizer.step()

    return measure(iterate, repeats)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.threads} threads; wall | processor")
    for name, settings in (("published", {}), ("calogan-eplus", {"latent": 128, "channels": 16})):
        model = build(**settings)
        for n in (1, 128, 1024):
            wall, cpu = time_generation(model, n, options.repeats)
            print(f"{name:14} batch {n:5} {wall:8.2f} | {cpu:8.2f} ms a shower")
        wall, cpu = time_iteration(model, 256, options.repeats)
        print(f"{name:14} iteration of 256 {wall:6.2f} | {cpu:6.2f} s")


if __name__ == "__main__":
    main()
