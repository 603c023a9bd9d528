from __future__ import annotations

import torch

from moliere.models.boltzmann_vae.cells import HitCells, NormalCells, main_directions


def test_directions_are_found_in_every_turn() -> None:
    """Showers that vary on one side only: turned showers would vary on the others as well."""
    rng = torch.Generator().manual_seed(0)
    turns = torch.stack([torch.arange(60).view(6, 10).roll(k, 0).flatten() for k in range(6)])
    pattern = torch.zeros(60)
    pattern[:10] = torch.randn(10, generator=rng)
    pattern /= pattern.norm()
    numbers = torch.randn(400, 60, generator=rng) + 4 * torch.randn(400, 1, generator=rng) * pattern
    found = main_directions(numbers, turns, 6, rng)
    torch.testing.assert_close(found @ found.T, torch.eye(6), atol=1e-4, rtol=0)
    shares = torch.stack([(found @ pattern[turn]).square().sum() for turn in turns])
    assert shares.min() > 0.9
    one = main_directions(numbers, turns[:1], 1, rng)
    assert (one @ pattern).abs() > 0.95
    assert (one @ pattern[turns[1]]).abs() < 0.2


def test_the_next_sub_decoder_sees_numbers_of_order_one() -> None:
    first, second = torch.tensor([9.0, -9.0, 0.0]), torch.tensor([8.0, 8.0, 2.0])
    torch.testing.assert_close(HitCells.answer(first, second), torch.tensor([1.0, 0.0, 0.133]), atol=2e-3, rtol=0)
    torch.testing.assert_close(NormalCells.answer(first, second), torch.tensor([2.943, 21.746, 2.0]), atol=2e-3, rtol=0)
