from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from moliere.evaluation.findings.correlations import Correlations
from moliere.report.drawing.correlations import correlation_table, draw_correlations, worst_pairs
from moliere.report.section import Section


def _some(n: int) -> Correlations:
    rng = np.random.default_rng(n)
    one, other = (np.atleast_2d(np.corrcoef(rng.normal(size=(n, 50)))) for _ in range(2))
    names = tuple(f"observable[{k}]" for k in range(n))
    return Correlations(names, names, *(tuple(map(tuple, matrix.tolist())) for matrix in (one, other)))


def test_reference_lies_below_the_diagonal_and_generated_above(correlations: Correlations) -> None:
    both, difference = (axes.images[0].get_array() for axes in draw_correlations(correlations).axes[:2])
    np.testing.assert_array_equal(both, [[1, 0.5, 0.2], [0.5, 1, -0.5], [0.25, 0.75, 1]])
    np.testing.assert_allclose(difference, [[0, 0, -0.05], [0, 0, -1.25], [-0.05, -1.25, 0]])


def test_colour_of_a_difference_is_symmetric_and_noise_is_pale(correlations: Correlations) -> None:
    same = replace(correlations, generated=correlations.reference)
    for drawn, scale in ((correlations, 1.25), (same, 0.1)):
        image = draw_correlations(drawn).axes[1].images[0]
        assert image.get_clim() == (-scale, scale)


@pytest.mark.parametrize(("n", "named"), [(2, 2), (30, 30), (60, 30), (362, 33)])
def test_names_are_thinned_and_numbered(n: int, named: int) -> None:
    left = draw_correlations(_some(n)).axes[0]
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert len(labels) == named
    assert labels[0] == "observable[0] · 1"
    assert len(left.get_xticks()) <= 12


def test_long_names_are_cut() -> None:
    long = replace(_some(2), labels=("a" * 80, "$b$"))
    texts = [text.get_text() for text in draw_correlations(long).findobj(Text)]
    assert f"{'a' * 15}…{'a' * 16} · 1" in texts
    assert "$b$ · 2" in texts


def test_table_is_the_matrix_as_drawn(correlations: Correlations) -> None:
    table = correlation_table(correlations)
    assert list(table)[1:] == list(correlations.names)
    assert list(table["total_energy"]) == [0.2, -0.5, 1.0]
    assert list(table["layer_energy[0]"]) == [1.0, 0.5, 0.25]


def test_the_pairs_that_differ_most_are_named(correlations: Correlations) -> None:
    assert worst_pairs(correlations, 2) == [
        "total energy with energy in layer 1: 0.75 → -0.50",
        "total energy with energy in layer 0: 0.25 → 0.20",
    ]


def test_the_section_says_what_is_statistical(sections: list[Section]) -> None:
    (picture,) = next(section for section in sections if section.anchor == "correlations").pictures
    assert picture.broad
    assert any("0.022" in note for note in picture.notes)  # two samples of 4000
