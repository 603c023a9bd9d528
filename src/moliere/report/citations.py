"""The papers that define what a report shows, so that whoever uses its numbers can cite them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moliere.evaluation.result import Report

_ARXIV = "https://arxiv.org/abs/"


@dataclass(frozen=True)
class Paper:
    """One paper.

    Args:
        defines: what of the report it defines.
        title: of the paper.
        author: the first.
        year: of publication.
        link: where it can be read.
    """

    defines: str
    title: str
    author: str
    year: int
    link: str


_CALOCHALLENGE = Paper(
    "observables, their bins and the separation power",
    "CaloChallenge 2022: a community challenge for fast calorimeter simulation",
    "C. Krause",
    2024,
    f"{_ARXIV}2410.21611",
)
#: by suite, and by kind of detector where a suite has no entry of its own
_OBSERVABLES = {
    "calogan": Paper(
        "observables",
        "CaloGAN: simulating 3D high energy particle showers in multilayer electromagnetic calorimeters with "
        "generative adversarial networks",
        "M. Paganini",
        2018,
        f"{_ARXIV}1712.10321",
    ),
    "3dgan": Paper(
        "observables",
        "Fast simulation of a high granularity calorimeter by generative adversarial networks",
        "G. Khattak",
        2022,
        f"{_ARXIV}2109.07388",
    ),
    "calorimeter": _CALOCHALLENGE,
    "surface-array": Paper(
        "observables",
        "Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks",
        "M. Erdmann",
        2018,
        f"{_ARXIV}1802.03325",
    ),
    "phase-space": Paper(
        "observables",
        "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks",
        "C. Ahdida",
        2019,
        f"{_ARXIV}1909.04451",
    ),
}
_KANSAL = Paper(
    "Fréchet and kernel physics distance",
    "Evaluating generative models in high energy physics",
    "R. Kansal",
    2023,
    f"{_ARXIV}2211.10295",
)
_NAEEM = Paper(
    "density and coverage",
    "Reliable fidelity and diversity metrics for generative models",
    "M. Naeem",
    2020,
    f"{_ARXIV}2002.09797",
)
_KYNKAANNIEMI = Paper(
    "precision and recall",
    "Improved precision and recall metric for assessing generative models",
    "T. Kynkäänniemi",
    2019,
    f"{_ARXIV}1904.06991",
)
#: by the first part of a figure's name
_FIGURES = {
    "auc": Paper(
        "classifier tests", "Revisiting classifier two-sample tests", "D. Lopez-Paz", 2017, f"{_ARXIV}1610.06545"
    ),
    "fpd": _KANSAL,
    "kpd": _KANSAL,
    "precision": _KYNKAANNIEMI,
    "recall": _KYNKAANNIEMI,
    "density": _NAEEM,
    "coverage": _NAEEM,
}
_CHI_SQUARE = Paper(
    "chi-square of two histograms",
    "Comparison of weighted and unweighted histograms",
    "N. Gagunashvili",
    2006,
    f"{_ARXIV}physics/0605123",
)
_COMBINATION = Paper(
    "one p-value of all observables together",
    "Cauchy combination test: a powerful test with analytic p-value calculation under arbitrary dependency structures",
    "Y. Liu",
    2020,
    f"{_ARXIV}1808.09011",
)
_EQUIVALENT = Paper(
    "worth in reference events",
    "CMS HGCal calorimeter challenge: equivalent number of Geant4 showers",
    "O. Amram",
    2026,
    "https://github.com/OzAmram/CMSHGCaloChallenge",
)


def cited(report: Report) -> list[Paper]:
    """The papers behind what a report holds, each once, those of the observables first."""
    return list(dict.fromkeys(_papers(report)))


def _papers(report: Report) -> Iterator[Paper]:
    suite, kind = str(report.settings.get("suite")), str(report.detector["kind"])
    yield _OBSERVABLES.get(suite) or _OBSERVABLES[kind]
    for figure in report.figures:
        first = figure.name.split("-")[0]
        if first in _FIGURES:
            yield _FIGURES[first]
    if report.histograms:
        yield from (_CHI_SQUARE, _COMBINATION)
    if report.equivalent:
        yield _EQUIVALENT
