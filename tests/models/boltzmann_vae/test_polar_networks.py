from __future__ import annotations

import math
from itertools import pairwise, product

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, MultivariateNormal, kl_divergence

from moliere.models.boltzmann_vae.bits import bernoulli_divergence, draw_bits, entropy, log_probability
from moliere.models.boltzmann_vae.boltzmann import all_states
from moliere.models.boltzmann_vae.cells import HitCells
from moliere.models.boltzmann_vae.layer_numbers import CorrelatedNormal
from moliere.models.boltzmann_vae.polar_convolution import (
    LinearAttention,
    PolarConvolution,
    half_turn,
    pyramid,
    strides,
)
from moliere.models.boltzmann_vae.voxel_decoder import HierarchicalDecoder, grow
from moliere.models.boltzmann_vae.voxel_encoder import HierarchicalEncoder, position_code


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(z, a, r) for z in range(1, 15) for a in (1, 6, 14, 16) for r in (1, 9, 24)])
def test_a_pyramid_is_what_strided_convolutions_make(shape: tuple[int, int, int]) -> None:
    cells = torch.zeros(1, 1, *shape)
    for fine, coarse in pairwise(pyramid(shape, 3)):
        cells = PolarConvolution(1, 1, strides(fine, coarse))(cells)
        assert tuple(cells.shape[2:]) == coarse


def test_sectors_are_halved_only_into_equal_ones() -> None:
    assert [alpha for _, alpha, _ in pyramid((7, 14, 24), 4)] == [14, 7, 7, 7, 7]
    assert [alpha for _, alpha, _ in pyramid((45, 16, 9), 4)] == [16, 8, 4, 2, 2]


@pytest.mark.parametrize("turn", [1, 5, 7])
def test_a_turned_shower_gives_a_turned_answer(turn: int) -> None:
    torch.manual_seed(0)
    layer = PolarConvolution(2, 3)
    cells = torch.randn(2, 2, 4, 14, 6, generator=rng())
    torch.testing.assert_close(layer(cells.roll(turn, dims=3)), layer(cells).roll(turn, dims=3))


def test_the_axis_is_crossed_to_the_other_side() -> None:
    """A kernel that only looks one ring inwards sees, from the innermost ring, the opposite sector."""
    layer = PolarConvolution(1, 1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 1, 0] = 1
        assert layer.bias is not None
        layer.bias.zero_()
        cells = torch.randn(1, 1, 3, 8, 5, generator=rng())
        seen = layer(cells)
    torch.testing.assert_close(seen[..., 0], cells[..., 0].roll(4, dims=-1))
    torch.testing.assert_close(seen[..., 1:], cells[..., :-1])


def test_half_a_turn_of_odd_sectors_lies_between_two() -> None:
    assert half_turn(torch.tensor([[1.0], [0], [0]])).flatten().tolist() == [0, 0.5, 0.5]
    twice = half_turn(half_turn(torch.tensor([[1.0], [0], [0], [0]])))
    assert twice.flatten().tolist() == [1, 0, 0, 0]


def test_cells_grow_by_repeating() -> None:
    cells = torch.arange(3.0).view(1, 1, 1, 1, 3)
    assert grow(cells, (1, 2, 5))[0, 0, 0].tolist() == [[0, 0, 1, 1, 2]] * 2


def test_attention_is_the_sum_over_all_cells() -> None:
    torch.manual_seed(0)
    layer = LinearAttention(3, 4)
    x = torch.randn(2, 3, 2, 3, 2, generator=rng())
    query, key, value = layer.ask(x).flatten(2).chunk(3, dim=1)
    expected = torch.zeros_like(value)
    for n, i, j in product(range(2), range(12), range(12)):
        weight = (query[n, :, i].softmax(0) * key[n].softmax(1)[:, j]).sum()
        expected[n, :, i] += weight * value[n, :, j]
    torch.testing.assert_close(layer(x), x + layer.answer(expected.view(2, 4, 2, 3, 2)))


def test_every_sub_decoder_has_a_say_in_all_layers() -> None:
    torch.manual_seed(0)
    decoder = HierarchicalDecoder((7, 6, 4), (3, 3, 3), 2, (4, 8), HitCells.answer)
    bits, told = [torch.ones(1, 3, requires_grad=True) for _ in range(3)], torch.zeros(1, 2)
    hits, activations = decoder(bits, told)
    assert hits.shape == activations.shape == (1, 7 * 6 * 4)
    for carry in decoder.carry:
        (slope,) = torch.autograd.grad(hits.sum(), carry.weight, retain_graph=True)
        assert slope.abs().sum() > 0


# bits


def test_bits_have_the_probabilities_of_their_logits() -> None:
    logits = torch.tensor([-2.0, 0.0, 1.0])
    bits = draw_bits(logits.expand(20_000, 3), rng())
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    # 5 standard deviations of 20,000 coins
    torch.testing.assert_close(bits.mean(dim=0), logits.sigmoid(), atol=0.018, rtol=0)


def test_relaxed_bits_become_bits_and_pass_gradients() -> None:
    logits = torch.randn(50, generator=rng()).requires_grad_()
    hard, sharp = draw_bits(logits, rng(1)), draw_bits(logits, rng(1), 1e5)
    torch.testing.assert_close(hard, sharp)
    soft = draw_bits(logits, rng(1), 2.0)
    assert ((soft > 0) & (soft < 1)).all()
    (slope,) = torch.autograd.grad(soft.sum(), logits)
    assert (slope > 0).all()


def test_entropy_and_divergence_are_those_of_torch() -> None:
    logits = torch.tensor([[-30.0, -1.0, 0.0, 2.0, 40.0]], dtype=torch.float64)
    marginal = torch.tensor([0.1, 0.2, 0.5, 0.7, 0.9], dtype=torch.float64)
    torch.testing.assert_close(entropy(logits), Bernoulli(logits=logits).entropy().sum(dim=1))
    expected = kl_divergence(Bernoulli(logits=logits), Bernoulli(marginal[None]))
    torch.testing.assert_close(bernoulli_divergence(logits, marginal), expected, atol=1e-6, rtol=1e-6)
    states = all_states(5).double()
    total = log_probability(logits.clamp(-3, 3).expand(32, 5), states).exp().sum()
    assert float(total) == pytest.approx(1)


def test_the_normal_head_is_a_normal_distribution() -> None:
    torch.manual_seed(0)
    head = CorrelatedNormal(2, 8, 3).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng(3)) / 2)
    told, x = torch.randn(5, 2, generator=rng(1)).double(), torch.randn(5, 3, generator=rng(2)).double()
    mean, log_spread = head.describe(told)
    truth = MultivariateNormal(mean, scale_tril=log_spread.exp()[:, :, None] * head.factor)
    torch.testing.assert_close(head.negative_log_likelihood(told, x), -truth.log_prob(x))
    noise = torch.randn(5, 3, generator=rng(4)).double()
    constant = head.log_scale.sum() + 1.5 * math.log(2 * math.pi)
    expected = noise.square().sum(dim=1) / 2 + log_spread.sum(dim=1) + constant
    torch.testing.assert_close(head.negative_log_likelihood(told, head(told, noise)), expected)


def test_earlier_bits_become_the_published_number() -> None:
    """The sum over copies and bits as it is published, term by term."""
    bits = torch.randint(0, 2, (3, 40), generator=rng()).float()
    m = torch.arange(40)
    copies = [
        (bits * torch.cos(torch.pi * m / 40) + (1 - bits) * torch.sin(torch.pi * m / 40)) / 40**0.5
        for _ in range(1, 40 // 4 - 1)
    ]
    torch.testing.assert_close(position_code(bits), torch.stack(copies).sum(dim=(0, 2)) / 39)


def test_an_encoder_of_positions_knows_nothing_else_of_earlier_bits() -> None:
    """Of twelve bits, the energy's four first, nodes 7 and 11 move the number as far as each other and 9 further."""
    torch.manual_seed(0)
    encoder = HierarchicalEncoder((5, 6, 4), 2, (4, 8), 16, (8, 4), positions=True)
    x, told = torch.rand(1, 120, generator=rng()), torch.zeros(1, 2)

    def second(*nodes: int) -> Tensor:
        first = torch.zeros(1, 8)
        first[0, [node - 4 for node in nodes]] = 1
        levels = iter([first, torch.zeros(1, 4)])
        logits: Tensor = encoder(x, told, torch.zeros(1, 4), lambda _: next(levels))[0][1]
        return logits

    torch.testing.assert_close(second(7), second(11))
    assert not torch.allclose(second(7), second(9))
