"""Kinematics of a flux: forms, ranges and normal scores, each undone exactly and checked against scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.preprocessing import PowerTransformer, QuantileTransformer
from torch import Tensor

from moliere.detectors import PhaseSpace, catalog
from moliere.detectors.phase_space import Column
from moliere.errors import ConfigError, InvalidEvents
from moliere.events import Events
from moliere.preprocess import (
    Affine,
    BoxCox,
    PhaseSpaceRanges,
    Polar,
    QuantileNormal,
    SignedRoot,
    Transform,
    gaussianised,
    smear_beam,
    to_cartesian,
    to_polar,
)

N = 3000
ONES = torch.ones(N, dtype=torch.float64)


def columns_of(name: str) -> tuple[Column, ...]:
    detector = catalog.get(name)
    assert isinstance(detector, PhaseSpace)
    return detector.columns


def muons() -> Tensor:
    """A Cartesian flux within its ranges: half of it at x = y = 0, momenta falling, (N, 7)."""
    rng = np.random.default_rng(3)
    charge = rng.choice([-1.0, 1.0], N)
    x, y = rng.normal(0, 30, (2, N)) * (np.arange(N) % 2)
    z = -70849.0 + np.minimum(rng.exponential(200, N), 6000)
    px, py = rng.normal(0, 500, (2, N))
    pz = 10300 + np.minimum(rng.exponential(15e3, N), 3e5)
    return torch.from_numpy(np.column_stack([charge, x, y, z, px, py, pz]))


def polar_muons() -> Tensor:
    return Polar()(muons(), ONES)


def positive() -> Tensor:
    return torch.from_numpy(np.random.default_rng(4).gamma(2.0, 3.0, (N, 3)) + 0.01)


CASES: dict[str, Callable[[], tuple[Transform, Tensor]]] = {
    "polar": lambda: (Polar(), muons()),
    "phase-space-ranges": lambda: (PhaseSpaceRanges(columns_of("ship-muons-polar")), polar_muons()),
    "phase-space-ranges, Cartesian": lambda: (PhaseSpaceRanges(columns_of("ship-muons")), muons()),
    "signed-root": lambda: (SignedRoot([1, 2]), muons()),
    "affine": lambda: (Affine([0, 2], 0.4, 0.1), positive()),
    "quantile-normal": lambda: (QuantileNormal([1, 2, 6]), muons()),
    "box-cox": lambda: (BoxCox([0, 2]), positive()),
    "gaussianised": lambda: (gaussianised(catalog.get("ship-muons-polar")), polar_muons()),
}


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> tuple[Transform, Tensor]:
    transform, values = CASES[request.param]()
    transform.fit(values)
    return transform, values


def test_inverse_undoes_forward(case: tuple[Transform, Tensor]) -> None:
    transform, values = case
    torch.testing.assert_close(transform.inverse(transform(values, ONES), ONES), values, rtol=1e-9, atol=1e-6)


def test_rows_do_not_see_each_other_and_none_is_fine(case: tuple[Transform, Tensor]) -> None:
    transform, values = case
    assert torch.equal(transform(values, ONES)[5:6], transform(values[5:6], ONES[:1]))
    assert transform.inverse(transform(values[:0], ONES[:0]), ONES[:0]).shape == (0, values.shape[1])


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_fitted_numbers_travel_in_the_state_dict(name: str) -> None:
    (transform, values), (other, _) = CASES[name](), CASES[name]()
    transform.fit(values)
    other.load_state_dict(transform.state_dict())
    assert torch.equal(transform(values, ONES), other(values, ONES))


def test_angles_run_from_the_y_axis() -> None:
    flux = torch.tensor([[1.0, 3, 0, -7e4, 0, -2, 2e4]])
    expected = torch.tensor([[1.0, 3, math.pi / 2, -7e4, 2, math.pi, 2e4]])
    torch.testing.assert_close(Polar()(flux, ONES), expected)


def test_published_ranges_go_to_published_ends() -> None:
    columns = columns_of("ship-muons-polar")
    ends = torch.tensor([[c.low for c in columns], [c.high for c in columns]], dtype=torch.float64)
    coded = PhaseSpaceRanges(columns)(ends, ONES[:2])
    low = [-1.0, -0.97, -0.97, -1.0, -0.97, -0.97, -0.97]
    torch.testing.assert_close(coded, torch.tensor([low, [1.0] + 6 * [0.97]], dtype=torch.float64))


def test_muons_outside_of_the_ranges_are_kept_and_the_ranges_widened() -> None:
    values = muons()
    values[7, 4], values[9, 6] = -9000.0, 395e3
    ranges = PhaseSpaceRanges(columns_of("ship-muons"))
    assert ranges(values, ONES)[9, 6] > 0.97
    assert ranges.widened == {}
    ranges.fit(values)
    assert ranges.widened == {"px": (-9000.0, 8246.17), "pz": (10265.8, 395e3)}
    coded = ranges(values, ONES)
    assert coded[7, 4] == pytest.approx(-0.97)
    assert coded[9, 6] == pytest.approx(0.97)
    torch.testing.assert_close(ranges.inverse(coded, ONES), values)


def test_any_output_of_a_network_becomes_a_muon() -> None:
    ranges = PhaseSpaceRanges(columns_of("ship-muons-polar"))
    junk = 1.1 * torch.randn(500, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64).clamp(-1, 1)
    found = ranges.inverse(junk, ONES[:500])
    assert set(found[:, 0].tolist()) == {-1.0, 1.0}
    assert (found[:, [1, 4]] >= 0).all()
    assert (found[:, [2, 5]].abs() <= math.pi + 1e-6).all()
    assert found[:, 1].max() < 165  # mm: 1.1 is outside of the range, and nothing is clipped


def test_a_column_without_range_takes_that_of_the_muons() -> None:
    ranges = PhaseSpaceRanges([Column("pz", "MeV"), Column("z", "mm")])
    values = torch.tensor([[5.0, 3.0], [15.0, 3.0]], dtype=torch.float64)
    ranges.fit(values)
    coded = ranges(values, ONES[:2])
    torch.testing.assert_close(coded[:, 0], torch.tensor([-0.97, 0.97], dtype=torch.float64))
    assert coded[:, 1].isfinite().all()
    assert ranges.widened == {}


@pytest.mark.parametrize(
    ("row", "column", "value", "words"),
    [
        (slice(None), 3, -6780.0, "looks like cm; multiply by 10"),
        (slice(None), 3, -67.8, "looks like m; multiply by 1000"),
        (slice(None), 6, 21.0, "looks like GeV; multiply by 1000"),
        (4, 1, math.nan, r"1 of 3000 muons .* not finite \(first: row 4\)"),
        (4, 0, 13.0, "charges run from -1 to 13; expected 1 and -1"),
    ],
)
def test_wrong_muons_are_refused(row: int | slice, column: int, value: float, words: str) -> None:
    values = muons()
    values[row, column] = value
    with pytest.raises(InvalidEvents, match=words):
        PhaseSpaceRanges(columns_of("ship-muons")).fit(values)


def test_degrees_and_no_muons_are_refused() -> None:
    ranges = PhaseSpaceRanges(columns_of("ship-muons-polar"))
    values = polar_muons()
    values[:, 2] *= 180 / math.pi
    with pytest.raises(InvalidEvents, match="expected angles within ±π"):
        ranges.fit(values)
    with pytest.raises(InvalidEvents, match="no muons"):
        ranges.fit(values[:0])


def test_signed_root_is_the_first_networks_form() -> None:
    coded = SignedRoot([0])(torch.tensor([[-0.25, -0.25], [0.81, 0.81]]), torch.ones(2))
    torch.testing.assert_close(coded, torch.tensor([[-0.5, -0.25], [0.9, 0.81]]))


def test_knots_that_are_even_in_the_score_keep_the_shape_of_tails() -> None:
    """Exponential values through knots and back from a normal distribution: the last of 20,000 is no plateau."""
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.exponential(size=(200_000, 1)))
    normal = torch.from_numpy(rng.normal(size=(400_000, 1)))
    beyond = {}
    for spacing in ("share", "score"):
        transform = QuantileNormal([0], 500, spacing=spacing)
        transform.fit(values)
        assert transform.inverse(transform(values, values[:, 0]), values[:, 0]) == pytest.approx(values.numpy())
        made = transform.inverse(normal, normal[:, 0])
        beyond[spacing] = float((made > 9).double().mean())
    expected = np.exp(-9)  # 49 of 400,000
    assert abs(beyond["score"] - expected) < 4 * np.sqrt(expected / 200_000 + expected / 400_000)
    assert beyond["share"] > 3 * expected


def test_normal_scores_are_scikit_learns_within_its_quantiles() -> None:
    values, ours = muons(), QuantileNormal([1, 2, 6])
    ours.fit(values)
    theirs = QuantileTransformer(n_quantiles=500, output_distribution="normal", subsample=None)
    expected = theirs.fit_transform(values[:, [1, 2, 6]].numpy())
    found = ours(values, ONES)[:, [1, 2, 6]].numpy()
    inside = np.abs(expected) < 3
    np.testing.assert_allclose(found[inside], expected[inside], atol=3e-5)
    assert inside.mean() > 0.98
    # half of x is 0 exactly: all of those share the middle rank
    assert np.abs(found[::2, 0]).max() < 0.05


def test_normal_scores_go_on_outside_of_the_training_values() -> None:
    transform = QuantileNormal([0], n_quantiles=50)
    transform.fit(torch.rand(100, 1, dtype=torch.float64))
    outside = torch.tensor([[-3.0], [-0.5], [1.5], [4.0]], dtype=torch.float64)
    coded = transform(outside, ONES[:4])
    assert (coded.diff(dim=0) > 0).all()
    assert coded[0] < -5.2 < 5.2 < coded[-1]
    torch.testing.assert_close(transform.inverse(coded, ONES[:4]), outside)


def test_box_cox_is_scikit_learns() -> None:
    values, ours = positive(), BoxCox([0, 2])
    ours.fit(values)
    expected = PowerTransformer("box-cox").fit_transform(values[:, [0, 2]].numpy())
    np.testing.assert_allclose(ours(values, ONES)[:, [0, 2]].numpy(), expected, atol=1e-8)


def test_box_cox_with_power_0_is_the_logarithm() -> None:
    transform = BoxCox([0])
    transform.power.zero_()
    values = torch.tensor([[1.0], [math.e]], dtype=torch.float64)
    coded = transform(values, ONES[:2])
    torch.testing.assert_close(coded, torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    torch.testing.assert_close(transform.inverse(coded, ONES[:2]), values)


def test_box_cox_wants_values_above_0_and_more_than_one() -> None:
    values = positive()
    values[3, 0] = 0.0
    with pytest.raises(InvalidEvents, match=r"1 of 3000 rows .*row 3.*affine transform in front"):
        BoxCox([0]).fit(values)
    with pytest.raises(InvalidEvents, match="above 0 only"):
        BoxCox([0])(values, ONES)
    with pytest.raises(InvalidEvents, match="one value only"):
        BoxCox([0]).fit(torch.ones(5, 1))


def test_settings_that_cannot_be_undone_are_refused() -> None:
    with pytest.raises(ConfigError, match="scale 0"):
        Affine([0], 0.0)
    with pytest.raises(ConfigError, match="at least 2"):
        QuantileNormal([0], n_quantiles=1)
    with pytest.raises(ConfigError, match="no columns"):
        BoxCox([])


def flux() -> Events:
    weights = np.linspace(0.5, 1.5, N)
    return Events(catalog.get("ship-muons"), {"energy": np.full(N, 4e5)}, muons().numpy(), weights, {"seed": 1})


def test_events_change_form_with_all_that_they_have() -> None:
    events = flux()
    polar = to_polar(events)
    assert polar.detector.name == "ship-muons-polar"
    assert np.array_equal(polar.weights, events.weights)
    assert polar.metadata == {"seed": 1}
    np.testing.assert_allclose(polar.signals[:, 1], np.hypot(*events.signals[:, 1:3].T), rtol=1e-6)
    back = to_cartesian(polar)
    assert back.detector == events.detector
    np.testing.assert_allclose(back.signals, events.signals, rtol=1e-5, atol=1e-3)


def test_columns_are_found_by_name_in_any_order() -> None:
    columns = columns_of("ship-muons")
    order = [6, 0, 1, 2, 3, 4, 5]
    shuffled = PhaseSpace("own", tuple(columns[k] for k in order))
    events = flux()
    own = Events(shuffled, events.incident, events.signals[:, order])
    assert np.array_equal(to_polar(own).signals, to_polar(events).signals)
    one, two = (smear_beam(flux, np.random.default_rng(1)).signals for flux in (events, own))
    assert np.array_equal(one[:, order], two)


def test_the_beam_moves_muons_onto_its_ring_and_nothing_else() -> None:
    events = flux()
    smeared = smear_beam(events, np.random.default_rng(0))
    r = np.hypot(*smeared.signals[::2, 1:3].T)  # these started at x = y = 0
    assert abs(r.mean() - 50) < 5 * 8 / math.sqrt(len(r))
    assert abs(r.std() - 8) < 5 * 8 / math.sqrt(2 * len(r))
    assert np.array_equal(smeared.signals[:, [0, 3, 4, 5, 6]], events.signals[:, [0, 3, 4, 5, 6]])
    assert smeared.metadata == {"seed": 1, "beam": "ring"}


def test_other_events_are_not_taken_for_muons() -> None:
    with pytest.raises(InvalidEvents, match="expected muons with columns charge, x, y"):
        to_polar(to_polar(flux()))
    with pytest.raises(InvalidEvents, match="expected muons with columns charge, r, theta"):
        to_cartesian(flux())
