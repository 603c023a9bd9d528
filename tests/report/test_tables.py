from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np

from moliere.detectors.calorimeter import Calorimeter
from moliere.evaluation.findings.response import Response
from moliere.evaluation.histograms import HistogramPair
from moliere.report.scene import build_scene
from moliere.report.tables import (
    cells_table,
    histogram_table,
    histograms_table,
    longitudinal_table,
    radial_table,
    response_table,
    separations_table,
    to_csv,
)

_PAIR = HistogramPair(
    *("layer_energy[0]", "energy", "MeV", "energy", (0.0, 1.0, 2.5), (1, 5, 3, 0), (0, 50, 30, 19)),
    *(False, 0.1, 0.01, 0.5, 1.0),
)


def test_a_histogram_with_all_its_entries() -> None:
    assert to_csv(histogram_table(_PAIR)) == (
        "low (MeV),high (MeV),reference,generated\n-inf,0,1,0\n0,1,5,50\n1,2.5,3,30\n2.5,inf,0,19\n"
    )


def test_a_family_says_which_of_it() -> None:
    pairs = [_PAIR, replace(_PAIR, name="layer_energy[1]", unit="")]
    table = histograms_table([pairs[0], replace(pairs[1], unit="MeV")])
    assert list(table["observable"]) == ["layer_energy[0]"] * 4 + ["layer_energy[1]"] * 4
    assert list(table["reference"]) == [1, 5, 3, 0] * 2
    assert to_csv(separations_table(pairs)) == (
        "observable,separation,floor\nlayer_energy[0],0.1,0.01\nlayer_energy[1],0.1,0.01\n"
    )


def test_response_has_both_samples_with_errors(response: Response) -> None:
    header, first, _ = csv.reader(to_csv(response_table(response.points)).splitlines())
    row = dict(zip(header, first, strict=True))
    assert row["incident energy (MeV)"] == "1000"
    assert row["reference events"] == "100"
    assert row["generated events"] == "90"
    assert row["generated mean"] == "0.99"
    assert row["generated width error"] == "0.01"


def test_profiles_of_a_shower(detector: Calorimeter) -> None:
    mean = np.repeat([1.0, 3.0, 2.0], 12)
    table = longitudinal_table(detector, mean, 2 * mean)
    assert list(table["layer"]) == ["layer 0", "layer 1", "layer 2"]
    assert list(table["generated (MeV)"]) == [24.0, 72.0, 48.0]
    radial = radial_table(detector, mean, mean)
    assert list(radial["r (mm)"]) == [2.5, 7.5]
    np.testing.assert_allclose(radial["reference"], [2 / 3, 1 / 3])


def test_cells_stand_with_their_edges(detector: Calorimeter) -> None:
    table = cells_table(build_scene(detector), np.arange(36.0), np.zeros(36), [0, 2])
    rows = list(zip(*table.values(), strict=True))
    assert len(rows) == 24
    assert list(table)[2:6] == ["low alpha (rad)", "high alpha (rad)", "low r (mm)", "high r (mm)"]
    np.testing.assert_allclose(rows[13][2:6], [-math.pi, -math.pi / 2, 5.0, 10.0])
    assert rows[13][:2] == (25, "layer 2")
    assert rows[13][6:] == (25.0, 0.0)
