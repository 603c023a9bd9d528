"""What muon GANs cost, and what boosting is worth: python benchmarks/muons.py [--bundle aux.bundle --events flux.h5].

Training: an iteration of moliere's loop against the same networks in the published loop's shape: real and generated
muons one after the other, an optimiser that goes through the weights tensor by tensor. Both take turns, and processor
time counts, so that a busy machine does not favour either. Generation: muons a second in bulk. With a bundle and the
events that it shall make: only how often the rarest of these come, and what boosting makes of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.detectors import PhaseSpace, catalog
from moliere.detectors.base import Floats
from moliere.evaluation.findings.shares import share_of
from moliere.evaluation.observables.phase_space import polar_columns
from moliere.events import Events
from moliere.events.formats import open_events
from moliere.events.neighbours import mean_distance
from moliere.events.resample import unweighted_rows
from moliere.generation import generate_batches
from moliere.models import Batch, BuildContext, Bundle, SteeredModel, VanillaMuonGAN, VanillaMuonGANConfig, load_bundle
from moliere.models.steering import boost
from moliere.simulators import Muons
from moliere.training.config import TrainingConfig
from moliere.training.optim import make_optimizer, only_trained
from moliere.units import GeV

_OPTIMISER = TrainingConfig(iterations=1, optimizer="adam", learning_rate=4e-4, betas=(0.5, 0.999))
#: muons of the reference that distances are measured to, and the share that counts as the rarest
_POINTS, _RAREST = 10_000, 1e-3
_SIZES: dict[str, tuple[int, dict[str, object]]] = {
    "published": (50, {}),
    "muons-gan": (256, {"latent": 16, "generator_width": (128, 128, 64), "discriminator_width": (256, 256, 64)}),
}


def flux(n: int) -> Events:
    detector = catalog.get("ship-muons")
    assert isinstance(detector, PhaseSpace)
    return Muons(detector).simulate({"energy": np.full(n, 400 * GeV)}, np.random.default_rng(0))


def make_gan(settings: dict[str, object]) -> VanillaMuonGAN:
    torch.manual_seed(0)
    config = VanillaMuonGANConfig.model_validate(settings)
    model = VanillaMuonGAN(config, BuildContext(catalog.get("ship-muons"), ()))
    events = flux(2_000)
    model.fit_transforms(Batch(torch.zeros(len(events), 0), torch.tensor(events.signals)))
    return model


def own_iteration(model: VanillaMuonGAN, batch: Batch) -> Callable[[], None]:
    """What the loop does: losses of the model, gradients of what is trained, a fused optimiser."""
    rng = torch.Generator().manual_seed(0)
    objectives = [(objective, make_optimizer(objective, _OPTIMISER)) for objective in model.train().objectives()]

    def iterate() -> None:
        for objective, optimizer in objectives:
            with only_trained(model, objective):
                optimizer.zero_grad()
                objective.loss(batch, rng).total.backward()
                optimizer.step()

    return iterate


def plain_network(inputs: int, hidden: tuple[int, ...], outputs: int, *, generates: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for one, other in zip((inputs, *hidden), hidden, strict=False):
        behind = nn.BatchNorm1d(other, momentum=0.2) if generates else nn.Dropout(0.2)
        layers += [nn.Linear(one, other), nn.LeakyReLU(0.2), behind]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], outputs), nn.Tanh() if generates else nn.Sigmoid())


def original_iteration(model: VanillaMuonGAN, rows: Tensor) -> Callable[[], None]:
    """The published loop's shape: the discriminator is updated on real and on generated muons, then the generator."""
    settings, n = model.settings, len(rows)
    generator = plain_network(settings.latent + 3, settings.generator_width, 4, generates=True)
    discriminator = plain_network(7, settings.discriminator_width, 1, generates=False)
    optimizers = [
        torch.optim.Adam(net.parameters(), 4e-4, (0.5, 0.999), amsgrad=True, foreach=False)
        for net in (discriminator, generator)
    ]

    def make() -> Tensor:
        charge = 2.0 * torch.randint(2, (n, 1)) - 1
        angles = 1.94 * torch.rand(n, 2) - 0.97
        free = generator(torch.cat([torch.randn(n, settings.latent), charge, angles], dim=1))
        return torch.cat([charge, free[:, :1], angles[:, :1], free[:, 1:3], angles[:, 1:], free[:, 3:]], dim=1)

    def update(k: int, muons: Tensor, label: float) -> None:
        optimizers[k].zero_grad()
        F.binary_cross_entropy(discriminator(muons), torch.full((n, 1), label)).backward()
        optimizers[k].step()

    def iterate() -> None:
        update(0, rows, 1.0)
        update(0, make().detach(), 0.0)
        discriminator.requires_grad_(False)
        update(1, make(), 1.0)
        discriminator.requires_grad_(True)

    return iterate


def milliseconds(runs: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Median processor milliseconds of each, in turns."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for k in range(repeats + 3):
        for name, run in runs.items():
            start = time.process_time()
            run()
            if k >= 3:
                found[name].append(1e3 * (time.process_time() - start))
    return {name: float(np.median(values)) for name, values in found.items()}


def report_training(repeats: int) -> None:
    for name, (n, settings) in _SIZES.items():
        model, events = make_gan(settings), flux(n)
        batch = Batch(torch.zeros(n, 0), torch.tensor(events.signals))
        runs = {"own": own_iteration(model, batch), "original": original_iteration(model, model.columns(batch.signals))}
        spent = milliseconds(runs, repeats)
        print(
            f"{name:10} iteration of {n:3}: original-shaped {spent['original']:6.2f} ms of CPU, moliere "
            f"{spent['own']:6.2f}, {spent['original'] / spent['own']:.2f} x"
        )


def report_generation(bundle: Bundle, n: int, repeats: int) -> None:
    found = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in generate_batches(bundle, {}, n_events=n, batch_size=8192):
            pass
        found.append((n / (time.perf_counter() - wall), n / (time.process_time() - cpu)))
    walls, cpus = zip(*found, strict=True)
    print(f"generation of {bundle.name}: best {max(walls):.3g} muons/s by the clock, {max(cpus):.3g} a CPU second")


def rarity(reference: Events, events: Events) -> Floats:
    """Mean distance to three of ten thousand reference muons, in spreads of r, z, pt and pz."""
    assert isinstance(reference.detector, PhaseSpace)
    columns = [polar_columns(reference.detector, x.signals) for x in (reference, events)]
    one, other = (np.stack([c[name] for name in ("r", "z", "pt", "pz")], axis=1) for c in columns)
    return mean_distance(cKDTree(one[:_POINTS] / one.std(axis=0)), other / one.std(axis=0), 3)


def report_rarest(bundle: Bundle, reference: Events, n: int, scale: float) -> None:
    """Rates of muons as rare as the reference's rarest, per CPU second; and boosted, where a model can be."""
    distances = rarity(reference, reference)[_POINTS:]
    edge, floor = np.quantile(distances, 1 - _RAREST), (_RAREST * len(distances)) ** -0.5
    found = {}
    boosted = {f"scale {scale:g}": boost(bundle, scale)} if isinstance(bundle.model, SteeredModel) else {}
    for name, proposal in {"plain": None, **boosted}.items():
        start = time.process_time()
        events = Events.concatenate([*generate_batches(bundle, {}, n_events=n, batch_size=8192, proposal=proposal)])
        seconds = time.process_time() - start
        rare = rarity(reference, events) > edge
        found[name] = share, error = share_of(rare, events.weights)
        worth = 1.0 if events.weights is None else events.weights.sum() ** 2 / (events.weights**2).sum() / n
        print(
            f"{name:10} rarest 0.1 % come {share / _RAREST:.3f} ± {error / _RAREST:.3f} times as often as in the "
            f"reference (its own error: {floor:.3f}); {rare.sum():,} of {n:,} muons, {rare.sum() / seconds:,.0f} a CPU "
            f"second; effective share {worth:.3f}"
        )
    if boosted:
        (one, one_error), (other, other_error) = found.values()
        ratio = other / one
        error = ratio * np.hypot(one_error / one, other_error / other)
        print(f"closure: boosted / plain = {ratio:.3f} ± {error:.3f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--bundle")
    parser.add_argument("--events")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("-n", type=int, default=1_000_000)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bundle = load_bundle(options.bundle) if options.bundle else Bundle("muons-gan", make_gan(_SIZES["muons-gan"][1]))
    if options.bundle and options.events:
        events = open_events(options.events).take(slice(None))
        if events.weights is not None:
            events = events[unweighted_rows(events.weights, np.random.default_rng(0))]
        report_rarest(bundle, events, options.n, options.scale)
    else:
        report_training(options.repeats)
        report_generation(bundle, options.n, 5)


if __name__ == "__main__":
    main()
