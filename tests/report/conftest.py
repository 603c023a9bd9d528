from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import PolarGrid
from moliere.evaluation.finding import Metric
from moliere.evaluation.findings.classifiers import Classifiers
from moliere.evaluation.findings.correlations import Correlations
from moliere.evaluation.findings.distances import Distances
from moliere.evaluation.findings.examples import ExampleEvent, Examples
from moliere.evaluation.findings.layers import LayerRow, LayerValidation
from moliere.evaluation.findings.mean_showers import MeanShower, MeanShowers
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.findings.response import Response
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.response import ResponsePoint
from moliere.evaluation.result import Report, Sample, Timing
from moliere.report.html import render_report, write_report
from moliere.report.section import Section


def make_histogram(name: str = "layer_energy[0]", n_bins: int = 20, log_x: bool = False) -> HistogramPair:
    rng = np.random.default_rng(n_bins + len(name))
    edges = np.geomspace(1, 1000, n_bins + 1) if log_x else np.linspace(0, 1, n_bins + 1)
    counts = [rng.poisson(50, n_bins + 2).astype(float).tolist() for _ in range(2)]
    return HistogramPair(
        name=name,
        label=f"energy in {name}",
        unit="MeV",
        group="energy",
        edges=tuple(edges.tolist()),
        reference=tuple(counts[0]),
        generated=tuple(counts[1]),
        log_x=log_x,
        separation=0.0123,
        separation_floor=0.0045,
        ks_p=0.25,
        wasserstein=3.5,
    )


@pytest.fixture(scope="session")
def detector() -> Calorimeter:
    grid = PolarGrid(r_edges=(0.0, 5.0, 10.0, 20.0), n_alpha=4)
    return Calorimeter("toy", tuple(Layer(k, grid, z=(10.0 * k, 10.0 * k + 9)) for k in range(3)))


@pytest.fixture(scope="session")
def report(detector: Calorimeter) -> Report:
    rng = np.random.default_rng(5)
    means = [tuple(rng.exponential(5.0, detector.n_channels).tolist()) for _ in range(4)]
    examples = tuple(
        ExampleEvent(sample, energy, (1, 5, 30), (2.0, 40.0 * energy / 1000, 7.0))
        for energy in (1000.0, 50_000.0)
        for sample in ("reference", "generated")
    )
    auc = Metric("auc-observables-boosting", "AUC, boosting", "classifier", 0.6123, 0.0021, 0.5012, 0.003, "", "close")
    fpd = Metric("fpd", "Fréchet distance", "distribution", 0.0123, 0.0011, 0.0119, 0.001, "", "at the floor", "a note")
    mean = Metric("response-mean", "mean response", "energy", 12.1, 0.4, 0.8, 0.4, "%", "15.1 × the floor")
    points = tuple(
        ResponsePoint(energy, 100, 90, 1.0, 0.01, 0.1, 0.01, 0.99, 0.01, 0.11, 0.01) for energy in (1000.0, 50_000.0)
    )
    correlations = Correlations(
        ("layer_energy[0]", "layer_energy[1]", "total_energy"),
        ("energy in layer 0", "energy in layer 1", "total energy"),
        ((1.0, 0.5, 0.25), (0.5, 1.0, 0.75), (0.25, 0.75, 1.0)),
        ((1.0, 0.5, 0.2), (0.5, 1.0, -0.5), (0.2, -0.5, 1.0)),
    )
    layers = tuple(
        LayerRow(f"layer {k}", (999.0, 1001.0), 50, 40, (1.02, 0.01), (0.9, 0.1), 1.1, 1.3, 0.2, *(4 * [0.05]))
        for k in range(3)
    )
    return Report(
        verdict="close: the best classifier reaches AUC 0.612",
        detector=detector.to_spec(),
        reference=Sample("geant4.h5", 5000, 4000, (1000.0, 50_000.0), {"geant4": "11.4.1"}),
        generated=Sample("flow.h5", 4000, 4000, (1000.0, 50_000.0)),
        findings=(
            Classifiers(metrics=(auc,)),
            Distances(metrics=(fpd,)),
            Response(points, metrics=(mean,)),
            Observables((make_histogram(), make_histogram("layer_energy[1]", log_x=True)), 0.5),
            LayerValidation(layers),
            correlations,
            MeanShowers((MeanShower(None, means[0], means[1]), MeanShower(1000.0, means[2], means[3]))),
            Examples(examples),
        ),
        settings={"suite": "calorimeter", "seed": 3, "versions": {"numpy": "2.0"}},
        warnings=("the energies differ",),
        timing=Timing(0.5, 1000, "CPU, 2 threads", 1100.0),
    )


@pytest.fixture(scope="session")
def histograms(report: Report) -> tuple[HistogramPair, ...]:
    """Those of the report."""
    found = report.find(Observables)
    assert found is not None
    return found.histograms


@pytest.fixture(scope="session")
def response(report: Report) -> Response:
    """That of the report."""
    found = report.find(Response)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def correlations(report: Report) -> Correlations:
    """Those of the report."""
    found = report.find(Correlations)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def written(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report, drawn once."""
    return write_report(report, tmp_path_factory.mktemp("written") / "out").parent


@pytest.fixture(scope="session")
def page(written: Path) -> str:
    """The page of the report."""
    return (written / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def drawn(report: Report) -> tuple[list[Section], str]:
    """The sections and the page of the report, drawn a second time."""
    return render_report(report)


@pytest.fixture(scope="session")
def sections(drawn: tuple[list[Section], str]) -> list[Section]:
    """The sections of the report."""
    return drawn[0]


@pytest.fixture(scope="session")
def bare_report(report: Report) -> Report:
    """What an evaluation of a handful of events leaves: numbers, no curves, no events."""
    numbers = tuple(found for found in report.findings if isinstance(found, Classifiers | Distances))
    return replace(report, findings=numbers, timing=None, warnings=())
