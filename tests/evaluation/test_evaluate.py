from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.errors import InvalidEvents, UnknownName
from moliere.evaluation import Report, evaluate
from moliere.evaluation.collect import Choice, collect
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.findings.response import Response
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.reading import kinds_of, metric_of
from moliere.evaluation.suites import suites
from moliere.evaluation.verdicts import excess
from moliere.events import Events
from moliere.events.events import Index
from moliere.events.formats import open_events, write_events

DATA = Path(__file__).parents[1] / "data" / "geant4"


class Shuffled:
    """The same events as another source, in another order: an :class:`EventSource` that is not ``Events``."""

    def __init__(self, events: Events, seed: int) -> None:
        self.events = events.take(np.random.default_rng(seed).permutation(len(events)))
        self.detector, self.incident, self.metadata = events.detector, self.events.incident, events.metadata
        self.weights = None

    def __len__(self) -> int:
        return len(self.events)

    def take(self, index: Index) -> Events:
        return self.events.take(index)

    def chunks(self, size: int = 10_000) -> Iterator[Events]:
        return self.events.chunks(size)


def scaled(events: Events, factor: float) -> Events:
    return Events(events.detector, events.incident, events.signals * np.float32(factor))


def histograms(report: Report) -> tuple[HistogramPair, ...]:
    found = report.find(Observables)
    assert found is not None
    return found.histograms


def text(report: Report) -> str:
    return json.dumps(report.to_dict(), allow_nan=False)


@pytest.fixture(scope="module")
def halves(mini: Events) -> Report:
    """Geant4 against Geant4."""
    return evaluate(mini[:600], mini[600:1200], classifier_seeds=1, threads=1)


def test_halves_of_one_sample_are_told_apart_by_nothing(halves: Report) -> None:
    for metric in halves.metrics:
        if metric.name.startswith("auc-"):
            assert abs(metric.value - 0.5) < 4 * metric.error, metric
    assert halves.metric("separation-mean").value < 2 * halves.metric("separation-mean").floor
    assert halves.warnings == ()


def test_every_metric_has_an_error_a_floor_and_words(halves: Report) -> None:
    assert len(halves.metrics) == len({metric.name for metric in halves.metrics}) == 21
    for metric in halves.metrics:
        assert np.isfinite([metric.value, metric.error, metric.floor, metric.floor_error]).all(), metric
        assert metric.error > 0, metric
        assert metric.label, metric
        assert metric.verdict, metric


def test_a_report_survives_json(halves: Report) -> None:
    assert Report.from_dict(json.loads(text(halves))) == halves


def test_unknown_figures_are_refused_with_the_nearest_name(halves: Report) -> None:
    with pytest.raises(UnknownName, match="did you mean 'fpd'"):
        halves.metric("fdp")


def test_histograms_count_every_event(halves: Report) -> None:
    for pair in histograms(halves):
        assert len(pair.reference) == len(pair.generated) == len(pair.edges) + 1
        if pair.name != "voxel_energy":
            assert sum(pair.reference) == sum(pair.generated) == 600


def test_a_wrong_response_is_found_and_named(mini: Events) -> None:
    report = evaluate(mini[:600], scaled(mini[600:1200], 0.9), classifier_seeds=1, threads=1)
    assert report.metric("auc-observables-boosting").value > 0.75
    response = report.metric("response-mean")
    assert response.value == pytest.approx(10, abs=4 * response.error)
    assert "σ above the floor" in response.verdict
    assert "incident" in report.metric("ks-worst").note
    assert not report.verdict.startswith("indistinguishable")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(mini: Events) -> None:
    samples = mini[:350], mini[350:700]
    first, again, other = (
        text(evaluate(*samples, classifier_seeds=1, seed=seed, threads=1, max_events=320)) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_a_file_in_float64_or_uncompressed_is_the_same_sample(mini: Events, tmp_path: Path) -> None:
    import h5py

    part = mini[:400]
    write_events(tmp_path / "gzip.h5", part)
    with h5py.File(tmp_path / "double.h5", "w") as file:
        file["incident_energies"] = part.energy[:, None]
        file["showers"] = part.signals.astype(np.float64)
    one, other = (open_events(tmp_path / name, part.detector) for name in ("gzip.h5", "double.h5"))
    from_files, in_memory = (evaluate(a, b, classifier_seeds=0) for a, b in ((one, other), (part, part)))
    assert from_files.metrics == in_memory.metrics
    assert histograms(from_files) == histograms(in_memory)
    assert from_files.metric("ks-worst").value == 0


def test_at_most_max_events_are_used_and_said(mini: Events) -> None:
    report = evaluate(mini[:300], mini[300:500], max_events=250, classifier_seeds=0)
    assert (report.reference.n_events, report.reference.n_used) == (300, 250)
    assert (report.generated.n_events, report.generated.n_used) == (200, 200)
    assert report.settings["max_events"] == 250


@pytest.mark.parametrize("n", [2, 10, 50])
def test_few_events_give_fewer_figures_and_say_why(mini: Events, n: int) -> None:
    report = evaluate(mini[:n], mini[n : 2 * n], threads=1)
    assert not any(metric.name.startswith(("auc-", "fpd", "kpd")) for metric in report.metrics)
    assert any(f"{n} events are too few for classifier" in warning for warning in report.warnings)
    assert any(f"{n} events are too few for FPD" in warning for warning in report.warnings)
    assert report.verdict == "too few events for a verdict"
    assert Report.from_dict(json.loads(text(report))) == report


def test_different_incident_energies_are_warned_of(mini: Events) -> None:
    order = np.argsort(mini.energy, kind="stable")
    report = evaluate(mini.take(order[:200]), mini.take(order[-200:]), classifier_seeds=0)
    assert any("incident energies" in warning for warning in report.warnings)


def test_empty_showers_are_different_and_no_crash(mini: Events) -> None:
    report = evaluate(mini[:350], scaled(mini[350:700], 0.0), classifier_seeds=1, threads=1)
    assert report.metric("auc-observables-boosting").value > 0.99
    assert report.verdict.startswith("clearly different")
    text(report)


def test_showers_that_never_vary_are_no_crash(mini: Events) -> None:
    one = mini.take(np.zeros(600, np.int64))
    text(evaluate(one, one, classifier_seeds=0))


def test_different_detectors_are_refused(mini: Events) -> None:
    other = catalog.get("calochallenge-1-pions")
    events = Events(other, {"energy": np.full(3, 1e3)}, np.ones((3, other.n_channels)))
    with pytest.raises(InvalidEvents, match=r"368 channels.*533"):
        evaluate(mini, events)


def test_a_sample_of_one_event_is_refused(mini: Events) -> None:
    with pytest.raises(InvalidEvents, match="the generated sample holds 1 events"):
        evaluate(mini, mini[:1])


def test_cartesian_and_continuous_samples_are_evaluated() -> None:
    detector = catalog.get("calogan")
    rng = np.random.default_rng(0)
    energy = rng.uniform(1e3, 1e5, 400)
    signals = rng.exponential(size=(400, detector.n_channels))
    events = Events(detector, {"energy": energy}, signals / signals.sum(axis=1, keepdims=True) * energy[:, None])
    report = evaluate(events[:200], events[200:], classifier_seeds=0)
    response = report.find(Response)
    assert response is not None
    assert len(response.points) == 10
    assert sum(point.n_reference for point in response.points) == 200


def test_order_in_the_file_decides_nothing_but_the_draw(mini: Events) -> None:
    part = mini[:300]
    suite, choice = suites["calorimeter"], Choice(300, 0)
    one, other = (collect(x, part.detector, suite, [], choice, None) for x in (part, Shuffled(part, 1)))
    assert np.array_equal(np.sort(one.scale), np.sort(other.scale))
    assert one.mean_signals == pytest.approx(other.mean_signals, rel=1e-6)


def test_kept_showers_are_the_first_of_the_events_in_a_random_order(mini: Events) -> None:
    ordered = mini.take(np.argsort(mini.energy, kind="stable"))
    used = collect(ordered, ordered.detector, suites["calorimeter"], [], Choice(2000, 0), None)
    assert np.array_equal(used.kept.scale, used.scale[: len(used.kept.scale)])
    totals = used.kept.signals.sum(axis=1, dtype=np.float64)
    assert totals == pytest.approx(used.observables["total_energy"][: len(totals)], rel=1e-6)
    # halves of what was drawn serve as a floor: in the order of the file they would differ in energy
    assert np.log(used.scale[:1000]).mean() == pytest.approx(np.log(used.scale[1000:]).mean(), abs=0.3)


def test_another_simulation_of_the_same_detector_is_told_apart() -> None:
    detector = catalog.get("calochallenge-1-photons")
    one, other = (open_events(DATA / name, detector) for name in ("photons.h5", "photons-option1.h5"))
    report = evaluate(one, other, max_events=600, classifier_seeds=1, threads=1)
    assert report.verdict.startswith("clearly different")
    assert report.metric("response-mean").value > 8


def test_all_events_in_another_order_fill_the_same_histograms(mini: Events) -> None:
    one, other = mini[:250], mini[250:500]
    straight = evaluate(one, other, classifier_seeds=0)
    shuffled = evaluate(Shuffled(one, 1), Shuffled(other, 2), classifier_seeds=0)
    for a, b in zip(histograms(straight), histograms(shuffled), strict=True):
        assert (a.name, a.reference, a.generated) == (b.name, b.reference, b.generated)
        assert b.separation == pytest.approx(a.separation)


def test_another_name_for_the_same_cells_is_compared() -> None:
    mesh, rings = (catalog.get(name) for name in ("par04-calodit", "calochallenge-2"))
    energy, signals = np.full(20, 1e3), np.random.default_rng(0).exponential(0.2, (20, rings.n_channels))
    evaluate(*(Events(detector, {"energy": energy}, signals) for detector in (rings, mesh)), classifier_seeds=0)


def test_a_dark_generator_is_not_perfect_where_nothing_can_be_measured(mini: Events) -> None:
    report = evaluate(mini[:200], scaled(mini[200:400], 0.0), classifier_seeds=0)
    pair = next(pair for pair in histograms(report) if pair.name == "voxel_energy")
    assert pair.ks_p is pair.wasserstein is pair.chi2_p is pair.mean_ratio is pair.separation is None
    assert pair.reason == "the generated sample has no value"
    assert report.metric("separation-worst").value == 1
    assert "left out" in report.verdict
    assert Report.from_dict(json.loads(text(report))) == report


@pytest.mark.slow
def test_energies_without_response_are_a_report_and_a_page(mini: Events) -> None:
    from moliere.report.html import render_report

    dead = mini[200:400].signals.copy()
    dead[mini[200:400].energy == mini.energy.min()] = 0
    one, other = mini[:200], Events(mini.detector, mini[200:400].incident, dead)
    render_report(evaluate(one, other, classifier_seeds=0, threads=1))
    report = evaluate(one, other, classifier_seeds=0, threshold=1e9, threads=1)
    assert report.metric("response-mean").value is None
    assert "0 at every energy" in report.metric("response-mean").reason
    assert "0 at every energy" in render_report(report)[1]


@pytest.mark.parametrize("share", [0, 5, 100])
def test_samples_that_share_events_are_warned_of(mini: Events, share: int) -> None:
    one, other = mini[:100], mini.take(np.arange(100 - share, 200 - share))
    warnings = [text for text in evaluate(one, other, classifier_seeds=0).warnings if "also in the reference" in text]
    assert [text.split()[0] for text in warnings] == ([str(share)] if share else [])


def test_json_has_no_nan_whatever_the_events_hold(mini: Events) -> None:
    huge = Events(mini.detector, {"energy": np.full(100, 1e300)}, mini[:100].signals)
    text(evaluate(mini[:100], huge, classifier_seeds=0))


def test_two_detectors_with_as_many_other_cells_are_refused(mini: Events) -> None:
    first = mini.detector.layers[0]
    assert first.grid is not None
    moved = replace(first, grid=replace(first.grid, r_edges=tuple(1.5 * r for r in first.grid.r_edges)))
    other = replace(mini.detector, name="mine", layers=(moved, *mini.detector.layers[1:]))
    with pytest.raises(InvalidEvents, match="cannot be compared with the reference cell by cell"):
        evaluate(mini[:50], Events(other, mini[:50].incident, mini[:50].signals))


@pytest.mark.parametrize(("cut", "warned"), [(0.0, False), (30.0, True)])
def test_another_threshold_is_warned_of(mini: Events, cut: float, warned: bool) -> None:
    signals = np.where(mini.signals < cut, 0, mini.signals)
    other = Events(mini.detector, mini.incident, signals)
    report = evaluate(mini[:200], other[200:400], classifier_seeds=0)
    assert any("faintest" in text for text in report.warnings) == warned


@pytest.mark.parametrize("seed", range(3))
def test_two_parts_of_one_sample_are_nowhere_far_above_the_floor(mini: Events, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(mini))
    report = evaluate(mini.take(order[:600]), mini.take(order[600:1200]), classifier_seeds=0, threads=1)
    far = {metric.name: excess(metric) for metric in report.metrics}
    assert all(value is not None and value < 4 for value in far.values()), far


def test_a_dark_reference_layer_is_as_far_from_a_lit_one_as_can_be(mini: Events) -> None:
    signals = mini[:200].signals.copy()
    signals[:, mini.detector.slices[1]] = 0
    report = evaluate(Events(mini.detector, mini[:200].incident, signals), mini[200:400], classifier_seeds=0)
    pair = next(pair for pair in histograms(report) if pair.name == "layer_energy[1]")
    assert pair.mean_ratio is pair.std_ratio is None
    assert pair.separation == 1
    assert pair.ks_p is not None
    assert pair.ks_p < 1e-6
    assert pair.reason == "all values of the reference are 0"


def test_a_training_that_was_cut_short_is_warned_of(mini: Events) -> None:
    said = "63 of 5,000 iterations: undertrained"
    other = replace(mini[200:400], metadata={"undertrained": said})
    report = evaluate(mini[:200], other, classifier_seeds=0, threads=1)
    assert any(warning.endswith(said) for warning in report.warnings)


def test_only_what_is_asked_for_is_looked_at_with_the_same_figures(mini: Events, halves: Report) -> None:
    few = evaluate(mini[:600], mini[600:1200], threads=1, only=kinds_of("fpd"))
    assert [found.kind for found in few.findings] == ["distances"]
    assert metric_of(few, "fpd") == halves.metric("fpd")
