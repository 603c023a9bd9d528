"""The Boltzmann prior: speed of Gibbs sampling and of an update, and its log-likelihood against exact sums.

python benchmarks/boltzmann.py [--nodes 302] [--steps 500] [--showers 1000] [--threads 1 2]

Wall and processor seconds: where their ratio is not the number of threads, the machine was not free.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from moliere.models.boltzmann_vae.boltzmann import (
    BoltzmannMachine,
    PersistentChains,
    annealed_log_partition,
    contrastive_divergence,
    exact_log_partition,
    fully_connected,
    gibbs_sample,
    log_likelihood,
    zephyr,
)

TOPOLOGIES = {"fully connected": fully_connected, "zephyr": zephyr}
_BATCH, _SWEEPS = 512, 10


def seconds(work: Callable[[], object]) -> str:
    """Wall and processor seconds of a piece of work, after one run that does not count."""
    work()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return f"{time.perf_counter() - wall:10.2f}{time.process_time() - cpu:10.2f}"


def coins(rows: int, columns: int, rng: torch.Generator) -> torch.Tensor:
    """Zeros and ones."""
    return (torch.rand(rows, columns, generator=rng) < 0.5).float()


def print_speed(name: str, machine: BoltzmannMachine, steps: int, showers: int) -> None:
    """Gibbs sampling of many showers, and one update by persistent contrastive divergence."""
    rng = torch.Generator().manual_seed(0)
    clamped = coins(showers, machine.n_clamped, rng)
    took = seconds(lambda: gibbs_sample(machine, clamped, rng, steps))
    print(f"  {f'{name}: {steps} steps of {showers} showers':<50}{took}")
    chains = PersistentChains(_BATCH, machine.n_free)
    data = coins(_BATCH, machine.n_clamped, rng), coins(_BATCH, machine.n_free, rng)

    def update() -> None:
        moved = chains.advance(machine, data[0], _SWEEPS, rng)
        contrastive_divergence(machine, data, moved).backward()

    print(f"  {f'{name}: update, {_BATCH} events, {_SWEEPS} sweeps':<50}{seconds(update)}")


def print_likelihood(spread: float) -> None:
    """Annealed against exact log-likelihood of a machine of eight nodes on its own samples."""
    rng = torch.Generator().manual_seed(0)
    machine = BoltzmannMachine(fully_connected([2] * 4))
    with torch.no_grad():
        for parameter in machine.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=rng))
    conditions = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    clamped = conditions.repeat(500, 1)
    free = gibbs_sample(machine, clamped, rng, 100)
    sums = [exact_log_partition(machine, conditions), annealed_log_partition(machine, conditions, rng).value]
    exact, annealed = (log_likelihood(machine, clamped, free, log_z.repeat(500)).mean().item() for log_z in sums)
    print(f"  couplings of N(0, {spread}²): exact {exact:.5f}, annealed {annealed:.5f}: {annealed / exact - 1:+.3%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=302, help="of each of the four partitions")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--showers", type=int, default=1000)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    for threads in options.threads:
        torch.set_num_threads(threads)
        print(f"{f'{threads} threads (reach for Gibbs on 2: 8 s)':<52}{'wall s':>10}{'CPU s':>10}")
        for name, connect in TOPOLOGIES.items():
            machine = BoltzmannMachine(connect([options.nodes] * 4), weight_std=0.05)
            print_speed(name, machine, options.steps, options.showers)
    print("log-likelihood of 8 nodes (reach: 0.5 %)")
    for spread in (0.5, 1.0, 2.0):
        print_likelihood(spread)


if __name__ == "__main__":
    main()
