from __future__ import annotations

import numpy as np
import pytest

from moliere.evaluation.histograms import HistogramPair


@pytest.mark.parametrize("unit", ["MeV", ""])
@pytest.mark.parametrize("edges", [(0.0, 1.0, 3.0), (1.0, 10.0, 100.0, 1000.0), (-2.0, 5.0)])
def test_a_pair_as_hist_objects_has_every_count_and_edge(edges: tuple[float, ...], unit: str) -> None:
    counts = tuple(float(k) for k in range(1, len(edges) + 2)), tuple(0.5 * k for k in range(len(edges) + 1))
    pair = HistogramPair("x", "energy", unit, "energy", edges, *counts, log_x=False)
    for one, expected in zip(pair.to_hist(), counts, strict=True):
        assert one.values(flow=True).tolist() == list(expected)
        assert np.array_equal(one.axes[0].edges, edges)
        assert one.axes[0].label == ("energy (MeV)" if unit else "energy")
        assert one.kind == "COUNT"
