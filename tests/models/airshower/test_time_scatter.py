"""Arrival times of a simulation come to scatter as those of data do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from moliere.detectors import catalog
from moliere.models.airshower.time_scatter import TimeScatter

ARRAY = catalog.get("airshower-9x9")
LOW, HIGH = 2.0, 4.0  # signals in decades


def events(slope: float, scatter: float, clock: float, seed: int, n: int = 2_000) -> tuple[Tensor, Tensor]:
    """Plane fronts of up to a slope, seen by some of the stations, which scatter less with more signal."""
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    decades = LOW + (HIGH - LOW) * torch.rand(n, ARRAY.n_stations, generator=rng, dtype=torch.float64)
    slopes = slope * torch.rand(n, 2, generator=rng, dtype=torch.float64)
    times = slopes @ torch.tensor(ARRAY.stations[:, :2].T) + clock * normal(n, 1)
    times = times + scatter / decades * normal(n, ARRAY.n_stations)
    lit = torch.rand(n, ARRAY.n_stations, generator=rng) < 0.2
    return torch.where(lit, times, torch.nan), torch.where(lit, decades, 0.0)


def noise(seed: int = 0, n: int = 2_000) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1 + ARRAY.n_stations, generator=rng, dtype=torch.float64)


def fitted(slope: float) -> TimeScatter:
    model = TimeScatter(ARRAY)
    model.fit(events(slope, 120.0, 10.0, 1), events(slope, 300.0, 40.0, 2))
    return model


@pytest.mark.parametrize("slope", [0.0, 2e-3])
def test_simulated_times_scatter_as_datas_do(slope: float) -> None:
    """By its signal, whatever the directions; the clock, too, unless directions hide it: then it is left as it is."""
    times, decades = events(0.0, 120.0, 0.0, 3)
    found = fitted(slope)(times, decades, decades, noise())
    assert torch.equal(found.isfinite(), times.isfinite())
    common = found.nanmean(dim=1, keepdim=True)
    clock = (40.0**2 - 10.0**2) ** 0.5 if slope == 0 else 0.0
    assert common.std() == pytest.approx((clock**2 + (100.0 / 4) ** 2) ** 0.5, rel=0.05)
    for low in (LOW, 3.0, 3.6):
        inside = found.isfinite() & (decades > low) & (decades < low + 0.4)
        # an event's mean takes a sixteenth of its stations' scatter
        assert (found - common)[inside].std() == pytest.approx(300.0 / (low + 0.2), rel=0.06)


def test_the_signal_after_refinement_says_how_data_scatter() -> None:
    times, decades = events(0.0, 120.0, 0.0, 3)
    model = fitted(0.0)
    less, more = (model(times, decades, torch.full_like(decades, x), noise()) - times for x in (HIGH, LOW))
    assert less[times.isfinite()].std() < 0.75 * more[times.isfinite()].std()
    assert torch.equal(model(times, decades, decades, 0 * noise()).nan_to_num(), times.nan_to_num())


def test_times_that_scatter_more_than_datas_stay() -> None:
    simulation, data = events(0.0, 300.0, 40.0, 1), events(0.0, 120.0, 10.0, 2)
    model = TimeScatter(ARRAY)
    model.fit(simulation, data)
    torch.testing.assert_close(model(*simulation, simulation[1], noise()), simulation[0], equal_nan=True)


def test_too_few_stations_say_nothing() -> None:
    """Nothing is measured from events whose front is known no better than their times."""
    times, decades = events(0.0, 120.0, 10.0, 1, n=50)
    times[:, 5:], decades[:, 5:] = torch.nan, 0.0
    model = TimeScatter(ARRAY)
    model.fit((times, decades), (2 * times, decades))
    found = model(times, decades, decades, noise(n=50))
    torch.testing.assert_close(found, times, equal_nan=True)
