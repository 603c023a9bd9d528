"""Muons behind a magnet, against textbook numbers and steps through the field."""

from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors import PhaseSpace, catalog
from moliere.detectors.phase_space import Column
from moliere.evaluation.observables.base import Floats
from moliere.evaluation.observables.phase_space import SHIP, Shield, behind_shield, polar_columns
from moliere.units import GeV, m, tesla

START = np.zeros((1, 2))


def step_through(shield: Shield, charge: float, position: Floats, momentum: Floats) -> Floats:
    """Fourth-order Runge-Kutta of dp/ds = 0.2998 q B p̂ × ŷ, to the block's end; then straight on."""
    state = np.concatenate([position, [0.0], momentum])

    def slope(s: Floats) -> Floats:
        direction = s[3:] / np.linalg.norm(s[3:])
        force = 299.792458 * charge * shield.field * np.cross(direction, [0.0, 1.0, 0.0])
        return np.concatenate([direction, force]) / direction[2]  # along z

    h = shield.length / 2000
    for _ in range(2000):
        a = slope(state)
        b = slope(state + h / 2 * a)
        c = slope(state + h / 2 * b)
        d = slope(state + h * c)
        state = state + h / 6 * (a + 2 * b + 2 * c + d)
    return state[:2] + shield.drift * state[3:5] / state[5]


@pytest.mark.parametrize("charge", [1.0, -1.0])
@pytest.mark.parametrize(
    "momentum", [[0.0, 0.0, 50 * GeV], [1 * GeV, -2 * GeV, 20 * GeV], [-3 * GeV, 0.5 * GeV, 12 * GeV]]
)
def test_against_steps_through_the_field(charge: float, momentum: list[float]) -> None:
    position = np.array([30.0, -40.0])
    x, y = SHIP.cross(np.array([charge]), position[None], np.array([momentum]))
    expected = step_through(SHIP, charge, position, np.array(momentum))
    assert [x[0], y[0]] == pytest.approx(expected.tolist(), rel=1e-6)


def test_a_tesla_metre_is_300_mev() -> None:
    shield = Shield(field=1 * tesla, length=1 * m, drift=1e6 * m)
    x, _ = shield.cross(np.array([1.0]), START, np.array([[0.0, 0.0, 100 * GeV]]))
    assert abs(x[0]) / shield.drift == pytest.approx(0.29979 / 100, rel=1e-4)


def test_charges_go_to_opposite_sides() -> None:
    x, y = SHIP.cross(np.array([1.0, -1.0]), np.zeros((2, 2)), np.full((2, 3), [0.0, 0.0, 30 * GeV]))
    assert x[0] == pytest.approx(-x[1])
    assert x[0] < 0  # q v × B of a positive charge along z in a field along y
    assert y.tolist() == [0, 0]


def test_no_field_is_a_straight_line() -> None:
    x, y = Shield(field=1e-7 * tesla).cross(np.ones(1), np.array([[5.0, 6.0]]), np.array([[300.0, -600.0, 3e4]]))
    assert [x[0], y[0]] == pytest.approx([5 + 0.01 * 30e3, 6 - 0.02 * 30e3], rel=1e-3)


def test_what_turns_back_misses() -> None:
    x, y = SHIP.cross(np.ones(1), START, np.array([[0.0, 0.0, 1 * GeV]]))
    assert np.isfinite([x, y]).all()
    assert not SHIP.is_hit(x, y).any()


def test_both_forms_end_up_at_the_same_place() -> None:
    cartesian, polar = catalog.get("ship-muons"), catalog.get("ship-muons-polar")
    assert isinstance(cartesian, PhaseSpace)
    assert isinstance(polar, PhaseSpace)
    plain = np.array([[1, 30, -40, -7e4, 600, -800, 2e4]], np.float32)
    around = np.array([[1, 50, np.arctan2(30, -40), -7e4, 1000, np.arctan2(600, -800), 2e4]], np.float32)
    one, other = (behind_shield(polar_columns(d, s)) for d, s in ((cartesian, plain), (polar, around)))
    assert list(one) == ["shield_x", "shield_y"]
    for name, values in one.items():
        assert other[name] == pytest.approx(values, rel=1e-5)


def test_without_a_charge_nobody_knows() -> None:
    beam = PhaseSpace("beam", (Column("pt"), Column("pz")))
    assert behind_shield(polar_columns(beam, np.ones((3, 2), np.float32))) == {}
