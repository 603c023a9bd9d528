"""Layers with weights of their own at every pixel, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from moliere.models.calogan.fields import FieldConv, FieldNorm, LocallyConnected, patches, to_field, to_images


def field(rows: int = 5, columns: int = 7, n: int = 3, channels: int = 2) -> Tensor:
    return torch.randn(rows, columns, n, channels, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("stride", [(1, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (3, 2)])
def test_locally_connected_is_a_product_at_every_position(kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    x = field()
    layer = LocallyConnected((5, 7), 2, 4, kernel, stride).double()
    nn.init.normal_(layer.bias)  # type: ignore[arg-type]
    out = layer(x)
    rows, columns = (5 - kernel[0]) // stride[0] + 1, (7 - kernel[1]) // stride[1] + 1
    assert out.shape == (rows, columns, 3, 4)
    position = 0
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride[0], j * stride[1]
            seen = x[top : top + kernel[0], left : left + kernel[1]].permute(2, 0, 1, 3).flatten(1)
            expected = seen @ layer.weight[position] + layer.bias[position]  # type: ignore[index]
            torch.testing.assert_close(out[i, j], expected)
            position += 1


def test_the_gradient_of_patches_is_that_of_slices() -> None:
    x = field().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: patches(y, (3, 2), (1, 2)), (x,))
    with torch.no_grad():
        torch.testing.assert_close(patches(x, (3, 2), (1, 2)), patches(x.detach(), (3, 2), (1, 2)))


def test_convolution_of_an_even_kernel_is_padded_behind_as_in_keras() -> None:
    layer = FieldConv(1, 1, (2, 2)).double()
    images = field(channels=1)
    kernel = layer.weight.detach().view(1, 1, 2, 2)
    padded = nn.functional.pad(to_images(images)[:, None], (0, 1, 0, 1))
    expected = nn.functional.conv2d(padded, kernel)[:, 0]
    torch.testing.assert_close(to_images(layer(images)), expected)


def test_normalisation_is_over_all_but_the_channels() -> None:
    out = FieldNorm(2).double()(field())
    assert np.allclose(out.mean(dim=(0, 1, 2)).detach(), 0, atol=1e-12)
    assert np.allclose(out.var(dim=(0, 1, 2), unbiased=False).detach(), 1, atol=2e-3)


def test_fields_and_images_are_each_others_inverse() -> None:
    images = torch.arange(24.0).view(2, 3, 4)
    assert torch.equal(to_images(to_field(images)), images)
