"""How far cells lie from what a decoder says, learned while it is trained, so that they can be scattered as far."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from moliere.preprocess.knots import at_knots, mean_squares

#: natural logarithms of cell energies in MeV between which the spread is known, and its knots
_LOWEST, _HIGHEST, _KNOTS = -7.0, 14.0, 43
#: what an update counts for, and cells at a knot from which it does
_RATE, _ENOUGH = 0.02, 5


class CellSpread(nn.Module):
    """Root mean square of residuals as a function of the energy that is said of a cell.

    A decoder that is trained by squares says the mean; of the same bits, real cells scatter around it, the fainter the
    farther. Without this scatter showers are too smooth: their centres move too little and their widths are too alike.

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
        """Take in cells: ln of the energies in MeV that were said of them, and how far they are from it, both (m,)."""
        mean, count = mean_squares(self._knots(said), residuals, _KNOTS)
        known = count >= _ENOUGH
        first = known & (self.squares == 0)
        moved = torch.where(first, mean, torch.lerp(self.squares, mean.to(self.squares), _RATE))
        self.squares.copy_(torch.where(known, moved.to(self.squares), self.squares))

    def forward(self, said: Tensor) -> Tensor:
        """Spread of cells of which these logarithms of energies are said, of the same shape."""
        return at_knots(self.squares.sqrt(), self._knots(said))

    def _knots(self, said: Tensor) -> Tensor:
        return ((said - _LOWEST) / (_HIGHEST - _LOWEST)).clamp(0, 1) * (_KNOTS - 1)
