"""FastCaloSim's validation finds what was put into a sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from moliere.evaluation import evaluate
from moliere.evaluation.findings.layers import LayerValidation, layer_row
from moliere.evaluation.result import Report
from moliere.events import Events
from moliere.report.drawing.layers import layer_pictures
from moliere.report.tables import to_csv


def with_eta(events: Events, seed: int) -> Events:
    """On both sides of two slices."""
    eta = np.random.default_rng(seed).choice([-0.225, -0.175, 0.175, 0.225], len(events))
    return replace(events, incident={**events.incident, "eta": eta})


@pytest.fixture(scope="module")
def report(mini: Events) -> Report:
    """The second layer of the generated showers has 20 % more energy at eta > 0."""
    one, other = with_eta(mini[:2500], 1), with_eta(mini[2500:], 2)
    signals = other.signals.copy()
    part = other.detector.slices[1]  # type: ignore[attr-defined]
    signals[other.incident["eta"] > 0, part] *= 1.2
    return evaluate(one, replace(other, signals=signals), suite="fastcalosim", classifier_seeds=0)


def test_every_layer_and_energy_has_its_row(report: Report, mini: Events) -> None:
    layers = report.find(LayerValidation)
    assert layers is not None
    assert len(layers.rows) == 5 * len(np.unique(mini.energy))
    ratios = np.array([row.mean_ratio for row in layers.rows if row.layer == "EMB1"])
    weights = ratios[:, 1] ** -2
    # half of the events have 20 % more
    assert float((ratios[:, 0] * weights).sum() / weights.sum()) == pytest.approx(1.1, abs=5 * weights.sum() ** -0.5)
    others = [row for row in layers.rows if row.layer == "EMB2"]
    assert np.mean([abs(row.mean_ratio[0] - 1) < 2 * row.mean_ratio[1] for row in others]) > 0.6


def test_the_asymmetry_is_what_was_put_in(report: Report) -> None:
    layers = report.find(LayerValidation)
    assert layers is not None
    rows = [row for row in layers.eta if row.layer == "EMB1"]
    assert [row.eta for row in rows] == [pytest.approx((0.15, 0.2)), pytest.approx((0.2, 0.25))]
    for row in rows:
        assert row.reference_asymmetry is not None
        assert row.generated_asymmetry is not None
        # energies from 0.256 to 33 GeV make the mean of a side uncertain
        assert row.reference_asymmetry[0] == pytest.approx(0, abs=4 * row.reference_asymmetry[1])
        assert row.generated_asymmetry[0] == pytest.approx(0.2 / 2.2, abs=4 * row.generated_asymmetry[1])


def test_the_measures_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(100, 10, 4000), rng.normal(102, 12, 1000)
    row = layer_row("EMB1", (1e3, 1e3), one, other)
    test = stats.ks_2samp(one, other)
    assert (row.ks, row.wasserstein) == pytest.approx((test.statistic, stats.wasserstein_distance(one, other)))
    assert row.mean_ratio[0] == pytest.approx(other.mean() / one.mean())
    assert row.std_ratio[0] == pytest.approx(other.std(ddof=1) / one.std(ddof=1))
    assert row.sem_ratio == pytest.approx(stats.sem(other) / stats.sem(one))
    edges = np.linspace(one.min(), one.max(), 31)
    table = np.array([np.histogram(x, edges)[0] for x in (one, other)])
    table = table[:, table.sum(axis=0) > 0]
    chi2 = stats.chi2_contingency(table, correction=False)
    assert (row.root_chi2, row.root_p) == pytest.approx((chi2.statistic / chi2.dof, chi2.pvalue))


def test_a_dark_reference_layer_has_no_ratio_and_a_layer_that_is_dark_in_both_is_not_measurable() -> None:
    dark, lit = np.zeros(20), np.ones(20)
    both, one = layer_row("a", (1, 1), dark, dark), layer_row("a", (1, 1), dark, lit)
    assert both.mean_ratio is both.separation is both.ks_p is both.root_p is None
    assert one.mean_ratio is one.std_ratio is None
    assert one.ks_p is not None
    assert one.ks_p < 1e-6


def test_without_eta_there_are_rows_but_no_slices(mini: Events) -> None:
    found = evaluate(mini[:300], mini[300:600], suite="fastcalosim", classifier_seeds=0).find(LayerValidation)
    assert found is not None
    assert found.rows
    assert found.eta == ()
    assert evaluate(mini[:50], mini[50:100], classifier_seeds=0).find("layers") is None


def test_all_measures_are_drawn_and_listed(report: Report) -> None:
    layers = report.find(LayerValidation)
    assert layers is not None
    pictures = {picture.name: picture for picture in layer_pictures(layers)}
    assert list(pictures) == ["layer-ratios", "layers-by-eta", "eta-asymmetry"]
    table = pictures["layer-ratios"].table
    assert table is not None
    lines = to_csv(table).splitlines()
    assert len(lines) == 1 + len(layers.rows)
    assert "ROOT chi2/ndf,ROOT p,CaloChallenge chi2,KS,KS p,Wasserstein (MeV)" in lines[0]
    assert Report.from_dict(report.to_dict()) == report
