"""What layers hold comes back from the network's space."""

from __future__ import annotations

import torch

from moliere.events import Events
from moliere.models.networks.layer_state import LayerCoder


def test_layer_states_come_back_exactly(polar_events: Events) -> None:
    coder = LayerCoder([4, 12, 8], threshold=1.0)
    signals, energy = torch.tensor(polar_events.signals), torch.tensor(polar_events.energy)
    state = coder.measure(torch.where(signals < 1, torch.zeros(()), signals))
    coder.fit(state, energy)
    back = coder.decode(coder.encode(state, energy, torch.Generator().manual_seed(0)), energy)
    assert torch.equal(back.counts, state.counts)
    torch.testing.assert_close(back.energies, state.energies, rtol=1e-5, atol=1e-4)
    assert (state.counts == 0).any(), "the toy must hold empty layers for this to mean anything"
