"""Rows of networks and muons in files say the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from moliere.detectors import PhaseSpace, catalog
from moliere.detectors.base import Detector
from moliere.errors import ConfigError, InvalidEvents
from moliere.events import Events
from moliere.models.muons.columns import Form, MuonColumns


def columns_of(events: Events, form: Form, normal: tuple[str, ...] = ()) -> MuonColumns:
    assert events.weights is not None
    columns = MuonColumns(events.detector, form, normal)
    columns.fit(torch.tensor(events.signals), torch.tensor(events.weights))
    return columns


@pytest.mark.parametrize("events", ["muon_events", "polar_muon_events"])
@pytest.mark.parametrize("form", ["polar", "cartesian"])
@pytest.mark.parametrize("normal", [(), ("z", "pz")])
def test_there_and_back(events: str, form: Form, normal: tuple[str, ...], request: pytest.FixtureRequest) -> None:
    sample: Events = request.getfixturevalue(events)
    columns = columns_of(sample, form, normal)
    signals = torch.tensor(sample.signals)
    rows = columns(signals)
    assert rows.shape == signals.shape
    scale = signals.std(dim=0)
    # rows are float32, and a thousandth of a spread is far below what any network resolves
    assert float(((columns.inverse(rows) - signals) / scale).abs().max()) < 1e-3


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("polar", {"box_cox": ("r", "z", "pt", "pz")}),
        ("cartesian", {"box_cox": ("x", "y", "z", "px", "py", "pz")}),
        ("cartesian", {"root": ("x", "y")}),
    ],
)
def test_there_and_back_by_the_authors_other_transforms(
    muon_events: Events, form: Form, shape: dict[str, tuple[str, ...]]
) -> None:
    columns, plain = (MuonColumns(muon_events.detector, form, **each) for each in (shape, {}))
    signals = torch.tensor(muon_events.signals)
    for each in (columns, plain):
        each.fit(signals, None)
    rows, before = columns(signals), plain(signals)
    scale = signals.std(dim=0)
    assert float(((columns.inverse(rows) - signals) / scale).abs().max()) < 5e-3
    changed = columns.positions([name for names in shape.values() for name in names])
    others = [k for k in range(7) if k not in changed]
    torch.testing.assert_close(rows[:, others], before[:, others])
    if "root" in shape:
        x = before[:, changed]
        torch.testing.assert_close(rows[:, changed], x.sign() * x.abs().sqrt(), rtol=1e-4, atol=1e-4)
    else:
        torch.testing.assert_close(rows[:, changed].std(dim=0), torch.full((len(changed),), 1 / 7), rtol=0.01, atol=0)


def test_both_forms_of_a_file_make_the_same_rows(muon_events: Events, polar_muon_events: Events) -> None:
    one, other = columns_of(muon_events, "polar"), columns_of(polar_muon_events, "polar")
    rows = [c(torch.tensor(e.signals)) for c, e in ((one, muon_events), (other, polar_muon_events))]
    torch.testing.assert_close(rows[0], rows[1], rtol=0, atol=2e-4)


def test_a_detector_may_order_its_columns_as_it_likes(muon_events: Events) -> None:
    detector = muon_events.detector
    assert isinstance(detector, PhaseSpace)
    order = [3, 0, 6, 1, 5, 2, 4]
    shuffled = PhaseSpace("shuffled", tuple(detector.columns[k] for k in order))
    signals = torch.tensor(muon_events.signals)
    columns = MuonColumns(shuffled, "polar")
    columns.fit(signals[:, order], None)
    plain = MuonColumns(detector, "polar")
    plain.fit(signals, None)
    assert torch.equal(columns(signals[:, order]), plain(signals))
    assert torch.equal(columns.inverse(columns(signals[:, order])), plain.inverse(plain(signals))[:, order])


def test_ranges_are_widened_and_nothing_is_clipped(muon_events: Events) -> None:
    signals = torch.tensor(muon_events.signals)
    signals[0, 6] = 500e3  # MeV along z, above the published range
    columns = MuonColumns(muon_events.detector, "cartesian")
    columns.fit(signals, None)
    assert float(columns.inverse(columns(signals))[0, 6]) == pytest.approx(500e3, rel=1e-5)
    beyond = signals[:1].clone()
    beyond[0, 6] = 800e3
    assert float(columns.inverse(columns(beyond))[0, 6]) == pytest.approx(800e3, rel=1e-5)


def test_charges_are_drawn_as_weights_have_them(muon_events: Events) -> None:
    signals = torch.tensor(muon_events.signals)
    weights = torch.where(signals[:, 0] > 0, 3.0, 1.0).double()
    columns = MuonColumns(muon_events.detector, "polar")
    columns.fit(signals, weights)
    positive = float((signals[:, 0] > 0).double().mean())
    expected = 3 * positive / (2 * positive + 1)
    drawn = columns.draw_passed(20_000, torch.Generator().manual_seed(0))
    assert float((drawn[:, 0] > 0).double().mean()) == pytest.approx(expected, abs=0.02)
    assert float(drawn[:, 1:].abs().max()) == pytest.approx(0.97, abs=1e-3)
    assert float(drawn[:, 1:].mean()) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("name", ["3dgan", "airshower-9x9"])
def test_other_detectors_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="muon models need columns"):
        MuonColumns(catalog.get(name), "polar")


def test_a_flux_of_other_columns_is_refused() -> None:
    detector: Detector = PhaseSpace("beam", catalog.get("ship-muons").columns[:4])  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="beam is another detector"):
        MuonColumns(detector, "polar")


BROKEN = {
    "nothing": (lambda x: x[:0], "no muons to fit to"),
    "nan": (lambda x: x.index_fill(0, torch.tensor([4]), np.nan), "not finite .first: row 4"),
    "charge": (lambda x: x * torch.tensor([2.0, 1, 1, 1, 1, 1, 1]), "expected 1 and -1"),
    "metres": (lambda x: x * torch.tensor([1, 1e-3, 1e-3, 1e-3, 1, 1, 1]), "looks like m; multiply by 1000"),
    "centimetres": (lambda x: x * torch.tensor([1, 0.1, 0.1, 0.1, 1, 1, 1]), "looks like cm; multiply by 10"),
    "gev": (lambda x: x * torch.tensor([1, 1, 1, 1, 1e-3, 1e-3, 1e-3]), "looks like GeV; multiply by 1000"),
}


@pytest.mark.parametrize("form", ["polar", "cartesian"])
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_muons_are_refused(kind: str, form: Form, muon_events: Events) -> None:
    breaks, words = BROKEN[kind]
    with pytest.raises(InvalidEvents, match=words):
        MuonColumns(muon_events.detector, form).fit(breaks(torch.tensor(muon_events.signals)), None)
