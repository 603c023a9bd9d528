"""Trained models where the simulation runs: ONNX, plain C, and a runtime without torch."""

from __future__ import annotations
