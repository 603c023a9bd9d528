"""A model that saw 1 and 10 GeV has learned nothing of 3 GeV, and the bundle remembers it."""

from __future__ import annotations

import numpy as np
import pytest

from moliere.models.gaps import gaps_in, in_gaps


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("energy", [1e3, 1e4], [(1e3, 1e4)]),
        ("energy", [5e3], []),
        ("energy", [256.0 * 2**k for k in range(8)], []),
        ("energy", [4096.0, 16384.0], []),  # what the study of interpolation leaves out
        ("energy", np.geomspace(1e3, 1e5, 200), []),
        ("energy", [], []),
        ("energy", [[1e3, 2e3], [5e4, 9e4]], [(2e3, 5e4)]),  # two particles an event
        ("theta", [1.0, 2.0], [(1.0, 2.0)]),
        ("theta", [1.0, 1.3, 1.6, 2.0], []),
        ("pdg_id", [11, 211], []),
    ],
)
def test_gaps_are_steps_that_are_too_wide(name: str, values: list[float], expected: list[tuple[float, float]]) -> None:
    assert gaps_in({name: np.array(values)}, [name]).get(name, []) == expected


def test_the_ends_of_a_gap_were_learned() -> None:
    values = np.array([1e3, 1e3 * (1 + 1e-6), 3e3, 1e4 * (1 - 1e-6), 1e4, np.nan])
    assert in_gaps(values, [(1e3, 1e4)], 1e-4).tolist() == [False, False, True, False, False, False]
