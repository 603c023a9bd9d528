"""AixNet and the constrainer: published sizes, silent stations, targets there and back, arrays of other sizes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from moliere.detectors import SurfaceArray, catalog
from moliere.detectors.surface_array import station_positions
from moliere.errors import ConfigError, DetectorError, InvalidEvents
from moliere.events import Events
from moliere.models import (
    AixNet,
    AixNetConfig,
    Batch,
    BuildContext,
    Bundle,
    Constrainer,
    ConstrainerConfig,
    load_bundle,
    save_bundle,
)
from moliere.models.airshower.dense_separable import DenseSeparable, Tower
from moliere.models.airshower.targets import Targets
from moliere.models.airshower.trace_encoder import TraceEncoder
from moliere.simulators import AirShower
from moliere.units import EeV, TeV

COLUMNS = ("energy", "theta", "phi", "core_x", "core_y", "xmax")
SMALL = {"trace_channels": [8], "features": 4, "growth": 8, "blocks": 2, "tower_channels": [8]}


@pytest.fixture(scope="module")
def array() -> SurfaceArray:
    """5 × 5 stations of 20 bins."""
    return SurfaceArray("toy-array", station_positions(5, 1500e3, 1400e3, "cartesian"), 20, 100.0, (5, 5))


@pytest.fixture(scope="module")
def showers(array: SurfaceArray) -> Events:
    rng = np.random.default_rng(0)
    simulator = AirShower(array, max_zenith=0.8)
    return simulator.simulate({"energy": rng.uniform(5 * EeV, 100 * EeV, 300)}, rng)


def batch_of(events: Events, columns: tuple[str, ...] = COLUMNS) -> Batch:
    condition = np.stack([events.incident[name] for name in columns], axis=1)
    times = torch.tensor(events.extras["arrival_times"])
    return Batch(torch.tensor(condition), torch.tensor(events.signals), extras={"arrival_times": times})


def build(events: Events, columns: tuple[str, ...] = COLUMNS, **settings: object) -> AixNet:
    torch.manual_seed(0)
    model = AixNet(AixNetConfig.model_validate({**SMALL, **settings}), BuildContext(events.detector, columns))
    model.fit_transforms(batch_of(events, columns))
    return model


def count(*modules: torch.nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def test_the_textbook_network_has_its_published_size() -> None:
    """Two maps of 9 × 9, towers for an axis, a core and an energy: 177 016 parameters."""
    trunk = DenseSeparable(2)
    towers = [Tower(trunk.out_channels, (9, 9), (32, 32, 48), outputs) for outputs in (3, 2, 1)]
    assert count(trunk, *towers) == 177_016


def test_twelve_maps_of_the_published_array() -> None:
    detector = catalog.get("airshower-9x9")
    model = AixNet(AixNetConfig(), BuildContext(detector, ("energy",)))
    lengths = [layer.kernel_size for layer in model.encoder.layers if isinstance(layer, torch.nn.Conv1d)]
    assert lengths == [(7,), (7,), (4,)]  # 80 → 19 → 4 → 1
    maps = model._maps(torch.ones(2, detector.n_channels), torch.zeros(2, 81))
    assert maps.shape == (2, 12, 9, 9)


def test_targets_come_back() -> None:
    targets = Targets(COLUMNS)
    rng = np.random.default_rng(0)
    phi, theta = rng.uniform(-np.pi, np.pi, 50), np.arccos(rng.uniform(0.3, 1, 50))
    core = rng.normal(0, 5e5, (50, 2))
    condition = torch.tensor(
        np.column_stack([rng.uniform(1, 100, 50) * EeV, theta, phi, core, rng.normal(750, 60, 50)])
    )
    targets.fit(condition)
    encoded = targets.encode(condition)
    assert encoded.shape == (50, 1 + 3 + 2 + 1)
    torch.testing.assert_close(targets.decode(encoded), condition, rtol=1e-4, atol=1e-4)
    standardised = targets.split(encoded)
    assert {name: round(float(part.square().mean()), 3) for name, part in standardised.items()} == dict.fromkeys(
        ("energy", "axis", "core", "xmax"), 1.0
    )


def test_a_target_that_does_not_vary_has_no_scale() -> None:
    targets = Targets(("theta", "phi"))
    vertical = torch.zeros(5, 2, dtype=torch.float64)
    targets.fit(vertical)
    assert targets.decode(targets.encode(vertical))[:, 0].abs().max() < 1e-6
    tilted = torch.tensor([[0.1, 0.2, 1.0]])
    direction = targets.decode(tilted - torch.tensor([[0.0, 0.0, 1.0]]))
    assert direction[0].tolist() == pytest.approx([math.atan(math.hypot(0.1, 0.2)), math.atan2(0.2, 0.1)], rel=1e-6)


@pytest.mark.parametrize(("columns", "words"), [(("theta",), "add the other one"), ((), "predicts numbers")])
def test_what_cannot_be_predicted(columns: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Targets(columns)


def test_silent_stations_are_zero_in_every_map(showers: Events) -> None:
    model = build(showers).eval()
    batch = batch_of(showers)[:20]
    maps = model._maps(batch.signals, batch.extras["arrival_times"]).flatten(2)
    silent = batch.extras["arrival_times"].isnan()
    assert silent.any()
    assert not silent.all()
    assert not maps.transpose(1, 2)[silent].any()
    assert maps[:, -1][~silent].gt(0).all()
    assert maps.isfinite().all()


def test_nan_signals_are_silence(showers: Events, array: SurfaceArray) -> None:
    model = build(showers).eval()
    batch = batch_of(showers)[:20]
    traces = batch.signals.unflatten(1, (array.n_stations, array.n_bins)).clone()
    traces[batch.extras["arrival_times"].isnan()] = torch.nan
    one, other = (model.reconstruct(signals, batch.extras) for signals in (batch.signals, traces.flatten(1)))
    assert torch.equal(one, other)
    assert one.isfinite().all()
    assert one.shape == (20, len(COLUMNS))


def test_a_silent_event_and_no_event(showers: Events, array: SurfaceArray) -> None:
    model = build(showers).eval()
    for n in (0, 1):
        times = torch.full((n, array.n_stations), torch.nan)
        found = model.reconstruct(torch.zeros(n, array.n_channels), {"arrival_times": times})
        assert found.shape == (n, len(COLUMNS))
        assert found.isfinite().all()


def test_arrival_times_are_asked_for(showers: Events, array: SurfaceArray) -> None:
    model = build(showers)
    signals = torch.zeros(2, array.n_channels)
    with pytest.raises(InvalidEvents, match="needs the extra 'arrival_times'"):
        model.reconstruct(signals, {})
    with pytest.raises(InvalidEvents, match=r"expected \(2, 25\)"):
        model.reconstruct(signals, {"arrival_times": torch.zeros(2, 9)})


def test_training_finds_the_energy(showers: Events) -> None:
    model = build(showers, ("energy", "core_x", "core_y"))
    batch = batch_of(showers, model.targets)
    (objective,) = model.objectives()
    optimizer = torch.optim.Adam(objective.parameters(), lr=5e-3)
    rng = torch.Generator().manual_seed(0)
    for step in range(120):
        loss = objective.loss(batch[torch.arange(64) + 16 * (step % 14)], rng)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    assert all(parameter.grad is not None for parameter in model.parameters())
    found = model.eval().reconstruct(batch.signals, batch.extras)
    ratio = found[:, 0] / batch.condition[:, 0]
    assert ratio.log().std() < 0.4  # 0.71 without looking at the signals
    assert ratio.log().mean().abs() < 0.1


def test_an_array_that_is_too_small_is_told_by_which_layer() -> None:
    with pytest.raises(ConfigError, match=r"tower convolution 3 .* array's 5 × 6 only 1 × 2 reach it; 3 .* 7 × 7"):
        Tower(4, (5, 6), (8, 8, 8), 1)
    with pytest.raises(ConfigError, match=r"trace convolution 2 .* array's 20 only 4 reach it; 2 .* 31 bins"):
        TraceEncoder(20, (8, 8), 4)
    assert TraceEncoder(31, (8, 8), 4)(torch.zeros(3, 31)).shape == (3, 4)
    assert TraceEncoder(1, (), 4)(torch.zeros(3, 1)).shape == (3, 4)


def test_arrays_without_a_shape_and_other_detectors_are_refused(array: SurfaceArray) -> None:
    shapeless = SurfaceArray("ring", array.positions, 20, 100.0)
    with pytest.raises(DetectorError, match="form no picture"):
        AixNet(AixNetConfig.model_validate(SMALL), BuildContext(shapeless, ("energy",)))
    with pytest.raises(DetectorError, match="aixnet needs a detector of kind surface-array"):
        AixNet(AixNetConfig(), BuildContext(catalog.get("calogan"), ("energy",)))


def test_a_bundle_brings_back_the_same_predictions(showers: Events, tmp_path: Path) -> None:
    model, batch = build(showers).eval(), batch_of(showers)[:10]
    save_bundle(Bundle("toy", model), tmp_path / "toy.bundle")
    again = load_bundle(tmp_path / "toy.bundle").model
    assert isinstance(again, AixNet)
    assert torch.equal(model.reconstruct(batch.signals, batch.extras), again.reconstruct(batch.signals, batch.extras))


def test_the_constrainer_looks_at_sums_over_time(showers: Events, array: SurfaceArray) -> None:
    torch.manual_seed(0)
    model = Constrainer(ConstrainerConfig(first=4, growth=4, blocks=1), BuildContext(array, ("energy",)))
    batch = batch_of(showers, ("energy",))
    model.fit_transforms(batch)
    swapped = batch.signals.unflatten(1, (array.n_stations, array.n_bins)).flip(2).flatten(1)
    one, other = (model.reconstruct(signals, {}) for signals in (batch.signals, swapped))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=0)
    assert one.shape == (300, 1)
    assert (one > 1 * TeV).all()
