"""The bundles that come with the package."""

from __future__ import annotations

import pytest

import moliere
from moliere.models import load_bundle
from moliere.weights import bundle_paths

#: of Geant4 at 10 GeV; 3DGAN's counts what the silicon sees
RESPONSE = {"photons": 0.99, "positrons": 1.0, "electrons": 0.95, "3dgan": 0.0266}


@pytest.mark.parametrize("name", sorted(bundle_paths()))
def test_every_bundle_is_small_and_bears_its_name(name: str) -> None:
    path = bundle_paths()[name]
    assert path.stat().st_size < 10e6
    assert load_bundle(path).name == name


@pytest.mark.parametrize("name", sorted(RESPONSE))
def test_a_shower_is_one_step_away(name: str) -> None:
    bundle = moliere.load(name)
    assert bundle.recipe["model"]["steps"] == 1
    angle = {"theta": "70 deg"} if name == "3dgan" else {}
    made = bundle.generate(energy="10.1 GeV", n=200, seed=1, threads=1, **angle)
    response = made.signals.sum(axis=1) / made.energy
    assert response.mean() == pytest.approx(RESPONSE[name], rel=0.03)
    assert 0 < response.std() < 0.2
