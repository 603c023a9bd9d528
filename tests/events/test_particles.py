from __future__ import annotations

import pytest

from moliere.errors import UnknownName
from moliere.events.particles import PARTICLES, particle_id, particle_name


def test_names_are_known_both_ways() -> None:
    assert all(particle_name(particle_id(name)) == name for name in PARTICLES)
    assert particle_name(130) == "pdg 130"
    with pytest.raises(UnknownName, match="did you mean 'gamma'"):
        particle_id("gama")
