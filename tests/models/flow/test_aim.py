"""Particles that are aimed: cells are told by where the track crosses them, whatever their size."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from moliere.detectors import Calorimeter, CartesianGrid, Layer, Plate, catalog
from moliere.models import Batch, BuildContext, CalorimeterFlow, CalorimeterFlowConfig
from moliere.models.flow.aim import N_TABLES, Aim
from moliere.models.flow.geometry import describe_cells, symmetries
from moliere.models.flow.geometry_mixer import GeometryMixer

COLUMNS = ("energy", "theta", "phi", "x", "y")
SMALL = CalorimeterFlowConfig(
    slabs=2, width=16, global_width=16, blocks=1, layer_width=16, layer_blocks=1, knots=4, threshold=0.1
)


def square(n: int, size: float) -> CartesianGrid:
    edges = tuple(size * (k - n / 2) for k in range(n + 1))
    return CartesianGrid(edges, edges)


@pytest.fixture
def detector() -> Calorimeter:
    """Two layers of lead, 15 and 13 cells across of 10 and 20 mm."""
    layers = Layer(0, square(15, 10.0)), Layer(1, square(13, 20.0))
    return Calorimeter("squares", layers, tuple(Plate("G4_Pb", 40.0, k, active=True) for k in (0, 1)), threshold=0.1)


def calogan() -> Calorimeter:
    found = catalog.get("calogan")
    assert isinstance(found, Calorimeter)
    return found


def particles(n: int, seed: int = 0) -> Tensor:
    """Energies of 1 to 20 GeV, angles within 0.3 of the axis, places within 40 mm of the middle."""
    rng = np.random.default_rng(seed)
    theta, phi = math.pi / 2 + rng.uniform(-0.3, 0.3, n), rng.uniform(-0.3, 0.3, n)
    return torch.tensor(np.stack([rng.uniform(1e3, 2e4, n), theta, phi, *rng.uniform(-40, 40, (2, n))], axis=1))


def showers(aim: Aim, detector: Calorimeter, condition: Tensor) -> Tensor:
    """Sixty hits of 1 MeV a layer, drawn one by one from what cells expect."""
    rng = torch.Generator().manual_seed(1)
    parts = []
    for part in aim.shares(condition).split([grid.n_cells for grid in detector.grids], dim=1):
        hits = part.float().multinomial(60, replacement=True, generator=rng)
        parts.append(torch.zeros(part.shape).scatter_add_(1, hits, torch.ones(hits.shape)))
    return torch.cat(parts, dim=1)


def test_the_cell_that_the_track_crosses_expects_most(detector: Calorimeter) -> None:
    for layers in (calogan(), detector):
        aim, given = Aim(layers, COLUMNS), particles(50)
        shares, centres = aim.shares(given), aim.centres(given).numpy()
        for layer, (grid, part) in enumerate(zip(layers.grids, layers.slices, strict=True)):
            inside = shares[:, part]
            assert ((inside.sum(1) > 0.8) & (inside.sum(1) < 1)).all()
            expected = (inside @ torch.tensor(grid.centres)) / inside.sum(1, keepdim=True)
            size = np.array([np.diff(edges)[0] for edges in grid.edges])
            assert (np.abs(expected.numpy() - centres[:, layer]) < size / 2 + 8).all()


def test_a_straight_particle_sees_mirrored_cells_alike_and_a_mirrored_one_mirrored_cells() -> None:
    aim, given = Aim(calogan(), COLUMNS), particles(20)
    straight = torch.tensor([[5e3, math.pi / 2, 0.0, 0.0, 0.0]], dtype=torch.float64)
    for axis in (0, 1):
        flipped = getattr(aim, f"mirror_{axis}")
        turned = aim.track.mirror(given, axis, torch.ones(20, dtype=torch.bool))
        torch.testing.assert_close(aim.shares(turned), aim.shares(given)[:, flipped])
        torch.testing.assert_close(aim.shares(straight), aim.shares(straight)[:, flipped])
        vectors, other = aim.vectors(given), aim.vectors(turned)
        torch.testing.assert_close(other[..., axis::2], -vectors[..., axis::2])
        torch.testing.assert_close(other[..., 1 - axis :: 2], vectors[..., 1 - axis :: 2])


def test_a_shower_and_its_condition_are_mirrored_together(detector: Calorimeter) -> None:
    aim, given = Aim(detector, COLUMNS), particles(64)
    signals = aim.shares(given)
    seen, told = aim.mirror(signals, given, torch.Generator().manual_seed(0))
    torch.testing.assert_close(aim.shares(told), seen)
    assert len({tuple(row) for row in (told[:, 3:] == given[:, 3:]).tolist()}) == 4, "each mirror, both and none"


def test_a_step_of_one_cell_moves_windows_and_tables_by_one_cell(detector: Calorimeter) -> None:
    aim = Aim(detector, ("energy", "x", "y"))
    here, there = (torch.tensor([[5e3, x, 7.0]], dtype=torch.float64) for x in (-3.0, 17.0))
    number = torch.arange(detector.n_channels)[None]
    first, second = (aim.windows.gather(number, aim.channels(given)) for given in (here, there))
    kept = (first > 0) & (second > 0)
    steps = torch.where(torch.arange(first.shape[1]) < 15 * 15, 2 * 15, 13)
    assert torch.equal((second - first)[kept], steps.expand_as(first)[kept])
    torch.testing.assert_close(aim.vectors(here), aim.vectors(there))
    table, moved = (aim.windows.gather(aim.tables(given), aim.channels(given)) for given in (here, there))
    assert torch.equal(table[kept], moved[kept])


def test_tables_of_layers_are_apart_and_ordered_by_distance() -> None:
    aim = Aim(calogan(), ("energy", "x"))
    tables = aim.tables(torch.tensor([[5e3, 20.0]], dtype=torch.float64))[0]
    assert torch.equal(tables // N_TABLES, torch.tensor(calogan().layer_of_channel))
    strips = tables[96:192]
    assert torch.equal(strips[48:].sort().values, strips[48:])
    assert torch.equal(strips, strips.flip(0))


@pytest.mark.parametrize(
    ("columns", "change", "fits"),
    [
        (("energy",), {}, False),
        (("energy", "eta"), {}, False),
        (("energy", "phi"), {}, True),
        (("energy", "mtheta"), {}, True),
        (("energy", "x"), {"stack": ()}, False),
    ],
)
def test_which_conditions_and_detectors_are_aimed(
    detector: Calorimeter, columns: tuple[str, ...], change: dict[str, tuple[()]], fits: bool
) -> None:
    assert Aim.fits(replace(detector, **change), columns) == fits  # type: ignore[arg-type]


def test_polar_layers_and_unequal_cells_are_not_aimed(polar: Calorimeter, detector: Calorimeter) -> None:
    assert not Aim.fits(polar, ("energy", "x"))
    uneven = Layer(0, CartesianGrid((0.0, 1.0, 3.0), (0.0, 1.0)))
    assert not Aim.fits(replace(detector, layers=(uneven, detector.layers[1])), ("energy", "x"))


@pytest.fixture
def flow(detector: Calorimeter) -> CalorimeterFlow:
    torch.manual_seed(0)
    model = CalorimeterFlow(SMALL, BuildContext(detector, COLUMNS))
    assert model.aim is not None
    given = particles(600)
    model.fit_transforms(Batch(given, showers(model.aim, detector, given)))
    return model


def test_showers_come_back_through_the_tables_of_their_tracks(flow: CalorimeterFlow, detector: Calorimeter) -> None:
    assert flow.aim is not None
    given = particles(100, seed=5)
    signals = showers(flow.aim, detector, given)
    state = flow.tables.measure(signals)
    coded = flow.tables.encode_cells(given, signals, state, torch.Generator().manual_seed(2))
    back = flow.tables.decode_cells(given, coded, state)
    assert torch.equal(back > 0, signals > 0)
    torch.testing.assert_close(flow.tables.measure(back).energies, state.energies, rtol=1e-5, atol=1e-5)
    assert ((back - signals).abs() < 0.5).double().mean() > 0.99, "hits of one MeV have tied ranks"
    assert abs(float(coded.mean())) < 0.02
    assert float(coded.std()) == pytest.approx(1, abs=0.02)
    elsewhere = flow.tables.decode_cells(given.flip(0), coded, state)
    assert not torch.equal(elsewhere > 0, signals > 0), "another track has other tables"


def test_showers_follow_their_particle_before_anything_is_learned(flow: CalorimeterFlow, detector: Calorimeter) -> None:
    given = particles(600, seed=3)
    made = flow.sample(given, torch.Generator().manual_seed(4)).double()
    centres, second = torch.tensor(detector.centres[:, :2]), detector.slices[1]
    middle = made[:, second] @ centres[second] / made[:, second].sum(1, keepdim=True)
    for axis in (0, 1):
        design = torch.stack([torch.ones(600), given[:, 3 + axis], flow.aim.centres(given)[:, 1, axis]], dim=1).double()
        slope = torch.linalg.lstsq(design[:, [0, 2]], middle[:, axis]).solution[1]
        assert float(slope) == pytest.approx(1, abs=0.05)


def test_tables_that_no_training_shower_has_are_another_s(flow: CalorimeterFlow, detector: Calorimeter) -> None:
    coder = flow.tables.cells[0]
    assert set(coder.stand_in.tolist()) < set(range(2 * N_TABLES))
    far = particles(20)
    far[:, 3:] = 1e3  # far beside the detector
    made = flow.sample(far, torch.Generator().manual_seed(4))
    assert torch.isfinite(made).all()
    assert torch.equal(coder.stand_in // N_TABLES, torch.arange(2 * N_TABLES) // N_TABLES), "of its own layer"


def test_weights_and_tables_of_an_aimed_flow_are_read_again(flow: CalorimeterFlow) -> None:
    again = CalorimeterFlow(SMALL, flow.context)
    again.load_state_dict(flow.state_dict())
    given = particles(30)
    latent = flow.draw_latent(given, torch.Generator().manual_seed(3))
    assert torch.equal(again.decode(latent, given), flow.decode(latent, given))


def test_a_trained_network_is_used_and_trimmed_where_the_shower_is(
    flow: CalorimeterFlow, detector: Calorimeter
) -> None:
    """All gradients are finite, and numbers outside the windows stay as they are."""
    given = particles(40)
    batch = Batch(given, showers(flow.aim, detector, given))
    for objective in flow.objectives():
        objective.loss(batch, torch.Generator().manual_seed(0)).total.backward()
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in flow.parameters())
    with torch.no_grad():
        for weight in flow.cell_velocity.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    given[:, 3:] = 60.0
    latent = torch.randn(40, detector.n_channels, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        made = flow.make_cells(latent, given, flow.tables.measure(batch.signals))
    channels = flow.aim.channels(given)
    outside = torch.ones(40, detector.n_channels + 1).scatter(1, channels, 0.0)[:, :-1] > 0
    assert outside.any()
    scale = made[outside] / latent[outside]
    assert float(scale.std()) < 1e-4
    assert (made[~outside] / latent[~outside]).std() > 0.01
    flow.calibrate(lambda: batch, torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_velocity_turns_with_the_shower_and_its_vectors(polar: Calorimeter) -> None:
    torch.manual_seed(0)
    network = GeometryMixer(describe_cells(polar, 2), 5, 8, 16, 24, 2, vectors=2).eval()
    for parameter in network.parameters():
        parameter += 0.1 * torch.randn(parameter.shape)
    turn, angle = torch.tensor(symmetries(polar, ("energy",))[1]), -2 * math.pi / network.n_sectors
    x, t, c, layers = torch.randn(2, 24), torch.tensor([0.2, 0.7]), torch.randn(2, 5), torch.randn(2, 3, 8)
    turned = layers.clone()
    turned[..., 4::2] = math.cos(angle) * layers[..., 4::2] - math.sin(angle) * layers[..., 5::2]
    turned[..., 5::2] = math.sin(angle) * layers[..., 4::2] + math.cos(angle) * layers[..., 5::2]
    network.words = _NothingOfVectors(network.words, layers.shape[2])
    turns = network(x[:, turn], t, c, turned)
    torch.testing.assert_close(turns, network(x, t, c, layers)[:, turn], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(network(x, t, c, turned), network(x, t, c, layers), rtol=1e-2)


class _NothingOfVectors(torch.nn.Module):
    """What describes layers, but for the vectors, which tell all sectors the same in fixed directions."""

    def __init__(self, words: torch.nn.Module, width: int) -> None:
        super().__init__()
        self.words, self.width = words, width

    def forward(self, features: Tensor) -> Tensor:
        made: Tensor = self.words(features).unflatten(1, (self.width, -1))
        made[:, 4:] = 0
        return made.flatten(1)


def test_a_sector_sees_its_own_cells_straight_ahead() -> None:
    detector = calogan()
    geometry = describe_cells(detector, 3)
    turns = GeometryMixer(geometry, 5, 8, 16, 24, 1, vectors=2).turns
    centres = torch.tensor(detector.centres[geometry.channel, :2]).float()
    ahead, aside = (centres[:, None] @ turns[geometry.token % geometry.n_sectors])[:, 0].unbind(1)
    own = torch.tensor(geometry.share) > 0.9
    assert own.sum() > 200
    assert (torch.atan2(aside, ahead).abs()[own] < math.pi / geometry.n_sectors + 0.1).all()
