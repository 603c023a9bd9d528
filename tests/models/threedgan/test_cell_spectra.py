"""Independent normal numbers make cells that are lit as often, and as strongly, as those in the tables."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from moliere.models.threedgan.cell_spectra import CellSpectra, _normal_of

N, LAYERS, SIDE = 3_000, 2, 5


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distances(n: int = N) -> Tensor:
    """Of square cells of 4 mm."""
    steps = 4.0 * (torch.arange(SIDE) - SIDE // 2)
    return torch.hypot(steps[:, None], steps[None]).expand(n, LAYERS, SIDE, SIDE)


def incident(n: int = N) -> Tensor:
    return torch.logspace(3, 5, n, dtype=torch.float64)


def showers() -> Tensor:
    """The cell on the axis is always lit, with gamma-like energies; others are lit rarely, around 0.5 MeV."""
    share = torch.where(distances() == 0, 1.0, 0.3 * torch.exp(-distances() / 4))
    lit = torch.rand(share.shape, generator=rng()) < share
    core = incident().float()[:, None, None, None] / 1e3 * torch.rand(share.shape, generator=rng(1)).clamp(min=0.1)
    halo = 0.5 * (0.3 * torch.randn(share.shape, generator=rng(2))).exp()
    return lit * torch.where(distances() == 0, core, halo)


@pytest.fixture(scope="module")
def spectra() -> CellSpectra:
    spectra = CellSpectra(LAYERS, 4.0, 20.0)
    spectra.fit(showers(), distances(), incident())
    return spectra


def make(spectra: CellSpectra, counts: Tensor | None = None) -> Tensor:
    normals = torch.randn((N, LAYERS, SIDE, SIDE), generator=rng(5))
    made: Tensor = spectra(normals, distances(), incident(), counts)
    return made


@pytest.mark.parametrize("part", [slice(0, N // 3), slice(N // 3, 2 * N // 3), slice(2 * N // 3, N)])
def test_energies_and_occupancies_follow_the_showers(spectra: CellSpectra, part: slice) -> None:
    made, expected = make(spectra)[part], showers()[part]
    middle = SIDE // 2, SIDE // 2
    assert made[:, 0, *middle].mean() == pytest.approx(float(expected[:, 0, *middle].mean()), rel=0.05)
    assert (made > 0).float().mean() == pytest.approx(float((expected > 0).float().mean()), rel=0.05)
    halo, known = (values[:, :, 0, 1][values[:, :, 0, 1] > 0].log() for values in (made, expected))
    assert halo.mean() == pytest.approx(float(known.mean()), abs=0.1)
    assert halo.std() == pytest.approx(float(known.std()), abs=0.1)


def test_counts_are_kept(spectra: CellSpectra) -> None:
    counts = torch.randint(0, SIDE**2 + 1, (N, LAYERS), generator=rng(6)).double()
    assert torch.equal((make(spectra, counts) > 0).sum((2, 3)).double(), counts)


def test_larger_numbers_make_larger_energies(spectra: CellSpectra) -> None:
    normals = torch.randn((3, LAYERS, SIDE, SIDE), generator=rng(7)).requires_grad_()
    made = spectra(normals, distances(3), incident(3))
    made.sum().backward()
    assert normals.grad is not None
    assert (normals.grad >= 0).all()
    assert normals.grad.isfinite().all()
    assert (normals.grad > 0).sum() > 0.9 * (made > 0).sum()


def test_nothing_is_made_of_nothing() -> None:
    spectra = CellSpectra(LAYERS, 4.0, 20.0)
    spectra.fit(torch.zeros(4, LAYERS, SIDE, SIDE), distances(4), incident(4))
    assert make(spectra).isfinite().all()
    assert (make(spectra) > 0).float().mean() < 1e-3


def test_the_normal_quantile_is_close() -> None:
    share = torch.linspace(0.001, 0.999, 999)
    assert (_normal_of(share) - torch.special.ndtri(share)).abs().max() < 0.05
    assert math.isclose(_normal_of(torch.tensor(0.5)).item(), 0.0, abs_tol=1e-6)
