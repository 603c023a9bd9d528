"""What each layer holds, in numbers that are normal one by one: for heads that know no other distribution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from moliere.models.layer_state import LayerReader, LayerState
from moliere.preprocess import Chain, Counts, EnergyStandardise, Logit, QuantileNormal, ZeroBand

#: knots of each number's distribution
_QUANTILES = 200


class LayerNumbers(LayerReader):
    """Signals → :class:`~moliere.models.layer_state.LayerState` → 2 n_layers + 1 numbers of order one, and back.

    The logarithm of the whole response, of every layer's energy with a band of noise below the threshold, and the
    counts spread over their bins; each is made normal by its quantiles and then standardised energy by energy. On the
    way back layers share the whole response, so that it is as right as that one number.

    A flow gets ladders (:class:`~moliere.models.layer_state.LayerCoder`), which nothing is lost in. A normal
    distribution of those cannot say that a layer is dark: what is left at the end of a ladder is a product of all
    that came before, and the last layer of 45 lit up in half of the showers instead of a tenth.

    Args:
        sizes: number of cells of each layer.
        threshold: in MeV; smaller signals are zero.
    """

    def __init__(self, sizes: Sequence[int], threshold: float) -> None:
        super().__init__(sizes, threshold)
        self.band = ZeroBand(threshold)
        self.energies = _normal(1 + self.n_layers)
        self.counts = Chain([Counts(sizes), Logit(1e-4), _normal(self.n_layers)])

    @property
    def width(self) -> int:
        """Numbers a shower."""
        return 2 * self.n_layers + 1

    def fit(self, state: LayerState, energy: Tensor, rng: torch.Generator) -> None:
        """Take the statistics of training showers."""
        self.energies.fit(self._logarithms(state, energy, rng), energy)
        self.counts.fit(state.counts, energy)

    def encode(self, state: LayerState, energy: Tensor, rng: torch.Generator) -> Tensor:
        """To network space, float32."""
        logarithms = self._logarithms(state, energy, rng)
        return torch.cat([self.energies(logarithms, energy), self.counts(state.counts, energy, rng)], dim=1).float()

    def decode(self, values: Tensor, energy: Tensor) -> LayerState:
        """Back, to a state that some shower can have."""
        first, counts = values.double().split([1 + self.n_layers, self.n_layers], dim=1)
        response, layers = self.energies.inverse(first, energy).exp().split([1, self.n_layers], dim=1)
        energies = self.band.inverse(layers, energy)
        share = response * energy[:, None] / energies.sum(dim=1, keepdim=True).clamp(min=self.threshold)
        return self.possible(energies * share, self.counts.inverse(counts, energy))

    def _logarithms(self, state: LayerState, energy: Tensor, rng: torch.Generator) -> Tensor:
        """Logarithms of the response and of the layers' energies in MeV, (n, 1 + n_layers)."""
        response = state.energies.sum(dim=1, keepdim=True).clamp(min=self.threshold) / energy.double()[:, None]
        return torch.cat([response, self.band(state.energies, energy, rng)], dim=1).log()


def _normal(width: int) -> Chain:
    """Quantiles to a normal distribution, then of order one at every energy."""
    return Chain([QuantileNormal(range(width), _QUANTILES, spacing="score"), EnergyStandardise(width)])
