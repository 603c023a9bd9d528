"""A convolution behind nearest upsampling, computed on the small grid.

After repeating each cell, a kernel meets the same number many times: a kernel of 6 on cells repeated 6 times sees one
cell or two neighbours, whose shares of the kernel only depend on where in a cell the output lies. So each of these
places, or phases, gets a small kernel of its own, and the phases are the channels of one small convolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class UpsampledConvolution(nn.Module):
    """``Conv3d`` without padding of an input that is repeated along all three axes: the same sums in another order.

    For a kernel of 6 × 6 × 8 and cells repeated 6 × 6 × 6 times that is 19 times fewer multiplications.

    Args:
        in_channels: of the small grid.
        out_channels: of the output.
        kernel: size on the upsampled grid.
        repeat: how often each cell is repeated along each axis.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: Sequence[int], repeat: int) -> None:
        super().__init__()
        self.repeat, self.kernel = repeat, tuple(kernel)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *kernel))
        self.bias = nn.Parameter(torch.empty(out_channels))
        for axis, size in enumerate(kernel):
            self.register_buffer(f"taps_{axis}", _taps(size, repeat), persistent=False)

    taps_0: Tensor
    taps_1: Tensor
    taps_2: Tensor

    def forward(self, cells: Tensor) -> Tensor:
        """(n, in_channels, a, b, c) → (n, out_channels, a · repeat − kernel + 1, …)."""
        weight, there = self._phase_kernels(), cells.shape[2:]
        sizes = [self.repeat * n - size + 1 for n, size in zip(there, self.kernel, strict=True)]
        needed = [-(-size // self.repeat) + window - 1 for size, window in zip(sizes, weight.shape[2:], strict=True)]
        a, b, c = (more - n for more, n in zip(needed, there, strict=True))
        phases = F.conv3d(F.pad(cells, (0, c, 0, b, 0, a)), weight, self.bias.repeat(self.repeat**3))
        return self._interleave(phases)[:, :, : sizes[0], : sizes[1], : sizes[2]]

    def _phase_kernels(self) -> Tensor:
        """(phases · out_channels, in_channels, cells, cells, cells): shares of the kernel in each cell."""
        kernels = torch.einsum("oixyz,pax,qby,rcz->pqroiabc", self.weight, self.taps_0, self.taps_1, self.taps_2)
        return kernels.flatten(0, 3)

    def _interleave(self, phases: Tensor) -> Tensor:
        """(n, phases · out_channels, a, b, c) → (n, out_channels, a · repeat, b · repeat, c · repeat)."""
        n, _, *cells = phases.shape
        channels = len(self.bias)
        split = phases.reshape(n, *(self.repeat,) * 3, channels, *cells)
        fine = split.permute(0, 5, 1, 6, 2, 7, 3, 4)
        return fine.reshape(n, *(self.repeat * c for c in cells), channels).permute(0, 4, 1, 2, 3)


def _taps(kernel: int, repeat: int) -> Tensor:
    """(repeat, cells, kernel): 1 where a tap of a phase falls into a cell."""
    cell = (torch.arange(repeat)[:, None] + torch.arange(kernel)) // repeat
    return F.one_hot(cell, int(cell.max()) + 1).transpose(1, 2).float()
