"""What the two-stage flow promises by construction."""

from __future__ import annotations

import pytest
import torch

from moliere.detectors import Calorimeter, catalog
from moliere.errors import ConfigError
from moliere.events import Events
from moliere.models import Batch, BuildContext, TwoStageFlow, TwoStageFlowConfig
from moliere.models.networks.flow_matching import flow as carry
from moliere.models.networks.layer_state import LayerCoder


@pytest.fixture
def batch(polar_events: Events) -> Batch:
    return Batch(torch.tensor(polar_events.energy)[:, None], torch.tensor(polar_events.signals))


@pytest.fixture
def flow(polar: Calorimeter, batch: Batch) -> TwoStageFlow:
    model = TwoStageFlow(TwoStageFlowConfig(width=16, global_width=16, blocks=1), BuildContext(polar, ("energy",)))
    model.fit_transforms(batch)
    return model


def test_layer_states_come_back_exactly(batch: Batch) -> None:
    coder = LayerCoder([4, 12, 8], threshold=1.0)
    signals = torch.where(batch.signals < 1, torch.zeros(()), batch.signals)
    energy, state = batch.condition[:, 0], coder.measure(signals)
    coder.fit(state, energy)
    coded = coder.encode(state, energy, torch.Generator().manual_seed(0))
    back = coder.decode(coded, energy)
    assert torch.equal(back.counts, state.counts)
    torch.testing.assert_close(back.energies, state.energies, rtol=1e-5, atol=1e-4)
    assert (state.counts == 0).any(), "the toy must hold empty layers for this to mean anything"


def test_what_stage_one_says_is_what_comes_out(flow: TwoStageFlow, batch: Batch) -> None:
    signals = flow.sample(batch.condition, torch.Generator().manual_seed(3))
    kept = signals > 0
    assert (signals[kept] >= 1.0).all(), "nothing below the detector's threshold"
    assert signals.sum() > 0
    latent = flow.draw_latent(batch.condition, torch.Generator().manual_seed(3))
    with torch.no_grad():
        first = latent[:, : flow.layers.width]
        coded = carry(flow.layer_velocity, first, flow.encoding(batch.condition), "midpoint", flow.settings.layer_steps)
        state = flow.layers.decode(coded, batch.condition[:, 0])
    made = flow.layers.measure(signals)
    assert (made.counts <= state.counts).all()
    whole = made.counts == state.counts
    torch.testing.assert_close(made.energies[whole], state.energies[whole], rtol=1e-4, atol=1e-3)


def test_an_untrained_flow_has_the_right_sums_on_average(flow: TwoStageFlow, batch: Batch) -> None:
    signals = flow.sample(batch.condition, torch.Generator().manual_seed(3))
    response = signals.sum(1).double() / batch.condition[:, 0]
    assert float(response.mean()) == pytest.approx(0.9, abs=0.03)


def test_showers_are_turned_only_where_nothing_says_which_way_they_point(polar: Calorimeter) -> None:
    config = TwoStageFlowConfig(width=16, global_width=16, blocks=1)
    assert len(TwoStageFlow(config, BuildContext(polar, ("energy",))).symmetries) == 8
    assert len(TwoStageFlow(config, BuildContext(polar, ("energy", "phi"))).symmetries) == 1


def test_detectors_that_do_not_fit_are_refused(cartesian: Calorimeter) -> None:
    with pytest.raises(ConfigError, match="needs a detector of kind calorimeter"):
        TwoStageFlow(TwoStageFlowConfig(), BuildContext(catalog.get("ship-muons"), ("energy",)))
    with pytest.raises(ConfigError, match='use backbone = "mlp"'):
        TwoStageFlow(TwoStageFlowConfig(backbone="sectors"), BuildContext(cartesian, ("energy",)))
    with pytest.raises(ConfigError, match=r"set model\.threshold"):
        TwoStageFlow(TwoStageFlowConfig(), BuildContext(catalog.get("calogan"), ("energy",)))
