"""A report is JSON as the standard has it, whatever numbers it holds, and comes back with the same numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from moliere import samples
from moliere.evaluation import Report, evaluate
from moliere.events import Events


@pytest.mark.parametrize("energy", [1e300, 1e-300])
def test_numbers_that_json_does_not_have(energy: float) -> None:
    events = samples.open("photons-mini")[:60]
    strange = Events(events.detector, {"energy": np.full(60, energy)}, events.signals)
    with np.errstate(all="ignore"):
        report = evaluate(events, strange, classifier_seeds=0, threads=1)
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert json.dumps(Report.from_dict(json.loads(text)).to_dict()) == text


def test_infinities_come_back() -> None:
    events = samples.open("photons-mini")[:60]
    report = evaluate(events, events, classifier_seeds=0, threads=1)
    content = report.to_dict()
    content["findings"][0]["metrics"] = [
        {"name": str(value), "label": "a", "group": "b", "value": value} for value in ("nan", "inf", "-inf")
    ]
    back = Report.from_dict(json.loads(json.dumps(content, allow_nan=False))).findings[0].metrics
    assert [str(metric.value) for metric in back] == ["nan", "inf", "-inf"]
    assert all(isinstance(metric.value, float) and not math.isfinite(metric.value) for metric in back)
