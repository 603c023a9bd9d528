"""Every registered transform keeps its promise, and each does what its formula says."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from moliere.detectors import catalog
from moliere.errors import ConfigError
from moliere.preprocess import (
    Affine,
    BoxCox,
    Chain,
    ConditionEncoding,
    Counts,
    EnergyLadder,
    EnergyQuantiles,
    EnergyStandardise,
    Facts,
    IncidentFraction,
    LayerShares,
    Log,
    Logit,
    LogitFraction,
    PhaseSpaceRanges,
    Polar,
    QuantileNormal,
    SignedRoot,
    Standardise,
    Transform,
    ZeroBand,
    keep_largest,
    transforms,
)

N, SIZES = 200, [3, 1, 4]
ENERGY = 256.0 * 2.0 ** (torch.arange(N) % 5).double()


def voxels() -> Tensor:
    """Energies with empty cells and empty layers, none below 1."""
    rng = torch.Generator().manual_seed(0)
    values = 1 + 50 * torch.rand(N, sum(SIZES), generator=rng)
    values[torch.rand(values.shape, generator=rng) < 0.4] = 0
    values[::3, :3] = 0
    values[::7, 4:] = 0
    values[0] = 0
    return values


def layers() -> Tensor:
    return LayerShares(SIZES).sum_layers(voxels())


def muons() -> Tensor:
    """Charge, x, y, z, px, py, pz within the ranges of ``ship-muons``."""
    sizes, centre = [1.0, 50, 50, 2e3, 500, 500, 4e4], [0.0, 0, 0, -67e3, 0, 0, 6e4]
    spread = 2 * torch.rand(N, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    values = spread * torch.tensor(sizes) + torch.tensor(centre)
    values[:, 0] = values[:, 0].sign()
    return values


#: name → the transform and values that it is made for
CASES: dict[str, Callable[[], tuple[Transform, Tensor]]] = {
    "incident-fraction": lambda: (IncidentFraction(), voxels()),
    "energy-ladder": lambda: (EnergyLadder(), layers()),
    "layer-shares": lambda: (LayerShares(SIZES), voxels()),
    "zero-band": lambda: (ZeroBand(1.0), voxels()),
    "log": lambda: (Log(1e-3), voxels()),
    "logit": lambda: (Logit(1e-6), torch.cat([torch.zeros(N, 1), torch.ones(N, 1), torch.rand(N, 3)], 1).double()),
    "logit-fraction": lambda: (LogitFraction(), voxels()),
    "standardise": lambda: (Standardise(8), voxels().double()),
    "energy-standardise": lambda: (EnergyStandardise(8, n_knots=4), voxels().double()),
    "energy-quantiles": lambda: (EnergyQuantiles(8), voxels()),
    "counts": lambda: (Counts(SIZES), torch.tensor(SIZES) - torch.randint(0, 2, (N, 3))),
    "polar": lambda: (Polar(), muons()),
    "phase-space-ranges": lambda: (PhaseSpaceRanges(catalog.get("ship-muons").columns), muons()),
    "signed-root": lambda: (SignedRoot([1, 2]), muons()),
    "affine": lambda: (Affine([1, 2], 0.4, 0.1), muons()),
    "quantile-normal": lambda: (QuantileNormal([1, 6], n_quantiles=50), muons()),
    "box-cox": lambda: (BoxCox([6]), muons()),
}


def test_every_registered_transform_is_tested() -> None:
    assert set(CASES) == set(transforms)


@pytest.mark.parametrize("name", sorted(CASES))
def test_inverse_undoes_forward_zeros_included(name: str) -> None:
    transform, values = CASES[name]()
    transform.fit(values, Facts(ENERGY))
    coded = transform(values, ENERGY, torch.Generator().manual_seed(1))
    assert coded.isfinite().all()
    back = transform.inverse(coded, ENERGY)
    torch.testing.assert_close(back.double(), values.double(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_state_travels_in_the_state_dict(name: str) -> None:
    transform, values = CASES[name]()
    transform.fit(values, Facts(ENERGY))
    other, _ = CASES[name]()
    other.load_state_dict(transform.state_dict())
    one, two = (t(values, ENERGY, torch.Generator().manual_seed(1)) for t in (transform, other))
    assert torch.equal(one, two)


def test_a_chain_fits_each_part_on_what_the_ones_before_make() -> None:
    chain = Chain([ZeroBand(1.0), Log(), Standardise(8)])
    chain.fit(voxels(), Facts(ENERGY))
    coded = chain(voxels(), ENERGY, torch.Generator().manual_seed(0))
    torch.testing.assert_close(coded.mean(0), torch.zeros(8, dtype=coded.dtype), atol=1e-6, rtol=0)
    torch.testing.assert_close(chain.inverse(coded, ENERGY).float(), voxels(), rtol=1e-5, atol=1e-5)


def test_the_ladder_is_total_over_incident_then_shares_of_the_rest() -> None:
    coded = EnergyLadder()(torch.tensor([[10.0, 0.0, 30.0]]), torch.tensor([80.0]))
    torch.testing.assert_close(coded, torch.tensor([[0.5, 0.25, 0.0]], dtype=torch.float64))


@pytest.mark.parametrize("seed", range(3))
def test_the_ladder_makes_physical_energies_of_anything(seed: int) -> None:
    junk = 3 * torch.randn(50, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    energies = EnergyLadder().inverse(junk, torch.full((50,), 100.0))
    assert (energies >= 0).all()
    torch.testing.assert_close(energies.sum(1), 100 * junk[:, 0].clamp(min=0))


def test_noise_fills_the_band_below_the_threshold_only() -> None:
    coded = ZeroBand(2.0, decades=1.0)(torch.zeros(1000, 2), torch.ones(1000), torch.Generator().manual_seed(0))
    assert coded.max() < 2.0
    assert coded.min() >= 0.2
    # log-uniform: half of it above the geometric middle
    assert abs((coded > 2.0 / math.sqrt(10)).double().mean() - 0.5) < 0.05


def test_shares_are_normalised_whatever_a_network_makes() -> None:
    transform = LayerShares(SIZES)
    signals = transform.join(torch.tensor([[6.0, 0.0, 2.0]]), torch.rand(1, 8) + 0.1)
    torch.testing.assert_close(transform.sum_layers(signals), torch.tensor([[6.0, 0.0, 2.0]]))


def test_standardisation_follows_the_energy_and_interpolates_between_knots() -> None:
    energy = torch.tensor([100.0, 10000.0]).repeat_interleave(500).double()
    values = energy.log()[:, None] + torch.randn(1000, 1, generator=torch.Generator().manual_seed(0)).double()
    scale = EnergyStandardise(1, n_knots=2)
    scale.fit(values, Facts(energy))
    middle = scale.inverse(torch.zeros(1, 1, dtype=torch.float64), torch.tensor([1000.0]))
    assert abs(middle.item() - math.log(1000)) < 0.1


def test_fewer_energies_than_knots_are_enough() -> None:
    scale = EnergyStandardise(2, n_knots=8)
    values = torch.randn(100, 2, generator=torch.Generator().manual_seed(0)).double()
    energy = torch.full((100,), 500.0, dtype=torch.float64)
    scale.fit(values, Facts(energy))
    coded = scale(values, energy)
    torch.testing.assert_close(coded.std(0, correction=0), torch.ones(2, dtype=torch.float64), rtol=1e-6, atol=0)
    assert scale(values, energy * 3).isfinite().all()


def test_keep_largest_keeps_so_many_of_each_layer() -> None:
    kept = keep_largest(torch.tensor([[1.0, 3.0, 2.0, 5.0]]), torch.tensor([[2, 0]]), [slice(0, 3), slice(3, 4)])
    assert kept.tolist() == [[0.0, 3.0, 2.0, 0.0]]


def test_a_logit_needs_a_small_epsilon() -> None:
    with pytest.raises(ConfigError, match="such as 1e-6"):
        Logit(0.7)


def test_conditions_are_of_order_one_and_particles_one_hot() -> None:
    encoding = ConditionEncoding(["energy", "theta", "pdg_id", "mass"], particles=[11, 22])
    condition = torch.tensor([[1e3, 0.5, 11, 0.5], [1e5, 1.0, 22, 1.5]], dtype=torch.float64)
    encoding.fit(condition)
    coded = encoding(condition)
    assert coded.shape == (2, encoding.width)
    assert coded.abs().max() <= 1 + 1e-6
    torch.testing.assert_close(coded[:, 5:7], torch.stack([condition[:, 1].sin(), condition[:, 1].cos()], 1).float())
    assert coded[:, 7:9].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert coded[:, 0].tolist() == [-1.0, 1.0]


def test_a_condition_without_energy_is_refused() -> None:
    with pytest.raises(ConfigError, match="'energy' must be one of them"):
        ConditionEncoding(["theta"])


def test_energies_that_are_needed_are_asked_for() -> None:
    for transform in (IncidentFraction(), EnergyLadder(), EnergyStandardise(8), LogitFraction()):
        with pytest.raises(ConfigError, match="needs incident energies"):
            transform(voxels())
    with pytest.raises(ConfigError, match="needs incident energies"):
        EnergyStandardise(8).fit(voxels(), Facts(weights=ENERGY))


def test_weights_do_not_stand_where_energies_belong() -> None:
    """A chain hands both on by name: standardising follows the energies and not the weights."""
    scale, values = Chain([EnergyStandardise(8, n_knots=4)]), voxels().double()
    scale.fit(values, Facts(energy=ENERGY, weights=torch.rand(N)))
    other = Chain([EnergyStandardise(8, n_knots=4)])
    other.fit(values, Facts(ENERGY))
    assert torch.equal(scale(values, ENERGY), other(values, ENERGY))
