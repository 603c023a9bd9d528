"""3DGAN as moliere computes it against plain float32: taskset -c 1 python benchmarks/threedgan.py [--batch 64].

The plain version is the same model with the same weights, its convolutions PyTorch's own behind a real upsampling, in
memory with channels first. A step is one update of the discriminator and two of the generator. Both run with freed
memory kept, as ``moliere train`` does. Times are the processor's, so that other work on the machine changes them less;
on more than one thread they are wall times.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.detectors import catalog
from moliere.memory import freed_memory_kept
from moliere.models import Batch, BuildContext, ThreeDGan, ThreeDGanConfig
from moliere.models.threedgan.convolutions import PackedConvolution, UpsampledConvolution
from moliere.training.config import TrainingConfig
from moliere.training.optim import make_optimizer, only_trained

_OPTIMISER = TrainingConfig(iterations=1, optimizer="rmsprop")


class UpsampleFirst(nn.Conv3d):
    """The first convolution on repeated cells, in memory with channels first."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.interpolate(x.contiguous(), scale_factor=6, mode="nearest"))


def build(precision: str = "float32") -> ThreeDGan:
    torch.manual_seed(0)
    config = ThreeDGanConfig.from_table({"precision": precision})
    return ThreeDGan(config, BuildContext(catalog.get("3dgan"), ("energy", "theta")))


def plain() -> ThreeDGan:
    """The same model of PyTorch's own layers."""
    model = build()
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, PackedConvolution | UpsampledConvolution):
                setattr(parent, name, plain_layer(layer))
    return model


def plain_layer(layer: PackedConvolution | UpsampledConvolution) -> nn.Conv3d:
    if isinstance(layer, UpsampledConvolution):
        weight, same = layer.weight, UpsampleFirst(*layer.weight.shape[1::-1], layer.kernel)
    else:
        weight, padding = layer.turned
        same = nn.Conv3d(*weight.shape[1::-1], weight.shape[2:], padding=padding)
    same.load_state_dict({"weight": weight, "bias": layer.bias})
    return same


def showers(n: int) -> Batch:
    """Something like showers: what the numbers are does not change the time."""
    rng = torch.Generator().manual_seed(0)
    condition = torch.tensor([[1e5, 1.5]], dtype=torch.float64).repeat(n, 1)
    blocks = torch.zeros(n, 25, 51, 51)
    blocks[:, :, 20:31, 20:31] = torch.rand(n, 25, 11, 11, generator=rng)
    return Batch(condition, blocks.flatten(1))


def train_step(model: ThreeDGan, batch: Batch) -> None:
    rng = torch.Generator().manual_seed(0)
    for objective in model.train().objectives():
        optimizer = make_optimizer(objective, _OPTIMISER)
        with only_trained(model, objective):
            for _ in range(objective.steps):
                optimizer.zero_grad()
                objective.loss(batch, rng).total.backward()
                optimizer.step()


@torch.inference_mode()
def generate(model: ThreeDGan, batch: Batch) -> None:
    model.eval().sample(batch.condition, torch.Generator().manual_seed(0))


def seconds(work: Callable[[ThreeDGan, Batch], None], model: ThreeDGan, batch: Batch, repeats: int) -> float:
    """The fastest of some repetitions."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    # a whole batch, so that the memory is there
    work(copy.deepcopy(model), batch)
    times = []
    for _ in range(repeats):
        trained = copy.deepcopy(model)
        start = clock()
        work(trained, batch)
        times.append(clock() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    batch = showers(arguments.batch)
    variants = {"plain": plain(), "moliere": build(), "moliere, bfloat16": build("bfloat16")}
    print(f"batch {arguments.batch}, threads: {arguments.threads}; ms a shower and plain / variant")
    print(f"{'':20}{'step':>10}{'ratio':>8}{'generation':>12}{'ratio':>8}")
    first: list[float] = []
    for name, model in variants.items():
        with freed_memory_kept():
            found = [seconds(work, model, batch, arguments.repeats) / len(batch) for work in (train_step, generate)]
        first = first or found
        cells = [
            f"{1000 * t:{w}.1f}{reference / t:8.2f}" for t, reference, w in zip(found, first, (10, 12), strict=True)
        ]
        print(f"{name:20}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
