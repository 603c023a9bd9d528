"""Three-dimensional convolutions of few channels, with neighbours along the last axis side by side as channels.

A processor multiplies 16 channels at a time; with 6 channels it wastes ten of 16 multiplications. Two classes order the
same sums so that it wastes fewer: same weights, same results, less time. Both are meant for tensors in the order of
channels last, where no number has to be moved.
"""

from __future__ import annotations

from abc import ABC
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
        smooth: interpolate linearly between cells instead of repeating them, which costs what it seems to cost.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: Sequence[int], repeat: int, *, smooth: bool = False
    ) -> None:
        super().__init__()
        self.smooth = smooth
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
        if self.smooth:
            fine = F.interpolate(cells, scale_factor=float(self.repeat), mode="trilinear", align_corners=False)
            return F.conv3d(fine, self.weight, self.bias)
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


class PackedConvolution(nn.Conv3d, ABC):
    """A convolution with a bias and without a stride.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: its size.
        padding: along the kernel's axes.
        last: the axis of the kernel that is the input's last one; the others follow in their order.
    """

    bias: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int, int],
        padding: tuple[int, int, int] = (0, 0, 0),
        *,
        last: int = 2,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, padding=padding)
        self.last = last

    @property
    def turned(self) -> tuple[Tensor, tuple[int, ...]]:
        """Kernel and padding with the axes of the input."""
        others = (axis for axis in range(3) if axis != self.last)
        return self.weight.movedim(2 + self.last, 4), tuple(int(self.padding[axis]) for axis in (*others, self.last))


class PairedConvolution(PackedConvolution):
    """Computes two neighbours of the last axis at a time.

    The kernel of such a pair lies on pairs of inputs; where only one of the two neighbours has a tap, the other's is
    zero. This makes a kernel of 5 a fifth larger, and one of 6 a third.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, a, b, c) → (n, out_channels, a', b', c'), as ``Conv3d``."""
        weight, (first, second, padding) = self.turned
        kernel = weight.shape[-1]
        size = x.shape[-1] + 2 * padding - kernel + 1
        n_inputs = 2 * (-(-size // 2) + kernel // 2)
        padded = F.pad(x, (padding, n_inputs - padding - x.shape[-1]))
        pairs = F.conv3d(_fold(padded), _pair_kernel(weight), self.bias.repeat(2), padding=(first, second, 0))
        return _unfold(pairs)[..., :size]


class TapConvolution(PackedConvolution):
    """For an input of a single channel, which is not padded: the kernel's taps along the last axis become channels.

    The gradient with respect to an input of one channel took three times as long without.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, a, b, c) → (n, out_channels, a', b', c'), as ``Conv3d``."""
        weight, _ = self.turned
        kernel = weight.shape[-1]
        size = x.shape[-1] - kernel + 1
        taps = torch.cat([x[..., tap : tap + size] for tap in range(kernel)], dim=1)
        kernels = weight.squeeze(1).movedim(-1, 1).unsqueeze(-1)
        return F.conv3d(taps.contiguous(memory_format=torch.channels_last_3d), kernels, self.bias)


def _pair_kernel(weight: Tensor) -> Tensor:
    """(2 out, 2 in, a, b, kernel // 2 + 1): one for the first of a pair, one for the second."""
    free = 2 - weight.shape[-1] % 2
    both = torch.stack([F.pad(weight, (second, free - second)) for second in (0, 1)])
    pairs: Tensor = both.unflatten(-1, (-1, 2))
    return pairs.permute(0, 1, 6, 2, 3, 4, 5).flatten(0, 1).flatten(1, 2)


def _fold(x: Tensor) -> Tensor:
    """(n, channels, a, b, 2 c) → (n, 2 channels, a, b, c), a view where channels lie last."""
    folded: Tensor = x.permute(0, 2, 3, 4, 1).unflatten(3, (-1, 2)).flatten(4)
    return folded.permute(0, 4, 1, 2, 3)


def _unfold(x: Tensor) -> Tensor:
    """(n, 2 channels, a, b, c) → (n, channels, a, b, 2 c), a view where channels lie last."""
    unfolded: Tensor = x.permute(0, 2, 3, 4, 1).unflatten(4, (2, -1)).flatten(3, 4)
    return unfolded.permute(0, 4, 1, 2, 3)
