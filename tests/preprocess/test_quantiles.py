"""Any distribution becomes normal, and comes back."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from moliere.errors import ConfigError
from moliere.preprocess import Facts
from moliere.preprocess.quantiles import EnergyQuantiles, QuantileTables, to_logit, to_normal

N = 20_000


def test_the_cubic_is_nearly_the_normal_distribution_and_has_an_exact_inverse() -> None:
    x = torch.linspace(-5, 5, 2001, dtype=torch.float64)
    assert (torch.sigmoid(to_logit(x)) - torch.special.ndtr(x)).abs().max() < 1.5e-4
    torch.testing.assert_close(to_normal(to_logit(x)), x)
    logit = torch.linspace(-14, 14, 1001)
    torch.testing.assert_close(to_logit(to_normal(logit)), logit, rtol=1e-5, atol=1e-5)


@pytest.fixture
def energy() -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.exp(torch.rand(N, generator=rng, dtype=torch.float64) * 5 + 6)


def columns(energy: torch.Tensor) -> torch.Tensor:
    """A skewed column that grows with energy, one with a spike of a third, and one that is absent half of the time."""
    rng = torch.Generator().manual_seed(1)
    skewed = energy * torch.rand(N, generator=rng, dtype=torch.float64) ** 3
    spike = torch.where(torch.rand(N, generator=rng) < 1 / 3, 2.0, torch.randn(N, generator=rng))
    absent = torch.where(torch.rand(N, generator=rng) < 0.5, math.nan, torch.randn(N, generator=rng))
    return torch.stack([skewed, spike, absent], dim=1)


def test_every_column_is_normal_at_every_energy_and_comes_back(energy: torch.Tensor) -> None:
    values = columns(energy)
    transform = EnergyQuantiles(3)
    transform.fit(values, Facts(energy))
    coded = transform(values, energy, torch.Generator().manual_seed(2))
    for part in (energy < energy.median(), energy >= energy.median()):
        for column in range(3):
            # the edges of a spike lie between two ranks of the table
            near = 0.06 if column == 1 else 0.03
            assert stats.kstest(coded[part, column].double().numpy(), "norm").statistic < near
    back = transform.inverse(coded, energy)
    has = ~values.isnan()
    wrong = (back - values).abs()[has] > 0.02 + 0.02 * values[has].abs()
    assert wrong.double().mean() < 1e-3, "only what lies beyond the last value of a table moves"
    assert back.isfinite().all(), "what is absent comes back as some number"


def test_nothing_leaves_the_range_of_the_training(energy: torch.Tensor) -> None:
    transform = EnergyQuantiles(1)
    transform.fit(columns(energy)[:, 1:2], Facts(energy))
    far = torch.tensor([[-40.0], [40.0], [0.0]])
    back = transform.inverse(far, energy[:3])
    seen = columns(energy)[:, 1]
    assert back.min() >= seen.min() - 1e-5
    assert back.max() <= seen.max() + 1e-5


def test_it_needs_the_incident_energy(energy: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match="incident energies"):
        EnergyQuantiles(1)(torch.zeros(2, 1))


def test_a_table_without_values_is_constant() -> None:
    tables = QuantileTables(3, 2)
    tables.fill(1, torch.zeros(0), torch.zeros(0), without=-5.0)
    value, slope = tables.read(torch.tensor([1.5]), torch.tensor([1]), torch.tensor([0.3]))
    assert value.item() == -5.0
    assert slope.item() == 0.0
