"""The bundles that come with the package."""

from __future__ import annotations

import pytest

import moliere
from moliere.models import load_bundle
from moliere.weights import bundle_paths

#: of Geant4 at 10 GeV; 3DGAN's counts what the silicon sees
RESPONSE = {"photons": 0.99, "positrons": 1.0, "electrons": 0.95, "3dgan": 0.0266, "particles": 1.0}
#: what a bundle must be told beside the energy
MORE = {"3dgan": {"theta": "70 deg"}, "particles": {"particle": "gamma"}}


@pytest.mark.parametrize("name", sorted(bundle_paths()))
def test_every_bundle_is_small_and_bears_its_name(name: str) -> None:
    path = bundle_paths()[name]
    assert path.stat().st_size < 10e6
    assert load_bundle(path).name == name


@pytest.mark.parametrize("name", sorted(RESPONSE))
def test_a_shower_is_one_step_away(name: str) -> None:
    bundle = moliere.load(name)
    assert bundle.recipe["model"]["steps"] == 1
    made = bundle.generate(energy="10.1 GeV", n=200, seed=1, threads=1, **MORE.get(name, {}))
    response = made.signals.sum(axis=1) / made.energy
    assert response.mean() == pytest.approx(RESPONSE[name], rel=0.03)
    assert 0 < response.std() < 0.2


def test_pions_of_the_same_bundle_leave_most_of_their_energy_elsewhere() -> None:
    made = moliere.load("particles").generate(energy="40 GeV", particle="pi+", n=200, seed=1, threads=1)
    assert 0.2 < made.response.mean() < 0.4 < made.response.max()
    assert (made.incident["pdg_id"] == 211).all()
