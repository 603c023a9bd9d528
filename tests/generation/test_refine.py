"""Refined events keep what came in, and lose the times of stations that fall silent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from moliere.detectors import SurfaceArray
from moliere.detectors.surface_array import station_positions
from moliere.errors import BundleError, InvalidEvents
from moliere.events import Events
from moliere.events.split import split_events
from moliere.generation.refine import refine_batches
from moliere.models import (
    BuildContext,
    Bundle,
    CalorimeterFlow,
    CalorimeterFlowConfig,
    TraceRefinerConfig,
    TraceRefinerGAN,
)

ARRAY = SurfaceArray("toy-array", station_positions(3, 1500e3, 0.0, "cartesian"), 20, 25.0, (3, 3))


def events(n: int = 30, detector: SurfaceArray = ARRAY) -> Events:
    rng = np.random.default_rng(0)
    traces = rng.exponential(20, (n, 9, detector.n_bins))
    traces[rng.random((n, 9)) < 0.3] = 0
    times = np.where(traces.sum(axis=2) > 0, rng.normal(size=(n, 9)), np.nan)
    incident = {"energy": rng.uniform(1e12, 1e14, n), "xmax": rng.normal(700, 50, n)}
    return Events(detector, incident, traces.reshape(n, -1), extras={"arrival_times": times})


def bundle(noise: int = 0, *, times: bool = False) -> Bundle:
    torch.manual_seed(0)
    config = TraceRefinerConfig(
        features=4, noise=noise, times=times, trace_channels=(4,), critic_features=4, critic_width=8
    )
    return Bundle("refiner", TraceRefinerGAN(config, BuildContext(ARRAY, ("energy",))))


class Silent(TraceRefinerGAN):
    """Silences the first station."""

    def refine(self, signals: Tensor, condition: Tensor, latent: Tensor | None = None) -> Tensor:
        out = signals.clone()
        out[:, :20] = 0
        return out


def test_what_came_in_stays(tmp_path: Path) -> None:
    source = events()
    refined = Events.concatenate(list(refine_batches(bundle(), source, batch_size=7)))
    assert refined.signals.shape == source.signals.shape
    for name, column in source.incident.items():
        assert np.array_equal(refined.incident[name], column)
    assert refined.metadata["refined_by"] == "moliere bundle refiner"
    assert set(refined.extras) == {"arrival_times"}


def test_silenced_stations_have_no_time() -> None:
    silent = bundle()
    silent.model.__class__ = Silent
    source = events()
    (refined,) = refine_batches(silent, source)
    times, before = refined.extras["arrival_times"], source.extras["arrival_times"]
    assert np.isnan(times[:, 0]).all()
    assert np.array_equal(times[:, 1:], before[:, 1:], equal_nan=True)


def noisy() -> Bundle:
    """Its first channel of noise counts."""
    drawn = bundle(noise=1)
    assert isinstance(drawn.model, TraceRefinerGAN)
    drawn.model.refiner.outward.weight.data += 0.1
    return drawn


def test_the_noise_of_an_event_is_its_own() -> None:
    """The same seed, whatever the batches; another seed, or another event of the same signals, has other noise."""
    source = events()
    whole, parts, other = (
        Events.concatenate(list(refine_batches(noisy(), source, batch_size=size, seed=seed)))
        for size, seed in ((100, 1), (7, 1), (100, 2))
    )
    np.testing.assert_allclose(whole.signals, parts.signals, rtol=1e-4, atol=1e-5)
    assert not np.allclose(whole.signals, other.signals)
    assert "original" not in whole.incident


def test_times_get_the_noise_that_they_lack() -> None:
    """Of 50 ns, of each event its own, and another one in each copy; silent stations have none."""
    source, drawn = events(200), bundle(noise=1, times=True)
    assert isinstance(drawn.model, TraceRefinerGAN)
    assert drawn.model.times is not None
    drawn.model.times.spread[1] = 50.0
    whole, parts = (
        Events.concatenate(list(refine_batches(drawn, source, batch_size=size, seed=1, copies=2))) for size in (100, 7)
    )
    times, before = whole.extras["arrival_times"], np.tile(source.extras["arrival_times"], (2, 1))
    assert np.array_equal(times, parts.extras["arrival_times"], equal_nan=True)
    assert np.array_equal(np.isnan(times), np.isnan(before))
    first, second = np.split(times - before, 2)
    assert np.nanstd(first) == pytest.approx(50, rel=0.1)
    assert np.nanstd(second - first) == pytest.approx(50 * 2**0.5, rel=0.1)


def test_copies_differ_and_stay_in_one_part() -> None:
    source = events()
    n = len(source)
    refined = Events.concatenate(list(refine_batches(noisy(), source, copies=3)))
    assert refined.incident["original"].tolist() == [*range(n)] * 3
    assert np.array_equal(refined.incident["energy"], np.tile(source.incident["energy"], 3))
    assert not np.allclose(refined.signals[:n], refined.signals[n : 2 * n])
    whole, once = split_events(refined), split_events(source)
    for part in ("train", "validation", "test"):
        expected = getattr(once, part)
        assert getattr(whole, part).tolist() == [*expected, *(expected + n), *(expected + 2 * n)]
    with pytest.raises(BundleError, match="draws no noise"):
        list(refine_batches(bundle(), source, copies=2))


def test_other_arrays_and_other_models_are_refused(polar_events: Events) -> None:
    with pytest.raises(InvalidEvents, match="has traces of"):
        list(refine_batches(bundle(), events(detector=replace(ARRAY, bin_width=50.0))))
    small = {"width": 8, "global_width": 8, "blocks": 1, "layer_width": 8, "layer_blocks": 1}
    flow = CalorimeterFlow(
        CalorimeterFlowConfig.model_validate(small), BuildContext(polar_events.detector, ("energy",))
    )
    with pytest.raises(BundleError, match="refines no events"):
        list(refine_batches(Bundle("flow", flow), polar_events))
