"""The nearest sample comes first, and the page leads to all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moliere.errors import OutputExists
from moliere.evaluation import evaluate
from moliere.evaluation.findings.classifiers import Classifiers
from moliere.evaluation.findings.distances import Distances
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.reading import Row, rank
from moliere.events import Events
from moliere.report.ranking_page import write_ranking


@pytest.fixture(scope="module")
def rows(polar_events: Events) -> list[Row]:
    """A sample that is wrong by 20 %, another half of the reference, and one that is wrong by 5 %."""
    reference, other = polar_events[:300], polar_events[300:]
    samples = {
        "bad.h5": replace(other, signals=(other.signals * 1.2).astype(np.float32)),
        "same.h5": other,
        "fair.h5": replace(other, signals=(other.signals * 1.05).astype(np.float32)),
    }
    return rank({name: evaluate(reference, sample, classifier_seeds=1, threads=1) for name, sample in samples.items()})


def test_the_nearest_sample_comes_first(rows: list[Row]) -> None:
    assert [row.name for row in rows] == ["same.h5", "fair.h5", "bad.h5"]
    assert rows[-1].metrics["mean response"].value > 15
    assert rows[0].metrics["AUC, observables"].value < rows[-1].metrics["AUC, observables"].value


def with_few_pictures(row: Row) -> Row:
    """The report with the histograms of four observables, and without what draws more than that."""
    found = [finding for finding in row.report.findings if isinstance(finding, Observables | Classifiers | Distances)]
    few = [replace(f, histograms=f.histograms[:4]) if isinstance(f, Observables) else f for f in found]
    return replace(row, report=replace(row.report, findings=tuple(few)))


def test_the_page_leads_to_every_report(rows: list[Row], tmp_path: Path) -> None:
    rows = [with_few_pictures(row) for row in rows]
    page = write_ranking(rows, tmp_path / "comparison")
    text = page.read_text()
    assert text.index("same.h5") < text.index("fair.h5") < text.index("bad.h5")
    assert "AUC, observables" in text[text.index('id="pictures"') : text.index('id="table"')]
    for k, name in enumerate(("same", "fair", "bad"), 1):
        assert f'href="{k}-{name}/report.html"' in text
        assert (tmp_path / "comparison" / f"{k}-{name}" / "report.html").exists()
    content = json.loads((tmp_path / "comparison" / "compare.json").read_text())
    assert set(content) == {"same.h5", "fair.h5", "bad.h5"}
    with pytest.raises(OutputExists, match="overwrite it"):
        write_ranking(rows, tmp_path / "comparison")
