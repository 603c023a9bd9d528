"""The table of CaloChallenge's evaluation: its figures under its names, in its order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from moliere.evaluation.finding import Metric
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.result import Report

#: the community's name → observables whose separation powers are averaged
_SEPARATIONS = {
    "E_tot / E_inc": "response",
    "E_layer": "layer_energy",
    "EC_eta": "centre_eta",
    "EC_phi": "centre_phi",
    "width_eta": "width_eta",
    "width_phi": "width_phi",
    "EC_r": "centre_r",
    "width_r": "width_r",
    "sparsity": "sparsity",
    "voxel energy": "voxel_energy",
}
_CLASSIFIERS = {"cls-low": "voxels", "cls-low-normed": "normed-voxels", "cls-high": "observables"}


def community_table(report: Report) -> Iterator[tuple[str, str]]:
    """Rows of name and value; what the report does not have is left out.

    Separation powers are means over the layers, as the community's summary has them.
    """
    observed = report.find(Observables)
    histograms = () if observed is None else observed.histograms
    for name, observable in _SEPARATIONS.items():
        found = [pair.separation for pair in histograms if pair.name.partition("[")[0] == observable]
        if measured := [value for value in found if value is not None]:
            yield f"separation power {name}", f"{np.mean(measured):.5f}"
    metrics = {metric.name: metric for metric in report.metrics}
    for name, what in _CLASSIFIERS.items():
        kinds = [kind for kind in ("calochallenge", "mlp") if f"auc-{what}-{kind}" in metrics]
        if kinds:
            auc, jsd = (metrics[f"{score}-{what}-{kinds[0]}"] for score in ("auc", "jsd"))
            yield f"{name} AUC / JSD ({kinds[0]})", f"{_plain(auc)} / {_plain(jsd)}"
    for name in ("fpd", "kpd"):
        if name in metrics:
            yield f"{name.upper()} x 1e3", _plain(metrics[name], 1e3, 3)


def _plain(metric: Metric, factor: float = 1.0, digits: int = 4) -> str:
    if metric.value is None:
        return "not measured"
    return f"{factor * metric.value:.{digits}f} ± {factor * (metric.error or 0.0):.{digits}f}"
