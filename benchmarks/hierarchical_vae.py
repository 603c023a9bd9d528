"""The hierarchical VAE: time a shower in bulk, response at every energy and at single ones, and what each level says.

python benchmarks/hierarchical_vae.py BUNDLE [EVENTS.h5] [--showers 1024] [--steps 500] [--threads 1]

Wall and processor milliseconds: where their ratio is not the number of threads, the machine was not free.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from moliere.evaluation.response import response_points
from moliere.events import split_events
from moliere.generation import generate
from moliere.models import Bundle, HierarchicalVAE, load_bundle
from moliere.models.boltzmann_vae.level_figures import level_figures
from moliere.samples import open_source
from moliere.training.batches import to_batch


def print_speed(bundle: Bundle, showers: int) -> None:
    """Generation in bulk, sampling of the prior and decoding apart."""
    model = bundle.model
    assert isinstance(model, HierarchicalVAE)
    low, high = bundle.validity["energy"]
    columns = [np.geomspace(low, high, showers) if name == "energy" else np.full(showers, bundle.validity[name][0])
               for name in bundle.columns]  # fmt: skip
    condition = torch.tensor(np.stack(columns, axis=1))
    rng = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        wall, cpu = time.perf_counter(), time.process_time()
        latent = model.draw_latent(condition, rng)
        sampled = time.process_time()
        for rows in torch.arange(showers).split(256):
            model.decode(latent[rows], condition[rows])
    done = time.process_time()
    print(f"{showers} showers: {1e3 * (time.perf_counter() - wall) / showers:.2f} ms wall a shower, "
          f"{1e3 * (sampled - cpu) / showers:.2f} + {1e3 * (done - sampled) / showers:.2f} ms of CPU "
          "(prior + decoder)")  # fmt: skip


def print_response(bundle: Bundle, events: str, seed: int) -> None:
    """Mean response on the test part, and for showers that all have one energy."""
    source = open_source(events)
    test = source.take(split_events(source, bundle.recipe["data"]["split"], bundle.recipe["data"]["split_seed"]).test)
    made = generate(bundle, dict(test.incident), seed=seed, outside="extrapolate")
    points = response_points(test.energy, test.response, made.energy, made.response)
    worst = max(points, key=lambda p: abs(p.generated_mean / p.reference_mean - 1))
    for p in points:
        ratio, error = p.generated_mean / p.reference_mean - 1, p.reference_mean_error / p.reference_mean
        print(f"  {p.energy / 1e3:8.2f} GeV: response {100 * ratio:+.2f} ± {2**0.5 * 100 * error:.2f} %, "
              f"width {p.generated_width / p.reference_width:.2f}")  # fmt: skip
        single = generate(bundle, {**{n: np.full(500, test.incident[n][0]) for n in bundle.columns},
                                   "energy": np.full(500, p.energy)}, seed=seed + 1)  # fmt: skip
        print(f"           500 at this one energy: {100 * (single.response.mean() / p.reference_mean - 1):+.2f} %")
    print(f"worst {100 * abs(worst.generated_mean / worst.reference_mean - 1):.2f} %")
    model = bundle.model
    assert isinstance(model, HierarchicalVAE)
    batch = to_batch(test, np.arange(min(500, len(test))), bundle.columns)
    for figure in level_figures(model, batch, torch.Generator().manual_seed(seed)):
        hits = "" if figure.hit_accuracy is None else f"hits {100 * figure.hit_accuracy:.2f} %, "
        used = f"{figure.active} of {figure.units} active, KL {figure.divergence:.2f} nats"
        print(f"  level {figure.level}: {used}; from it on: {hits}ln p {figure.log_likelihood:.1f}")


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("events", nargs="?")
    parser.add_argument("--showers", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bundle = load_bundle(options.bundle, {"sampler_settings": {"steps": options.steps}})
    print_speed(bundle, options.showers)
    if options.events:
        print_response(bundle, options.events, options.seed)


if __name__ == "__main__":
    main()
