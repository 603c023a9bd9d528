"""Every kind of detector is compared without options; what samples lack, and what they do not share, is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from moliere.detectors import PhaseSpace, SurfaceArray, catalog
from moliere.detectors.phase_space import Column
from moliere.detectors.surface_array import station_positions
from moliere.errors import InvalidEvents, UnknownName
from moliere.evaluation import Report, evaluate
from moliere.evaluation.findings.conditional import Conditional
from moliere.evaluation.findings.mean_showers import MeanShowers
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.findings.response import Response
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.suites import find_suite
from moliere.events import Events

ARRAY = SurfaceArray("toy-array", station_positions(3, 1500e3, 1400e3, "offset"), 8, 25.0, (3, 3))
FLUX = PhaseSpace("toy-flux", (Column("px", "MeV"), Column("py", "MeV"), Column("pz", "MeV"), Column("x", "mm")))


def footprints(n: int, seed: int, *, late: float = 0.0, times: bool = True) -> Events:
    """Traces that fall off from the middle station outwards; a share of the signal may come a bin later."""
    rng = np.random.default_rng(seed)
    energy = rng.uniform(1e12, 1e14, n)
    share = np.exp(-np.arange(9) / 2)[:, None] * np.exp(-np.arange(8) / 3)
    traces = rng.poisson(energy[:, None, None] / 1e12 * share).astype(np.float64)
    traces += late * (np.roll(traces, 1, axis=2) - traces)
    extras = {"arrival_times": rng.normal(0, 50, (n, 9))} if times else {}
    return Events(ARRAY, {"energy": energy}, traces.reshape(n, -1), extras=extras)


def flux(n: int, seed: int, *, scale: float = 1.0) -> Events:
    """Momenta that fall exponentially; ``scale`` widens the transverse ones."""
    rng = np.random.default_rng(seed)
    pz = 10e3 + rng.exponential(20e3, n)
    px, py = scale * rng.normal(0, 300, (2, n))
    return Events(FLUX, {}, np.stack([px, py, pz, rng.normal(0, 50, n)], axis=1))


def histograms(report: Report) -> tuple[HistogramPair, ...]:
    found = report.find(Observables)
    assert found is not None
    return found.histograms


@pytest.mark.slow
def test_air_showers_need_no_options() -> None:
    same = evaluate(footprints(400, 0), footprints(400, 1), classifier_seeds=1)
    assert same.settings["suite"] == "surface-array"
    assert same.metric("auc-traces-boosting").verdict.startswith(("at the floor", "cannot tell"))
    assert {pair.group for pair in histograms(same)} == {"signal", "timing"}
    late = evaluate(footprints(400, 0), footprints(400, 1, late=0.3), classifier_seeds=1)
    assert late.metric("auc-observables-boosting").value > 0.9
    worst = max(histograms(late), key=lambda pair: pair.separation - pair.separation_floor)
    assert worst.group == "timing"
    json.dumps(late.to_dict(), allow_nan=False)


def test_what_only_one_sample_has_is_left_out_and_said() -> None:
    report = evaluate(footprints(60, 0), footprints(60, 1, times=False), classifier_seeds=0)
    assert "arrival_spread" not in {pair.name for pair in histograms(report)}
    assert any("spread of the stations' arrival times" in warning for warning in report.warnings)


def test_fluxes_need_no_options_and_no_incident_energy() -> None:
    report = evaluate(flux(1000, 0), flux(1000, 1, scale=1.3), classifier_seeds=1)
    assert report.settings["suite"] == "phase-space"
    assert report.metric("auc-observables-boosting").value > 0.53
    wide = {pair.name: pair.std_ratio for pair in histograms(report)}
    for name in ("px", "py"):
        ratio, error = wide[name]
        assert ratio == pytest.approx(1.3, abs=4 * error)
    assert report.find(Response) is None
    means, conditional = report.find(MeanShowers), report.find(Conditional)
    assert means is not None
    assert len(means.showers) == 1
    assert conditional is not None
    assert len(conditional.rows) == 10
    assert conditional.binned_by == "momentum"
    labels = {pair.name: pair.label for pair in histograms(report)}
    assert all(row.label == labels[row.worst] for row in conditional.rows)
    assert conditional.listings[0].rows[0][3] == conditional.rows[0].label
    assert not any("incident energies" in warning for warning in report.warnings)


def test_weights_decide_which_events_are_used() -> None:
    plain, twice = flux(4000, 0), flux(4000, 1)
    weights = np.where(twice.signals[:, 2] > 30e3, 0.25, 1.0)
    weighted = Events(FLUX, {}, twice.signals, weights=weights)
    report = evaluate(plain, weighted, classifier_seeds=0)
    assert report.generated.n_used < 4000
    assert any("have weights" in warning for warning in report.warnings)
    hard = (plain.signals[:, 2] > 30e3).mean()
    expected = 0.25 * hard / (0.25 * hard + 1 - hard)
    pz = next(pair for pair in histograms(report) if pair.name == "pz")
    edges, counts = np.asarray(pz.edges), np.asarray(pz.generated[1:-1])
    above = counts[edges[:-1] > 30e3].sum() + pz.generated[-1]
    assert above / sum(pz.generated) == pytest.approx(expected, abs=0.02)


def test_suites_are_found_by_detector_and_by_name() -> None:
    assert find_suite("default", catalog.get("calogan"))[0] == "calogan"
    assert find_suite("default", catalog.get("3dgan"))[0] == "3dgan"
    assert find_suite("default", catalog.get("calochallenge-2"))[0] == "calorimeter"
    assert find_suite("default", catalog.get("airshower-9x9"))[0] == "surface-array"
    assert find_suite("default", catalog.get("ship-muons"))[0] == "phase-space"
    with pytest.raises(UnknownName, match="did you mean 'calochallenge'"):
        find_suite("calochallange", catalog.get("calogan"))
    with pytest.raises(InvalidEvents, match="suite 'calorimeter' compares events of a Calorimeter"):
        find_suite("calorimeter", FLUX)


@pytest.mark.parametrize(("name", "n_own"), [("calogan", 20), ("3dgan", 17)])
def test_published_observables_have_histograms_of_their_own(name: str, n_own: int) -> None:
    detector = catalog.get(name)
    rng = np.random.default_rng(0)
    signals = rng.exponential(size=(60, detector.n_channels)) * (rng.random((60, detector.n_channels)) < 0.2)
    incident = {"energy": rng.uniform(1e4, 1e5, 60), "theta": rng.uniform(1.1, 2.0, 60)}
    signals *= incident["energy"][:, None] / signals.sum(axis=1, keepdims=True)
    events = Events(detector, incident, signals)
    report = evaluate(events[:30], events[30:], suite=name)
    names = [pair.name for pair in histograms(report)]
    assert len(names) == len(set(names))
    shapes = [
        pair for pair in histograms(report) if "[" not in pair.name and pair.name not in ("response", "voxel_energy")
    ]
    assert len(shapes) >= n_own
    assert all(pair.label for pair in shapes)
    assert report.find("correlations") is not None
    assert isinstance(report, Report)
