"""Pythia's muon flux, where Pythia is installed."""

from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.simulators import Muons
from moliere.simulators.muons import pythia
from moliere.simulators.muons.flux import FAMILIES
from moliere.simulators.muons.table import shipped

pytest.importorskip("pythia8mc")


def test_same_seed_same_muons_other_seed_others() -> None:
    charm = pythia.COMPONENTS[-1]
    one, two, other = (pythia.make_component(charm, 50, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.momentum, two.momentum)
    assert np.array_equal(one.position, two.position)
    assert not np.array_equal(one.momentum[:50], other.momentum[:50])


def test_the_flux_is_what_the_tables_were_fitted_to() -> None:
    flux, per_proton = Muons(catalog.get("ship-muons"), source="pythia").draw(6000, np.random.default_rng(2))
    assert len(flux) == 6000
    assert per_proton == pytest.approx(shipped().per_proton, rel=0.05)
    assert flux.weight.mean() == pytest.approx(1, rel=0.05)
    shares = np.bincount(flux.family, flux.weight, len(FAMILIES)) / flux.weight.sum()
    rates = [sum(g.per_proton for g in shipped().groups if g.family == k) for k in range(len(FAMILIES))]
    np.testing.assert_allclose(shares, np.array(rates) / sum(rates), atol=0.04)
    assert np.average(flux.p, weights=flux.weight) == pytest.approx(23.6e3, rel=0.05)


def test_pythias_own_branching_fractions_are_the_weights() -> None:
    """The Particle Data Group's: eta to mu mu gamma and mu mu, 3.1e-4 and 5.8e-6; D+ to muons, 17.6 %."""
    mesons, charm = (pythia.Collider(component, 2212, 1) for component in pythia.COMPONENTS[1:])
    assert mesons._forced[221][0] == pytest.approx(3.16e-4, rel=0.02)
    assert charm._forced[411][0] == pytest.approx(0.176, rel=0.1)
