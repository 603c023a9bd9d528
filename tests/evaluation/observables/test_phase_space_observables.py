from __future__ import annotations

import math

import numpy as np
import pytest

from moliere.detectors import PhaseSpace, catalog
from moliere.detectors.phase_space import Column
from moliere.evaluation.observables.phase_space import kinematics, labels


def flux(*names: str) -> PhaseSpace:
    return PhaseSpace("flux", tuple(Column(name, "MeV" if name.startswith("p") else "") for name in names))


def test_momentum_of_particles_by_hand() -> None:
    signals = np.array([[3e3, 4e3, 12e3, 1], [0, 0, 5e3, -1], [3e3, -4e3, -12e3, 1], [0, 0, 0, 1]], np.float32)
    observed = kinematics(flux("px", "py", "pz", "charge"), signals)
    assert list(observed) == ["px", "py", "pz", "charge", "p", "pt", "polar_angle"]
    assert observed["charge"].tolist() == [1, -1, 1, 1]
    assert observed["p"] == pytest.approx([13e3, 5e3, 13e3, 0])
    assert observed["pt"] == pytest.approx([5e3, 0, 5e3, 0])
    assert observed["polar_angle"] == pytest.approx([math.atan(5 / 12), 0, math.pi - math.atan(5 / 12), 0])


def test_both_forms_of_the_ship_flux_agree() -> None:
    cartesian, polar = catalog.get("ship-muons"), catalog.get("ship-muons-polar")
    assert isinstance(cartesian, PhaseSpace)
    assert isinstance(polar, PhaseSpace)
    rng = np.random.default_rng(0)
    pt, azimuth, pz = rng.exponential(1e3, 50), rng.uniform(-np.pi, np.pi, 50), rng.uniform(1e4, 3e5, 50)
    zero = np.zeros(50)
    plain = np.stack([zero, zero, zero, zero, pt * np.sin(azimuth), pt * np.cos(azimuth), pz], axis=1)
    around = np.stack([zero, zero, zero + 0.7, zero, pt, azimuth, pz], axis=1)
    first, second = kinematics(cartesian, plain.astype(np.float32)), kinematics(polar, around.astype(np.float32))
    for name in ("p", "pt", "polar_angle"):
        assert first[name] == pytest.approx(second[name], rel=1e-6), name
    # the position's azimuth is not the momentum's angle
    assert second["theta"] == pytest.approx(np.full(50, 0.7))
    assert first["p"] == pytest.approx(np.sqrt(pt**2 + pz**2), rel=1e-6)


def test_what_the_columns_do_not_say_is_left_out() -> None:
    assert list(kinematics(flux("x", "py", "pz"), np.ones((2, 3), np.float32))) == ["x", "py", "pz"]


def test_columns_of_a_file_win() -> None:
    observed = kinematics(flux("pt", "pz", "p"), np.array([[3, 4, 6]], np.float32))
    assert {name: values.tolist() for name, values in observed.items() if name != "polar_angle"} == {
        "pt": [3],
        "pz": [4],
        "p": [6],
    }


@pytest.mark.parametrize("name", ["ship-muons", "ship-muons-polar"])
def test_labels_follow_the_values(name: str) -> None:
    detector = catalog.get(name)
    assert isinstance(detector, PhaseSpace)
    words = labels(detector)
    assert list(words) == list(kinematics(detector, np.ones((1, 7), np.float32)))
    assert words["p"] == ("momentum", "MeV", "momentum")
    assert words["z"] == ("z", "mm", "position")
    assert words["pt"][1] == "MeV"
