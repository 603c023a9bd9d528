from __future__ import annotations

import numpy as np
import pytest

from moliere.evaluation.observables.tally import Tally


def test_pieces_add_up_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    # far from 0: a sum of squares less the square of the sum would have lost every digit in single precision
    values = (1e6 + rng.normal(0, 1, (1000, 3, 2))).astype(np.float32)
    tally = Tally.of(values[:1]) + Tally.of(values[1:1]) + Tally.of(values[1:700]) + Tally.of(values[700:])
    exact = values.astype(np.float64)
    assert np.array_equal(tally.count, np.full((3, 2), 1000.0))
    assert tally.mean == pytest.approx(exact.mean(axis=0), rel=1e-12)
    assert tally.std == pytest.approx(exact.std(axis=0, ddof=1), rel=1e-9)
    assert tally.error == pytest.approx(exact.std(axis=0, ddof=1) / 1000**0.5, rel=1e-9)


def test_groups_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    values, group = rng.exponential(3, (500, 4)), rng.choice([0, 1, 3], 500)
    group[0], group[group == 3] = 4, 3
    tally = Tally.grouped(values, group, 5)
    for k in (0, 1, 3):
        inside = values[group == k]
        assert tally[k].mean == pytest.approx(inside.mean(axis=0))
        assert tally[k].std == pytest.approx(inside.std(axis=0, ddof=1))
    assert tally.count[:, 0].tolist() == [np.count_nonzero(group == k) for k in range(5)]


def test_what_is_not_known_is_nan() -> None:
    tally = Tally.grouped(np.array([5.0, 7.0, 9.0]), np.array([0, 0, 2]), 3)
    assert tally.mean == pytest.approx([6, np.nan, 9], nan_ok=True)
    assert tally.error == pytest.approx([1, np.nan, np.nan], nan_ok=True)
    nothing = Tally.of(np.zeros((0, 2)))
    assert np.isnan(nothing.mean).all()
    assert (nothing + Tally.of(np.ones((4, 2)))).mean.tolist() == [1, 1]
