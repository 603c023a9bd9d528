"""What a model has not learned is simulated, extrapolated or refused; it is counted, and the rest stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from moliere import samples
from moliere.detectors import Detector
from moliere.errors import ConfigError, DetectorError, UnsupportedIncident
from moliere.events import Events
from moliere.generation import generate, generate_batches
from moliere.generation.fallback import outside_words
from moliere.generation.guard import clipped, outside_range
from moliere.models import BuildContext, Bundle, CalorimeterFlow, CalorimeterFlowConfig
from moliere.simulators import build_simulator
from moliere.training.batches import to_batch

#: of 300 events, those of 100 GeV are outside
ENERGY = np.where(np.arange(300) % 3 == 1, 100e3, 10e3)
OUTSIDE = ENERGY > 50e3
_SMALL = CalorimeterFlowConfig(
    slabs=2, width=8, global_width=8, blocks=1, layer_width=8, layer_blocks=1, knots=4, steps=1, layer_steps=1
)


@pytest.fixture(scope="module")
def photons() -> Bundle:
    """A model that has learned next to nothing, of photons up to 50 GeV."""
    mini = samples.open("photons-mini")[:300]
    model = CalorimeterFlow(_SMALL, BuildContext(mini.detector, ("energy",)))
    model.fit_transforms(to_batch(mini, np.arange(len(mini)), ("energy",)))
    photon = {"events_metadata": {"particle": "gamma"}}
    return Bundle("toy", model, validity={"energy": (256.0, 50e3)}, provenance=photon)


@pytest.fixture(scope="module")
def mixed(photons: Bundle) -> Events:
    return generate(photons, {"energy": ENERGY}, seed=4, outside="gflash")


def two_particles(detector: Detector) -> Bundle:
    model = CalorimeterFlow(_SMALL, BuildContext(detector, ("energy", "pdg_id"), (11, 22)))
    return Bundle("two", model, validity={"energy": (256.0, 2048.0), "pdg_id": (11.0, 22.0)})


def test_the_simulation_makes_what_is_outside_and_the_model_the_rest(photons: Bundle, mixed: Events) -> None:
    inside = generate(photons, {"energy": np.full(300, 10e3)}, seed=4)
    np.testing.assert_allclose(mixed.signals[~OUTSIDE], inside.signals[~OUTSIDE], rtol=1e-4, atol=1e-3)
    alone = build_simulator("gflash", photons.detector).simulate(
        {"energy": np.full(300, 100e3), "pdg_id": np.full(300, 22)}, np.random.default_rng(1)
    )
    found, error = mixed.response[OUTSIDE], alone.response.std() / OUTSIDE.sum() ** 0.5
    assert abs(found.mean() - alone.response.mean()) < 5 * error
    assert found.std() == pytest.approx(alone.response.std(), rel=0.4)
    assert (mixed.energy == ENERGY).all()
    assert {*mixed.incident} == {"energy"}


@pytest.mark.parametrize("batch_size", [1, 256])
def test_simulated_events_depend_on_seed_and_position_alone(photons: Bundle, mixed: Events, batch_size: int) -> None:
    batches = generate_batches(photons, {"energy": ENERGY[:280]}, batch_size=batch_size, seed=4, outside="gflash")
    again = Events.concatenate(list(batches))
    assert (again.signals[OUTSIDE[:280]] == mixed.signals[:280][OUTSIDE[:280]]).all()
    other = generate(photons, {"energy": ENERGY[:2]}, seed=5, outside="gflash")
    assert (other.signals[1] != mixed.signals[1]).any()


def test_what_is_outside_is_counted_and_said(photons: Bundle, mixed: Events) -> None:
    assert (mixed.metadata["outside"], mixed.metadata["outside_events"]) == ("gflash", 100)
    guessed = generate(photons, {"energy": ENERGY}, outside="extrapolate")
    assert (guessed.metadata["outside"], guessed.metadata["outside_events"]) == ("extrapolate", 100)
    assert "outside" not in generate(photons, {"energy": ENERGY[:1]}, outside="gflash").metadata
    words = outside_words(photons, {"energy": ENERGY}, "gflash")
    assert words == "100 of 300 events lie outside the range of bundle toy: gflash simulates these"
    assert "the model extrapolates" in outside_words(photons, {"energy": ENERGY}, "extrapolate")
    assert outside_words(photons, {"energy": ENERGY[:1]}, "extrapolate") == ""


def test_particles_that_were_not_learned_are_outside(photons: Bundle) -> None:
    two = two_particles(photons.detector)
    incident = {"energy": np.array([300.0, 300.0, 1e6]), "pdg_id": np.array([11, -11, 22])}
    assert outside_range(two, incident).tolist() == [False, True, True]
    assert {name: column.tolist() for name, column in clipped(two, incident).items()} == {
        "energy": [300.0, 300.0, 2048.0],
        "pdg_id": [11, 11, 22],
    }


def test_what_no_simulation_can_do_is_refused(photons: Bundle) -> None:
    bare = replace(photons.detector, stack=())
    with pytest.raises(DetectorError, match="stack"):
        generate(two_particles(bare), {"energy": np.array([1e6]), "pdg_id": np.array([11])}, outside="gflash")
    with pytest.raises(UnsupportedIncident, match="gflash"):
        generate(photons, {"energy": np.array([1e9])}, outside="gflash")
    rare: Any = "a proposal"
    with pytest.raises(ConfigError, match="simulated events have none"):
        generate(photons, {"energy": ENERGY}, outside="gflash", proposal=rare)


def test_a_way_that_does_not_exist_is_refused_even_where_nothing_is_outside(photons: Bundle) -> None:
    with pytest.raises(ConfigError, match="outside='extrapolat'; did you mean 'extrapolate'"):
        generate(photons, {"energy": ENERGY[:1]}, outside="extrapolat")  # type: ignore[arg-type]
