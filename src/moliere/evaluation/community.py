"""The table of CaloChallenge's evaluation: its figures under its names, in its order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from moliere.evaluation.result import Figure, Report

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
    for name, observable in _SEPARATIONS.items():
        found = [pair.separation for pair in report.histograms if pair.name.partition("[")[0] == observable]
        if found:
            yield f"separation power {name}", f"{np.mean(found):.5f}"
    figures = {figure.name: figure for figure in report.figures}
    for name, what in _CLASSIFIERS.items():
        kinds = [kind for kind in ("calochallenge", "mlp") if f"auc-{what}-{kind}" in figures]
        if kinds:
            auc, jsd = (figures[f"{score}-{what}-{kinds[0]}"] for score in ("auc", "jsd"))
            yield f"{name} AUC / JSD ({kinds[0]})", f"{_plain(auc)} / {_plain(jsd)}"
    for name in ("fpd", "kpd"):
        if name in figures:
            yield f"{name.upper()} x 1e3", f"{1e3 * figures[name].value:.3f} ± {1e3 * figures[name].error:.3f}"


def _plain(figure: Figure) -> str:
    return f"{figure.value:.4f} ± {figure.error:.4f}"
