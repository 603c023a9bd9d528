"""What somebody else adds in a script appears in the table, the JSON and the page, without an edit to the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.errors import ConfigError, InvalidEvents
from moliere.evaluation import Report
from moliere.evaluation.finding import Unregistered
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.observables import Observable, observables
from moliere.evaluation.observables.binning import quantile_bins
from moliere.evaluation.suites import suites
from moliere.events import Events

_SCRIPT = '''
from dataclasses import dataclass
import json, sys
import numpy as np
from moliere import samples
from moliere.detectors import SurfaceArray, catalog
from moliere.events import Events
from moliere.evaluation.observables import Observable, observables
from moliere.evaluation.observables.binning import fixed, quantile_bins
from moliere.evaluation import Finding, Metric, Paper, evaluate
from moliere.evaluation.finding import Headline, Listing, Quantity, findings
from moliere.report import write_report


@findings.register("halo")
@dataclass(frozen=True)
class Halo(Finding):
    """Energy in the outermost cells of the second layer."""

    shares: tuple[float, float]
    title = "Halo"
    citations = (Paper("the halo", "On halos", "A. Author", 2026, "https://arxiv.org/abs/2601.00001"),)

    @classmethod
    def look(cls, samples):
        signals = [sample.kept.signals for sample in (samples.reference, samples.generated)]
        shares = tuple(float(x[:, -16:].sum() / x.sum()) for x in signals)
        metric = Metric("halo-share", "share of the halo", "transverse", abs(shares[1] - shares[0]))
        blind = Metric("halo-blind", "what no cell sees", "transverse", None, reason="there is no such cell")
        return cls(shares, metrics=(metric, blind))

    @property
    def words(self):
        return "Shares of the energy in the halo."

    @property
    def listings(self):
        return (Listing(("sample", "share in the halo"), (("reference", Quantity(self.shares[0])),)),)


@findings.register("broken")
@dataclass(frozen=True)
class Broken(Finding):
    title = "Broken"

    @classmethod
    def look(cls, samples):
        raise RuntimeError("the moon is <b>full</b>")


@findings.register("array")
@dataclass(frozen=True)
class Arrays(Finding):
    """Holds what JSON cannot."""

    values: np.ndarray

    @classmethod
    def look(cls, samples):
        return cls(np.zeros(3))


@findings.register("nothing")
@dataclass(frozen=True)
class Nothing(Finding):
    @classmethod
    def look(cls, samples):
        return None


def skewness(showers):
    layers = np.stack([moments[:, 0] for moments in showers.moments], axis=1)
    return ((layers - layers.mean(axis=1, keepdims=True)) ** 3).mean(axis=1)


def hottest(events):
    return events.signals.max(axis=1)


for name in ("skewness", "hottest[0]"):  # as if it were that of a layer
    observables.register(name)(Observable("skewness of the layers", "MeV³", "asymmetry", quantile_bins, skewness))
observables.register("hottest_cell")(
    Observable("hottest cell", "VEM", "signal", fixed([0.0, 1.0, 10.0, 1e6]), hottest, detector=SurfaceArray)
)

mini = samples.open("photons-mini")
report = evaluate(mini[:200], mini[200:400], baseline=mini[400:600], classifier_seeds=0, threads=1)
write_report(report, sys.argv[1])
array = catalog.get("airshower-9x9")
signals = np.random.default_rng(0).exponential(5, (80, array.n_channels))
showers = Events(array, {"energy": np.full(80, 1e13)}, signals.astype(np.float32))
found = evaluate(showers[:40], showers[40:], classifier_seeds=0, threads=1).to_dict()
with open(sys.argv[1] + "/showers.json", "w") as file:
    json.dump(found, file)
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a script that registers findings and observables of its own."""
    folder = tmp_path_factory.mktemp("extension")
    (folder / "script.py").write_text(_SCRIPT)
    subprocess.run(
        [sys.executable, str(folder / "script.py"), str(folder / "report")], check=True, env=dict(os.environ)
    )
    return folder / "report"


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    """As this process reads it, which knows nothing of the script's findings."""
    return Report.from_dict(json.loads((folder / "report.json").read_text()))


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text()


@pytest.mark.slow
def test_a_finding_of_a_script_is_in_the_table_and_the_json(folder: Path, report: Report) -> None:
    metric = report.metric("halo-share")
    assert metric.value is not None
    assert metric.baseline is not None
    content = json.loads((folder / "report.json").read_text())
    (halo,) = [found for found in content["findings"] if found["kind"] == "halo"]
    assert metric.value == pytest.approx(abs(halo["shares"][1] - halo["shares"][0]))


def test_a_finding_of_a_script_has_a_section_and_its_paper(page: str) -> None:
    section = page.split('<section id="halo">')[1].split("</section>")[0]
    for words in ("Halo", "share of the halo", "Shares of the energy in the halo.", "share in the halo"):
        assert words in section
    assert "On halos, A. Author, 2026" in " ".join(page.split())


def test_what_cannot_be_measured_says_why(report: Report, page: str) -> None:
    assert report.metric("halo-blind").value is None
    assert "not measurable, because there is no such cell" in page


def test_a_finding_that_raises_leaves_its_error_in_its_place(report: Report, page: str) -> None:
    assert report.find("response") is not None
    assert "RuntimeError: the moon is &lt;b&gt;full&lt;/b&gt;" in page.split('<section id="broken">')[1]
    assert any("'broken' could not be computed: RuntimeError" in warning for warning in report.warnings)


def test_a_finding_that_is_no_plain_data_is_said_by_name(report: Report, page: str) -> None:
    assert any("'array' could not be computed: TypeError" in warning for warning in report.warnings)
    assert '<section id="nothing">' not in page


def test_a_finding_whose_class_is_not_known_survives(folder: Path, report: Report) -> None:
    assert isinstance(report.find("halo"), Unregistered)
    assert json.loads(json.dumps(report.to_dict())) == json.loads((folder / "report.json").read_text())


def test_an_observable_of_a_script_has_its_histogram_in_the_json_and_on_the_page(report: Report, page: str) -> None:
    found = report.find(Observables)
    assert found is not None
    (skewness,) = [pair for pair in found.histograms if pair.name == "skewness"]
    assert (skewness.label, skewness.unit, skewness.group) == ("skewness of the layers", "MeV³", "asymmetry")
    assert sum(skewness.reference) == sum(skewness.generated) == 200
    section = page.split('<section id="asymmetry">')[1].split("</section>")[0]
    assert "skewness of the layers" in section


def test_observables_of_every_kind_of_detector_can_be_registered(folder: Path, report: Report) -> None:
    found = Report.from_dict(json.loads((folder / "showers.json").read_text())).find(Observables)
    assert found is not None
    (hottest,) = [pair for pair in found.histograms if pair.name == "hottest_cell"]
    assert hottest.edges == (0.0, 1.0, 10.0, 1e6)
    observed = report.find(Observables)
    assert observed is not None
    assert "hottest_cell" not in {pair.name for pair in observed.histograms}  # which is a calorimeter's


def _response(showers: Any) -> Any:
    return showers.energy


@pytest.mark.parametrize(
    ("incomplete", "missing"),
    [
        (Observable("skewness", "", "energy", None, _response), "add bins=quantile_bins"),
        (Observable("skewness", None, "energy", quantile_bins, _response), 'add unit="mm"'),
        (Observable("skewness", "", None, quantile_bins, _response), 'add group="transverse"'),
        (Observable("skewness", "", "energy", quantile_bins), "add compute="),
        (Observable("skewness"), r"unit=.*; and group=.*; and bins=.*; and compute="),
    ],
)
def test_an_incomplete_observable_is_refused_when_it_is_registered(incomplete: Observable, missing: str) -> None:
    with pytest.raises(ConfigError, match=f"observable 'skewness' is incomplete; .*{missing}"):
        observables.register("skewness")(incomplete)
    assert "skewness" not in observables


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda showers: showers.signals, r"shape \(5, 368\) for 5 events; expected one number for each"),
        (lambda showers: showers.energy * np.nan, "is NaN or infinite for 5 of 5 events"),
    ],
)
def test_an_observable_that_is_not_a_number_an_event_is_named(
    mini: Events, monkeypatch: pytest.MonkeyPatch, compute: Any, message: str
) -> None:
    entries = {**observables, "odd": Observable("odd", "", "energy", quantile_bins, compute)}
    monkeypatch.setattr(observables, "_entries", entries)
    with pytest.raises(InvalidEvents, match=f"observable 'odd' .*{message}"):
        suites["calorimeter"].look(mini[:5], None)
