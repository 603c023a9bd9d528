"""From a bundle to events on disk."""

from __future__ import annotations

from moliere.generation.generate import generate, generate_batches

__all__ = ["generate", "generate_batches"]
