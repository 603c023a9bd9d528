"""The front door: one short function a verb, with the words and the defaults of the command line."""

from __future__ import annotations

from moliere.front.bundles import (
    OpenedBundle,
    choose_recipe,
    generate,
    generate_shard,
    is_first_process,
    load,
    train,
)
from moliere.front.events import build, check, open, opened, simulate, simulate_shard
from moliere.front.fast import fast_showers
from moliere.front.judging import compare, evaluate
from moliere.front.orders import Order
from moliere.front.particles import Particles

__all__ = [
    "OpenedBundle",
    "Order",
    "Particles",
    "build",
    "check",
    "choose_recipe",
    "compare",
    "evaluate",
    "fast_showers",
    "generate",
    "generate_shard",
    "is_first_process",
    "load",
    "open",
    "opened",
    "simulate",
    "simulate_shard",
    "train",
]
