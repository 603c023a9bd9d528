"""Cells of any calorimeter are sorted into sectors and slabs, each of them once."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from moliere.detectors import Calorimeter, catalog
from moliere.models.flow.geometry import cells_alike, describe_cells, places_alike, symmetries
from moliere.models.flow.geometry_mixer import GeometryMixer
from moliere.preprocess import ShearedFrame


def calorimeter(name: str) -> Calorimeter:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    return detector


NAMES = ["calochallenge-1-photons", "calochallenge-2", "calogan"]


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_is_shared_out_once(name: str) -> None:
    detector = calorimeter(name)
    geometry = describe_cells(detector, 5)
    total = np.bincount(geometry.channel, geometry.share, minlength=detector.n_channels)
    np.testing.assert_allclose(total, 1)
    assert set(geometry.token) == set(range(geometry.n_sectors * geometry.n_slabs))
    assert np.isfinite(geometry.features).all()


@pytest.mark.parametrize("name", NAMES)
def test_symmetries_move_cells_to_cells_of_the_same_shape(name: str) -> None:
    detector = calorimeter(name)
    for turn in symmetries(detector, ("energy",)):
        assert sorted(turn) == list(range(detector.n_channels))
        np.testing.assert_allclose(detector.r[turn], detector.r, atol=1e-9)
        np.testing.assert_array_equal(detector.layer_of_channel[turn], detector.layer_of_channel)


def test_symmetries_form_a_group_and_leave_undivided_rings_alone(polar: Calorimeter, cartesian: Calorimeter) -> None:
    table = [tuple(turn) for turn in symmetries(polar, ("energy",)).tolist()]
    assert table[0] == tuple(range(24))
    assert len(set(table)) == 2 * 4
    for p in table:
        assert p[:4] == (0, 1, 2, 3)
        for q in table:
            assert tuple(p[k] for k in q) in table
    assert len(symmetries(replace(polar, layers=polar.layers[:1]), ("energy",))) == 1, "nothing to turn"
    assert len(symmetries(cartesian, ("energy",))) == 4


def test_a_direction_or_a_place_breaks_the_symmetry() -> None:
    assert len(symmetries(calorimeter("calochallenge-2"), ("energy",))) == 32
    assert len(symmetries(calorimeter("calochallenge-2"), ("energy", "theta"))) == 1
    assert len(symmetries(calorimeter("calogan"), ("energy", "theta"))) == 2, "a tilt in y leaves the mirror in x"
    assert len(symmetries(calorimeter("calogan"), ("energy", "phi"))) == 1
    for place in ("x", "y"):
        assert len(symmetries(calorimeter("calochallenge-2"), ("energy", place))) == 1
    assert len(symmetries(calorimeter("calogan"), ("energy", "theta", "x"))) == 1
    sides, ends = (symmetries(calorimeter("calogan"), ("energy", place))[1] for place in ("y", "x"))
    centres = calorimeter("calogan").centres[:, :2]
    np.testing.assert_allclose(centres[sides], centres * [-1, 1], atol=1e-9)
    np.testing.assert_allclose(centres[ends], centres * [1, -1], atol=1e-9)


def test_cells_alike_are_rings_of_a_polar_layer_and_mirrored_cells_of_a_cartesian_one() -> None:
    polar = calorimeter("calochallenge-2")
    assert len(set(cells_alike(symmetries(polar, ("energy",))))) == 45 * 9
    assert len(set(cells_alike(symmetries(calorimeter("calogan"), ("energy",))))) == 2 * 48 + 6 * 6 + 6 * 3


def test_places_alike_are_mirrored_cells_near_the_axis_and_rings_far_from_it() -> None:
    detector = ShearedFrame(calorimeter("3dgan"), ("energy", "theta"), (25, 25)).detector
    alike = np.array(places_alike(detector)).reshape(25, 25, 25)
    assert len(set(alike[0].flat) & set(alike[1].flat)) == 0, "layers differ"
    for turned in (alike[:, ::-1], alike[:, :, ::-1]):
        assert np.array_equal(alike, turned)
    assert alike[0, 12, 11] != alike[0, 11, 12], "y is where showers are inclined"
    assert alike[0, 12 + 3, 12 + 4] != alike[0, 12 + 4, 12 + 3] != alike[0, 12 + 5, 12]
    assert alike[0, 12, 2] == alike[0, 2, 12] == alike[0, 12 + 6, 12 + 8]


def mixer(detector: Calorimeter, slabs: int) -> GeometryMixer:
    torch.manual_seed(0)
    made = GeometryMixer(describe_cells(detector, slabs), 5, 4, 16, 24, 2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return made.eval()


@torch.no_grad()
def test_the_velocity_turns_with_the_shower() -> None:
    detector = calorimeter("calochallenge-1-photons")
    network = mixer(detector, 3)
    x, t, c, layers = torch.randn(2, 368), torch.tensor([0.2, 0.7]), torch.randn(2, 5), torch.randn(2, 5, 4)
    for turn in symmetries(detector, ("energy",))[[3, 12]]:
        p = torch.tensor(turn)
        torch.testing.assert_close(network(x[:, p], t, c, layers), network(x, t, c, layers)[:, p], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_kept_weights_follow_every_change_of_the_trained_numbers(polar: Calorimeter) -> None:
    network = mixer(polar, 2)
    x, t, c, layers = torch.randn(2, 24), torch.tensor([0.2, 0.7]), torch.randn(2, 5), torch.randn(2, 3, 4)

    def anew() -> torch.Tensor:
        with torch.enable_grad():
            return network(x, t, c, layers).detach()

    for change in (
        lambda: None,
        lambda: network.own.add_(1.0),
        lambda: network.blocks[0].reach[0].bias.mul_(3.0),
        lambda: network.load_state_dict(mixer(polar, 2).state_dict() | {"own": torch.ones_like(network.own)}),
        lambda: setattr(network.own, "data", torch.zeros_like(network.own)),
        lambda: setattr(network, "words", copy.deepcopy(network.words).requires_grad_(False)),
    ):
        change()
        torch.testing.assert_close(network(x, t, c, layers), anew(), rtol=0, atol=0)
        with torch.inference_mode():
            assert torch.equal(network(x, t, c, layers), network(x, t, c, layers))
    again = copy.deepcopy(network)
    again.own.add_(1.0)
    assert not torch.equal(again(x, t, c, layers), network(x, t, c, layers))


@torch.no_grad()
def test_weights_carry_over_to_another_calorimeter() -> None:
    """All but what each kind of cell has of its own have the same shapes whatever the detector."""
    one, other = (mixer(calorimeter(name), 3).state_dict() for name in ("calochallenge-1-photons", "calogan"))
    assert {k: v.shape for k, v in one.items() if k != "own"} == {k: v.shape for k, v in other.items() if k != "own"}
