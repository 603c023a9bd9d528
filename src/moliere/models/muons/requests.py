"""What a flow is told, so that the muons it makes are as rare as they were asked to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor, nn

from moliere.detectors.base import Floats
from moliere.preprocess.rareness import weighted_quantiles
from moliere.preprocess.scaling import at_knots, knot_places

#: rareness is corrected below this; one muon in sixteen thousand is rarer
_HIGHEST = 4.0
#: by how much at most: a flow that obeys less than that is not mended by asking for something else
_MOST = 0.5


class Requests(nn.Module):
    """Rareness that is asked for → rareness that the flow is told.

    Muons scatter about the rareness that the flow was told. Where the flux falls steeply, more of them scatter up than
    down, so that the rarest come too often. Told a little less than what is asked for, they come as often as they
    should. Before it is corrected, the flow is told what is asked for.

    Args:
        n_knots: values between which the correction is straight.
    """

    told: Tensor

    def __init__(self, n_knots: int = 81) -> None:
        super().__init__()
        self.register_buffer("told", torch.linspace(0, _HIGHEST, n_knots, dtype=torch.float64))
        self.register_load_state_dict_pre_hook(_as_asked)  # type: ignore[no-untyped-call]

    def forward(self, asked: Tensor) -> Tensor:
        """Of any shape."""
        place = knot_places(asked.double(), 0.0, _HIGHEST, len(self.told))
        return (at_knots(self.told, place) + (asked - _HIGHEST).clamp(min=0)).to(asked)

    def correct(self, made: Floats, weights: Floats) -> None:
        """Ask for less where muons came out too rare.

        Args:
            made: how rare muons of half-Gaussian requests are, (n,).
            weights: by which their requests are half-Gaussian, (n,).
        """
        knots = np.linspace(0, _HIGHEST, len(self.told))
        reached = np.maximum.accumulate(weighted_quantiles(made, weights, 2 * ndtr(knots) - 1))
        told = np.interp(np.interp(knots, reached, knots), knots, self.told.numpy())
        self.told.copy_(torch.from_numpy(np.clip(told, np.maximum(knots - _MOST, 0), knots + _MOST)))


def _as_asked(module: nn.Module, tensors: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Flows from before there were corrections were told what was asked for."""
    tensors.setdefault(f"{prefix}told", module.get_buffer("told"))
