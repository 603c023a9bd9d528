"""The constrainer: what came in, from the total signals of an array's stations alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from moliere.config import Config
from moliere.models.airshower.footprints import FootprintRegressor
from moliere.models.airshower.targets import Targets
from moliere.models.base import Batch, BuildContext, Loss, Objective, Reconstructor, models
from moliere.preprocess.traces import picture_shape, surface_array, to_decades, to_traces


class ConstrainerConfig(Config):
    """Settings of :class:`Constrainer`."""

    kind: Literal["constrainer"] = "constrainer"
    first: int = Field(default=16, ge=1, description="channels of the first convolution")
    growth: int = Field(default=16, ge=1, description="channels that each dense block adds")
    blocks: int = Field(default=5, ge=0, le=100)


@models.register("constrainer")
class Constrainer(Reconstructor):
    """A densely connected network that reads incident quantities from footprints, traces summed over time.

    The same network constrains :class:`~moliere.models.FootprintGAN`; trained by itself, with another seed, it is the
    independent witness of whether generated footprints have the energy that was asked for. The paper says DenseNet and
    not more: here it is AixNet's trunk, with mean and maximum over the stations and a dense layer.

    References:
        Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
        M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
    """

    config_type: ClassVar[type[Config]] = ConstrainerConfig
    citation: ClassVar[str] = "Erdmann et al. 2018, arXiv:1802.03325"

    def __init__(self, config: ConstrainerConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.array = surface_array(context.detector, "constrainer")
        self.shape = picture_shape(self.array)
        self.targets = context.columns
        self.encoding = Targets(context.columns)
        outputs = sum(self.encoding.widths.values())
        self.network = FootprintRegressor(outputs, config.first, config.growth, config.blocks)

    def fit_transforms(self, batch: Batch) -> None:
        """Statistics of the targets."""
        self.encoding.fit(batch.condition)

    def objectives(self) -> tuple[Objective, ...]:
        """One."""
        return (Objective("reconstruction", self.parameters, self._loss),)

    @torch.no_grad()
    def reconstruct(self, signals: Tensor, extras: Mapping[str, Tensor]) -> Tensor:
        """Traces or footprints, NaN for silent stations → (n, n_targets)."""
        del extras
        return self.encoding.decode(self._predict(signals))

    def _loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        del rng
        return self.encoding.loss(self._predict(batch.signals), batch.condition)

    def _predict(self, signals: Tensor) -> Tensor:
        """(n, width of the encoded targets)."""
        totals = to_traces(signals, self.array).sum(dim=2)
        predicted: Tensor = self.network(to_decades(totals).unflatten(1, self.shape))
        return predicted
