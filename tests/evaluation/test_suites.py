from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.detectors.base import Floats
from moliere.evaluation.observables.binning import Binning
from moliere.evaluation.suites import find_suite, suites
from moliere.evaluation.suites.base import label_of


def layout(name: str) -> Calorimeter:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    return detector


def binning_of(name: str, detector: Calorimeter, values: Floats) -> Binning:
    return suites["calorimeter"].shown(detector)[name].bins(values)


@pytest.mark.parametrize(
    ("detector", "name", "low", "high", "bins"),
    [
        ("calochallenge-1-photons", "response", 0.5, 1.5, 100),
        ("calochallenge-1-photons", "centre_eta[1]", -100, 100, 100),
        ("calochallenge-1-photons", "width_phi[2]", 0, 100, 100),
        ("calochallenge-1-photons", "centre_r[0]", 0, 500, 100),
        ("calochallenge-1-photons", "centre_r[4]", 0, 1500, 100),  # layer 12
        ("calochallenge-1-pions", "centre_phi[4]", -500, 500, 100),
        ("calochallenge-1-pions", "width_eta[5]", 0, 400, 100),  # layer 13
        ("calochallenge-1-pions", "width_r[6]", 0, 1500, 100),  # layer 14
        ("calochallenge-2", "centre_eta[44]", -30, 30, 100),
        ("calochallenge-2", "width_phi[12]", 0, 30, 100),
        ("calochallenge-3", "centre_r[13]", 0, 42, 100),
        ("calochallenge-3", "width_r[0]", 0, 20, 100),
        ("calochallenge-3", "sparsity[0]", 0, 1, 20),
    ],
)
def test_bins_are_the_communitys(detector: str, name: str, low: float, high: float, bins: int) -> None:
    values = np.linspace(low, high, 50)
    binning = binning_of(name, layout(detector), values)
    assert not binning.log
    assert binning.edges == pytest.approx(np.linspace(low, high, bins + 1))


@pytest.mark.parametrize(("name", "bins"), [("layer_energy[3]", 39), ("voxel_energy", 49)])
def test_energies_run_from_the_threshold_to_the_largest_of_the_reference(name: str, bins: int) -> None:
    detector = layout("calochallenge-2")
    binning = binning_of(name, detector, np.array([0.0, 0.3, 7.0, 650.0] * 1000))
    assert binning.log
    assert binning.edges[[0, -1]] == pytest.approx([detector.threshold, 650.0], rel=1e-5)
    assert len(binning.edges) == bins + 1
    assert np.diff(np.log(binning.edges)) == pytest.approx(np.log(650 / detector.threshold) / bins, rel=1e-4)


@pytest.mark.parametrize("name", ["response", "centre_eta[0]", "width_phi[1]", "centre_r[2]"])
def test_other_detectors_get_bins_that_hold_the_reference(name: str) -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 5000)
    edges = binning_of(name, layout("calogan"), values).edges
    assert np.mean((values >= edges[0]) & (values <= edges[-1])) > 0.995
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("name", ["response", "layer_energy[0]", "voxel_energy", "centre_eta[0]", "sparsity[0]"])
@pytest.mark.parametrize("values", [[], [0.0], [2.5] * 9])
def test_edges_increase_whatever_comes(name: str, values: list[float]) -> None:
    detector = replace(layout("calogan"), threshold=0.0)
    edges = binning_of(name, detector, np.array(values)).edges
    assert len(edges) >= 2
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("mean", [0.01, 0.03, 0.8, 1.0, 40.0])
@pytest.mark.parametrize("detector", ["calogan", "calochallenge-1-photons"])
def test_the_response_has_bins_where_it_is(detector: str, mean: float) -> None:
    """A sampling calorimeter measures a hundredth of the energy, which was one bin of a usual axis."""
    values = np.random.default_rng(0).normal(mean, 0.05 * mean, 2000)
    counts = np.histogram(values, binning_of("response", layout(detector), values).edges)[0]
    assert counts.sum() > 0.99 * len(values)
    assert np.count_nonzero(counts) >= 15


@pytest.mark.parametrize(("n", "most"), [(4, 5), (20, 9), (100, 20), (10_000, 100)])
def test_few_events_have_few_bins(n: int, most: int) -> None:
    values = np.random.default_rng(0).normal(3.0, 1.0, n)
    assert len(binning_of("response", layout("calogan"), values).edges) - 1 <= most


@pytest.mark.parametrize(("name", "said"), [("calogan", "centre in x"), ("calochallenge-1-photons", "centre in eta")])
def test_features_are_called_as_their_observables_are(name: str, said: str) -> None:
    shown = suites["calorimeter"].shown(catalog.get(name))
    assert shown["centre_eta[1]"].label.startswith(said)
    assert label_of("log_layer_energy[1]", shown) == f"log {shown['layer_energy[1]'].label}"


@pytest.mark.parametrize(
    ("detector", "name", "label", "unit", "group"),
    [
        ("calochallenge-2", "sparsity[3]", "share of empty cells in layer 3", "", "sparsity"),
        ("calogan", "sparsity1", "share of cells with energy in layer 1", "", "sparsity"),
        ("3dgan", "moment_z1", "mean of z, weighted with energy", "cells", "longitudinal"),
        ("3dgan", "moment_x3", "third moment of x about its mean", "cells³", "transverse"),
        ("ship-muons", "charge", "charge", "", "particle"),
        ("ship-muons", "pz", "pz", "MeV", "momentum"),
        ("ship-muons", "x", "x", "mm", "position"),
    ],
)
def test_labels_say_what_is_shown(detector: str, name: str, label: str, unit: str, group: str) -> None:
    known = catalog.get(detector)
    shown = find_suite("default", known)[1].shown(known)[name]
    assert (shown.label, shown.unit, shown.group) == (label, unit, group)
