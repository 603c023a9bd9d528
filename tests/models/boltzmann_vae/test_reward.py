from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from moliere.models.boltzmann_vae.bits import Bits, Shower, bernoulli_divergence, draw_bits, log_probability
from moliere.models.boltzmann_vae.boltzmann import all_states
from moliere.models.boltzmann_vae.reward import discounted, policy_gradient, reward_loss

LEVELS = (2, 1, 2)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Toy(nn.Module):
    """Three levels of bits, logits linear in the shower and in the levels before; what bits tell is a table.

    Args:
        telling: scale of the table; at 0 only divergences are left.
    """

    def __init__(self, telling: float) -> None:
        super().__init__()
        before = [sum(LEVELS[:k]) for k in range(3)]
        shapes = [(size, 1 + 2 + seen) for size, seen in zip(LEVELS, before, strict=True)]
        self.own = nn.ParameterList(nn.Parameter(torch.randn(shape, generator=rng(1))) for shape in shapes)
        self.tables = [telling * torch.randn(2 ** sum(LEVELS[k:]), generator=rng(2 + k)) for k in range(3)]
        self.prior = torch.rand(sum(LEVELS), generator=rng(9)).clamp(0.1, 0.9)

    def encode(self, shower: Shower, draw: Callable[[Tensor], Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        logits: list[Tensor] = []
        bits: list[Tensor] = []
        for weight in self.own:
            seen = torch.cat([torch.ones(len(shower.x), 1), shower.x, *bits], dim=1)
            logits.append(seen @ weight.T)
            bits.append(draw(logits[-1]))
        return logits, bits

    def log_likelihood_from(self, level: int, bits: Bits, shower: Shower) -> Tensor:
        left = torch.cat(list(bits[level:]), dim=1)
        number = (left @ 2.0 ** torch.arange(left.shape[1])).long()
        return self.tables[level][number] * (1 + shower.x[:, 0])

    def prior_means(self, shower: Shower, rng: torch.Generator) -> list[Tensor]:
        moved = torch.sigmoid(torch.logit(self.prior) + shower.x[:, :1])
        return list(moved.split(LEVELS, dim=1))


def event(n: int) -> Shower:
    x = torch.tensor([[0.7, -1.2]]).expand(n, -1)
    return Shower(x, x, x, x, x)


def true_slopes(toy: Toy, price: float, discount: float) -> list[Tensor]:
    """Of minus the mean of each level's Q by that level's parameters, all 32 states summed."""
    states = all_states(sum(LEVELS))
    bits, shower = list(states.split(LEVELS, dim=1)), event(len(states))
    given = iter(bits)
    logits, _ = toy.encode(shower, lambda _: next(given))
    probability = sum(log_probability(a, b) for a, b in zip(logits, bits, strict=True)).exp()  # type: ignore[union-attr]
    prior = toy.prior_means(shower, rng())
    rewards = torch.stack(
        [
            toy.log_likelihood_from(k, bits, shower) - price * bernoulli_divergence(logits[k], prior[k]).sum(dim=1)
            for k in range(3)
        ],
        dim=1,
    )
    q = torch.stack([sum(discount ** (s - t) * rewards[:, s] for s in range(t, 3)) for t in range(3)], dim=1)  # type: ignore[arg-type]
    mean = -(probability[:, None] * q).sum(dim=0)
    return [torch.autograd.grad(mean[t], toy.own[t], retain_graph=True)[0] for t in range(3)]


@pytest.mark.parametrize(("telling", "price", "discount"), [(0.0, 1.0, 0.0), (0.0, 0.5, 1.0), (1.0, 1.0, 0.7)])
def test_the_estimators_mean_is_the_true_gradient(telling: float, price: float, discount: float) -> None:
    """60 times 20,000 draws against enumeration, with errors from how the 60 scatter."""
    toy, shower, draws = Toy(telling), event(10_000), rng(3)
    truth = true_slopes(toy, price, discount)
    found = []
    for _ in range(60):
        loss = reward_loss(toy, shower, draws, price, discount)
        found.append(torch.autograd.grad(loss, list(toy.own)))
    for t in range(3):
        slopes = torch.stack([one[t] for one in found])
        error = slopes.std(dim=0) / 60**0.5
        assert truth[t].abs().max() > 0.03
        assert ((slopes.mean(dim=0) - truth[t]).abs() < 5 * error + 1e-4).all()
        assert error.max() < 0.1 * truth[t].abs().max()


def test_the_score_function_alone_misses_the_divergence() -> None:
    """What the reward once was: its mean is zero where the true gradient is not."""
    toy, shower = Toy(0.0), event(20_000)
    truth = true_slopes(toy, 1.0, 0.0)[0]
    prior = toy.prior_means(shower, rng())[0]
    logits, _ = toy.encode(shower, lambda level: draw_bits(level, rng(4)).detach())
    bits = [draw_bits(logits[0], rng(seed)).detach() for seed in (5, 6)]
    price = -bernoulli_divergence(logits[0], prior).sum(dim=1)
    loss = policy_gradient((price, price), (log_probability(logits[0], bits[0]), log_probability(logits[0], bits[1])))
    (slope,) = torch.autograd.grad(loss, toy.own[0])
    assert slope.abs().max() < 1e-6
    assert truth.abs().max() > 0.05


def test_heads_learn_from_the_reward() -> None:
    """The slope of the value by what a head says is minus one, shared by two draws."""
    toy = Toy(1.0)
    toy.tables = [table.requires_grad_() for table in toy.tables]
    loss = reward_loss(toy, event(1000), rng(3))
    slopes = torch.autograd.grad(loss, toy.tables)
    for slope in slopes:
        assert float(slope.sum()) == pytest.approx(-1.7, abs=1e-3)


def test_the_value_is_that_of_heads_and_divergences() -> None:
    """The score function moves what is learned and not what is shown."""
    toy, shower = Toy(1.0), event(4000)
    one, two = (float(reward_loss(toy, shower, rng(3), 1.0, discount).detach()) for discount in (0.0, 1.0))
    assert one == two


def test_later_rewards_count_less() -> None:
    rewards = torch.tensor([[1.0, 2.0, 4.0]])
    assert discounted(rewards, 1.0).tolist() == [[7, 6, 4]]
    assert discounted(rewards, 0.0).tolist() == [[1, 2, 4]]
    assert discounted(rewards, 0.5).tolist() == [[3, 4, 4]]


def test_the_policy_gradient_is_that_of_the_mean_reward() -> None:
    """Against the sum over all states of four bits."""

    def worth(bits: Tensor) -> Tensor:
        return bits @ torch.tensor([1.0, -2.0, 0.5, 3.0]) + 2 * bits[:, 0] * bits[:, 3]

    logits = torch.tensor([0.3, -0.5, 1.0, -1.0], requires_grad=True)
    states = all_states(4)
    mean = (log_probability(logits.expand(16, 4), states).exp() * worth(states)).sum()
    (truth,) = torch.autograd.grad(mean, logits)
    many = logits.expand(40_000, 4)
    one, two = (draw_bits(many, rng(seed)).detach() for seed in (1, 2))
    loss = policy_gradient((worth(one), worth(two)), (log_probability(many, one), log_probability(many, two)))
    (estimate,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(-estimate, truth, atol=0.05, rtol=0)
