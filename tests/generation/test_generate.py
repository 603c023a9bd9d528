"""Event i is the same whatever the batch size, and nothing is made where nothing was learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moliere.detectors import Calorimeter
from moliere.errors import InvalidEvents, UnsupportedIncident
from moliere.events import Events
from moliere.generation import generate, generate_batches
from moliere.generation.guard import outside_range
from moliere.models import BuildContext, Bundle, CalorimeterFlow, CalorimeterFlowConfig
from moliere.training.batches import to_batch


@pytest.fixture(scope="module")
def bundle(polar: Calorimeter, polar_events: Events) -> Bundle:
    config = CalorimeterFlowConfig(
        slabs=2, width=8, global_width=8, blocks=1, layer_width=8, layer_blocks=1, knots=4, steps=1, layer_steps=1
    )
    model = CalorimeterFlow(config, BuildContext(polar, ("energy",)))
    model.fit_transforms(to_batch(polar_events, np.arange(len(polar_events)), ("energy",)))
    return Bundle("toy", model, validity={"energy": (256.0, 2048.0)})


ENERGY = 256.0 * 2.0 ** (np.arange(700) % 4)


@pytest.mark.parametrize("batch_size", [1, 300, 512, 10_000])
def test_event_i_does_not_depend_on_the_batch_size(bundle: Bundle, batch_size: int) -> None:
    whole = generate(bundle, {"energy": ENERGY}, seed=5)
    parts = Events.concatenate(list(generate_batches(bundle, {"energy": ENERGY}, batch_size=batch_size, seed=5)))
    np.testing.assert_allclose(parts.signals, whole.signals, rtol=1e-4, atol=1e-3)
    assert (parts.energy == ENERGY).all()


def test_nor_on_the_events_that_come_after_it(bundle: Bundle) -> None:
    whole = generate(bundle, {"energy": ENERGY}, seed=5)
    short = generate(bundle, {"energy": ENERGY[:301]}, seed=5)
    np.testing.assert_allclose(short.signals, whole.signals[:301], rtol=1e-4, atol=1e-3)


def test_the_seed_decides(bundle: Bundle) -> None:
    one, same, other = (generate(bundle, {"energy": ENERGY[:50]}, seed=s).signals for s in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_energies_outside_the_trained_range_are_refused(bundle: Bundle) -> None:
    with pytest.raises(UnsupportedIncident, match=r"covers energy 256 MeV – 2\.05 GeV, got 131 GeV \(1 of 2"):
        generate(bundle, {"energy": np.array([300.0, 131e3])})
    assert len(generate(bundle, {"energy": np.array([131e3])}, outside="extrapolate")) == 1


def test_energies_between_which_nothing_was_learned_are_refused(bundle: Bundle) -> None:
    told = replace(bundle, provenance={"gaps": {"energy": [[300.0, 2000.0]]}})
    with pytest.raises(UnsupportedIncident, match=r"learned nothing between 300 MeV and 2 GeV, got 1 GeV \(1 of 3"):
        generate(told, {"energy": np.array([300.0, 1e3, 2000.0])})
    assert outside_range(told, {"energy": np.array([256.0, 300.0, 1e3, 2000.0])}).tolist() == [
        False,
        False,
        True,
        False,
    ]
    assert len(generate(told, {"energy": np.array([1e3])}, outside="extrapolate")) == 1


def test_missing_columns_are_named(bundle: Bundle) -> None:
    with pytest.raises(InvalidEvents, match=r"needs incident column\(s\) \['energy'\]"):
        generate(bundle, {"theta": np.zeros(3)})


@pytest.mark.parametrize("energy", [np.nan, 1.0, -1.0, 255.0])
def test_each_end_of_a_wide_range_is_guarded_by_its_own_size(bundle: Bundle, energy: float) -> None:
    wide = replace(bundle, validity={"energy": (256.0, 4.2e6)})
    with pytest.raises(UnsupportedIncident):
        generate(wide, {"energy": np.array([energy])})


def test_no_particles_make_no_events(bundle: Bundle) -> None:
    assert generate(bundle, {"energy": np.zeros(0)}).signals.shape == (0, 24)


def test_a_particle_that_was_not_trained_on_is_refused(polar: Calorimeter, polar_events: Events) -> None:
    config = CalorimeterFlowConfig(
        slabs=2, width=8, global_width=8, blocks=1, layer_width=8, layer_blocks=1, knots=4, steps=1, layer_steps=1
    )
    model = CalorimeterFlow(config, BuildContext(polar, ("energy", "pdg_id"), (11, 22)))
    two = Bundle("two", model, validity={"energy": (256.0, 2048.0), "pdg_id": (11.0, 22.0)})
    with pytest.raises(UnsupportedIncident, match="the particles e-, gamma, got mu-"):
        generate(two, {"energy": np.array([300.0]), "pdg_id": np.array([13])})


@pytest.mark.parametrize("name", ["pdg_id", "theta", "phi", "eta", "mass"])
def test_a_column_that_the_model_knows_nothing_of_is_refused(bundle: Bundle, name: str) -> None:
    incident = {"energy": ENERGY[:3], name: np.full(3, 22.0)}
    with pytest.raises(UnsupportedIncident, match=f"on energy, and {name} is not among them; got {name} "):
        generate(bundle, incident, outside="extrapolate")


def test_a_column_may_repeat_what_all_training_events_had(bundle: Bundle) -> None:
    told = replace(bundle, provenance={"fixed_columns": {"theta": 0.5}, "events_metadata": {"particle": "gamma"}})
    incident = {"energy": ENERGY[:2], "theta": np.full(2, 0.5), "pdg_id": np.full(2, 22)}
    assert (generate(told, incident).incident["theta"] == 0.5).all()
    with pytest.raises(UnsupportedIncident, match=r"events have theta 28\.65 deg; got theta 28\.65 deg, 34\.38 deg"):
        generate(told, {**incident, "theta": np.array([0.5, 0.6])})
    with pytest.raises(UnsupportedIncident, match="all its training events have pdg_id 22; got pdg_id 11"):
        generate(told, {**incident, "pdg_id": np.full(2, 11)})
