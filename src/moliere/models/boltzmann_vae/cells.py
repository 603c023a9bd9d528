"""What a decoder's two numbers for each cell mean: how likely a shower's cells are, and how cells are made."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.detectors import Calorimeter
from moliere.models.boltzmann_vae.voxel_decoder import Voxels
from moliere.models.flow.cell_coder import CellCoder
from moliere.models.flow.geometry import Ints, cells_alike
from moliere.models.networks.layer_state import LayerState
from moliere.preprocess import LayerShares, LogitFraction, keep_largest
from moliere.preprocess.scaling import at_knots, knot_places, mean_squares

#: natural logarithms of cell energies in MeV between which the spread is known, and its knots
_LOWEST, _HIGHEST, _KNOTS = -7.0, 14.0, 43
#: weight of an update, and the number of cells at a knot that an update needs
_RATE, _ENOUGH = 0.02, 5
#: directions in which normal cells hang together, symmetries that they are found over, and rounds in which they are
_DIRECTIONS, _TURNS, _ROUNDS = 40, 8, 6


class HitCells(nn.Module):
    """As published: the logit that a cell answers, and the logit of its share of the incident energy if it does.

    The logarithm of p(x | z) is a Bernoulli number for each cell's hit and a squared difference weighted by
    :math:`e^{u/2}` for the cells that answer.

    Args:
        detector: its layers.
        threshold: in MeV; smaller signals are zero.
        weights: of squared differences, and of hits.
    """

    n_directions = 0

    def __init__(self, detector: Calorimeter, threshold: float, weights: tuple[float, float]) -> None:
        super().__init__()
        self.slices, self.threshold, self.weights = detector.slices, threshold, weights
        self.shares = LayerShares([grid.n_cells for grid in detector.grids])
        self.voxels, self.spread = LogitFraction(), CellSpread()

    def fit(self, signals: Tensor, state: LayerState, energy: Tensor) -> Voxels:
        """What a decoder starts from: how often each cell answers, as a logit, and its mean answer, (n_channels,)."""
        x = self.voxels(signals, energy).float()
        lit = (x > 0).sum(dim=0)
        return torch.logit(lit / max(1, len(x)), eps=1e-3), x.sum(dim=0) / lit.clamp(min=1)

    def see(self, signals: Tensor, state: LayerState, energy: Tensor, rng: torch.Generator) -> Tensor:
        """The numbers of cells that are learned, 0 where they are empty, (n, n_channels) float32."""
        numbers: Tensor = self.voxels(signals, energy).float()
        return numbers

    def places(self, cells: Tensor) -> Tensor:
        """Nothing: the encoder sees voxels alone, (n, 0)."""
        return cells[:, :0]

    def surprise(self, said: Voxels, cells: Tensor) -> Tensor:
        """Minus the logarithm of the probability of a shower's cells, with weights and up to a constant, (n,)."""
        (hits, activations), lit = said, cells > 0
        away = (cells - activations).square() * (cells / 2).exp() * lit
        missed = F.binary_cross_entropy_with_logits(hits, lit.to(hits), reduction="none")
        total: Tensor = (self.weights[0] * away + self.weights[1] * missed).sum(dim=1)
        return total

    def learn(self, said: Voxels, cells: Tensor, energy: Tensor) -> None:
        """Learn how far cells that answer are from what is said of them."""
        activations, lit = said[1].detach(), cells > 0
        self.spread.learn(self._log_energies(activations, energy)[lit], (cells - activations)[lit])

    def make(self, said: Voxels, noise: Voxels, state: LayerState | None, energy: Tensor) -> Tensor:
        """Signals in MeV, (n, n_channels).

        Args:
            said: of each cell.
            noise: logistic numbers for hits; normal ones for how far cells scatter, or none of them, (n, 0).
            state: what each layer holds; without one, cells are taken as they are decoded.
            energy: incident, in MeV.
        """
        (logits, activations), (hits, scatter) = said, noise
        if scatter.shape[1]:
            activations = activations + scatter * self.spread(self._log_energies(activations, energy))
        lit, values = logits + hits, self.voxels.inverse(activations, energy)
        if state is None:
            return torch.where((lit > 0) & (values >= self.threshold), values, torch.zeros_like(values))
        return self.share_out(state, lit, values)

    def share_out(self, state: LayerState, lit: Tensor, values: Tensor) -> Tensor:
        """Give each layer's energy to as many cells as it says, to the likeliest, in proportion to their values.

        Args:
            state: what each layer holds.
            lit: how likely each cell has energy, on any scale, (n, n_channels).
            values: in MeV, (n, n_channels).

        Returns:
            Signals (n, n_channels) in MeV, none of them below the threshold unless its layer holds less.
        """
        rank = lit - lit.amin(dim=1, keepdim=True) + 1
        chosen = keep_largest(rank, state.counts, self.slices) > 0
        kept = torch.where(chosen, values.clamp(min=self.threshold), torch.zeros_like(values))
        shared = self.shares.join(state.energies, kept)
        # what the threshold takes goes to the cells that are left
        return self.shares.join(state.energies, torch.where(shared < self.threshold, torch.zeros_like(shared), shared))

    def _log_energies(self, activations: Tensor, energy: Tensor) -> Tensor:
        """Of cells as decoded, ln of MeV, (n, n_channels)."""
        return self.voxels.inverse(activations, energy).clamp(min=1e-30).log().to(activations)

    @staticmethod
    def answer(hits: Tensor, activations: Tensor) -> Tensor:
        """For the next sub-decoder, a soft form of hit times activation, of order one."""
        return torch.sigmoid(hits) * F.softplus(activations) / 8


class NormalCells(nn.Module):
    """Each cell is a normal number of which the bits tell a spread and the mean; not in the publication.

    The number is that of the flow (:class:`~moliere.models.flow.cell_coder.CellCoder`): N(0, 1) given what the cell's
    layer holds, zeros included, before anything is learned. So spectra and occupancies are right without any bit, all
    that bits tell counts as ln p(x | z) in nats without a weight, and they have to tell only what hangs together.

    That is little against the noise of thousands of cells, in which networks do not find it in an hour. So the
    directions of largest variance are found at the start, over all symmetries: the encoder sees the place of a shower
    along each of them, and bits move the mean along them, too.

    Args:
        detector: its layers.
        threshold: in MeV; smaller signals are zero.
        turns: permutations of cells under which showers look alike; what they map onto each other shares tables.
    """

    directions: Tensor
    spreads: Tensor

    def __init__(self, detector: Calorimeter, threshold: float, turns: Ints) -> None:
        super().__init__()
        self.turns = torch.tensor(turns)
        self.coder = CellCoder([grid.n_cells for grid in detector.grids], threshold, cells_alike(turns))
        self.n_directions = min(_DIRECTIONS, detector.n_channels)
        self.register_buffer("directions", torch.zeros(self.n_directions, detector.n_channels))
        self.register_buffer("spreads", torch.ones(self.n_directions))

    def fit(self, signals: Tensor, state: LayerState, energy: Tensor) -> Voxels:
        """Make the tables and find the directions; a decoder starts from N(0, 1) for all cells."""
        self.coder.fit(signals, state, energy)
        rng = torch.Generator().manual_seed(0)
        numbers = self.see(signals, state, energy, rng)
        turns = self.turns[torch.randperm(len(self.turns), generator=rng)[:_TURNS]]
        self.directions.copy_(main_directions(numbers, turns, self.n_directions, rng))
        self.spreads.copy_((numbers @ self.directions.T).square().mean(dim=0).sqrt().clamp(min=1e-3))
        return torch.zeros(signals.shape[1]), torch.zeros(signals.shape[1])

    def places(self, cells: Tensor) -> Tensor:
        """Of showers along the directions, of order one, (n, n_directions)."""
        return cells @ self.directions.T / self.spreads

    def move(self, places: Tensor) -> Tensor:
        """Numbers of cells (n, n_channels) of showers at these places."""
        return places * self.spreads @ self.directions

    def see(self, signals: Tensor, state: LayerState, energy: Tensor, rng: torch.Generator) -> Tensor:
        """The numbers of cells that are learned, (n, n_channels) float32."""
        return self.coder.encode(signals, state, energy, rng)

    def surprise(self, said: Voxels, cells: Tensor) -> Tensor:
        """Minus the logarithm of the probability of a shower's cells up to a constant, (n,)."""
        log_spread, mean = torch.tanh(said[0]), said[1]
        total: Tensor = (((cells - mean) * (-log_spread).exp()).square() / 2 + log_spread).sum(dim=1)
        return total

    def learn(self, said: Voxels, cells: Tensor, energy: Tensor) -> None:
        """Nothing: the spread has a gradient."""

    def make(self, said: Voxels, noise: Voxels, state: LayerState | None, energy: Tensor) -> Tensor:
        """Signals in MeV, (n, n_channels), from normal numbers; layers get exactly their counts and energies."""
        assert state is not None  # the settings say so
        return self.coder.decode(said[1] + noise[1] * torch.tanh(said[0]).exp(), state, energy)

    @staticmethod
    def answer(spread: Tensor, mean: Tensor) -> Tensor:
        """For the next sub-decoder, how many spreads the mean is away from nothing known."""
        return mean * (-torch.tanh(spread)).exp()


class CellSpread(nn.Module):
    """Root mean square of residuals as a function of the energy that the decoder gives to a cell.

    A decoder that is trained with squared errors gives the mean. For the same bits, real cells scatter around it, and
    faint cells scatter more. Without this scatter showers are too smooth: their centres move too little and their
    widths are too much alike.

    Example:
        >>> spread = CellSpread()
        >>> rng = torch.Generator().manual_seed(0)
        >>> said = torch.tensor([-2.0, 5.0]).repeat(1000)
        >>> for _ in range(200):
        ...     spread.learn(said, torch.randn(2000, generator=rng) * torch.tensor([1.5, 0.1]).repeat(1000))
        >>> [round(float(x), 1) for x in spread(torch.tensor([-2.0, 5.0]))]
        [1.5, 0.1]
    """

    squares: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("squares", torch.zeros(_KNOTS))

    @torch.no_grad()
    def learn(self, said: Tensor, residuals: Tensor) -> None:
        """Update with cells: ln of their decoded energies in MeV, and their distances from these, both (m,)."""
        mean, count = mean_squares(self._knots(said), residuals, _KNOTS)
        known = count >= _ENOUGH
        first = known & (self.squares == 0)
        moved = torch.where(first, mean, torch.lerp(self.squares, mean.to(self.squares), _RATE))
        self.squares.copy_(torch.where(known, moved.to(self.squares), self.squares))

    def forward(self, said: Tensor) -> Tensor:
        """Spread of cells with these logarithms of decoded energies, of the same shape."""
        return at_knots(self.squares.sqrt(), self._knots(said))

    def _knots(self, said: Tensor) -> Tensor:
        return knot_places(said, _LOWEST, _HIGHEST, _KNOTS)


def main_directions(numbers: Tensor, turns: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """Orthogonal directions in which turned showers vary most, (n, n_channels), by iteration of a subspace."""
    found = torch.randn(numbers.shape[1], n, generator=rng)
    back = turns.argsort(dim=1)
    for _ in range(_ROUNDS):
        seen = numbers.T @ (numbers @ torch.cat([found[turn] for turn in back], dim=1))
        total = torch.stack([part[turn] for part, turn in zip(seen.split(n, dim=1), turns, strict=True)]).sum(dim=0)
        found = torch.linalg.qr(total).Q
    return found.T
