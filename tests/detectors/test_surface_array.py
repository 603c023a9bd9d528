from __future__ import annotations

import math

import numpy as np
import pytest

from moliere.detectors import SurfaceArray
from moliere.detectors.phase_space import Column, PhaseSpace
from moliere.detectors.surface_array import station_positions
from moliere.errors import DetectorError


@pytest.mark.parametrize("n", [9, 5])
@pytest.mark.parametrize("layout", ["cartesian", "axial", "offset"])
def test_layouts_are_those_of_the_air_shower_simulation(n: int, layout: str) -> None:
    """Index minus its middle; triangular ones shear rows, or shift every other one by half a spacing."""
    positions = station_positions(n, 1500.0, 1400.0, layout)  # type: ignore[arg-type]
    k = 0
    for i in range(n):
        for j in range(n):
            x, y = i - (n - 1) / 2, j - (n - 1) / 2
            if layout == "axial":
                x, y = x + 0.5 * y, y * math.sin(math.pi / 3)
            elif layout == "offset":
                x, y = x + 0.5 * (y % 2), y * math.sin(math.pi / 3)
            assert positions[k] == pytest.approx((1500 * x, 1500 * y, 1400))
            k += 1


@pytest.mark.parametrize(("layout", "n_nearest"), [("cartesian", 4), ("axial", 6), ("offset", 6)])
def test_inner_stations_have_as_many_neighbours_as_the_lattice(layout: str, n_nearest: int) -> None:
    positions = np.array(station_positions(7, 10.0, 0.0, layout))  # type: ignore[arg-type]
    distance = np.linalg.norm(positions - positions[24], axis=1)
    assert np.count_nonzero(np.isclose(distance, 10.0)) == n_nearest
    assert np.sort(distance)[1] == pytest.approx(10.0)


@pytest.fixture
def array() -> SurfaceArray:
    return SurfaceArray("four", station_positions(2, 1.0, 0.0, "cartesian"), 3, 25.0, (2, 2))


def test_time_runs_fastest(array: SurfaceArray) -> None:
    signals = np.arange(24, dtype=np.float32).reshape(2, 12)
    assert array.traces(signals)[1, 2].tolist() == [18, 19, 20]
    assert array.footprint(signals)[0].tolist() == [3, 12, 21, 30]
    assert array.n_channels == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": ()}, "0 stations"),
        ({"n_bins": 0}, "0 bins"),
        ({"bin_width": 0.0}, "must be positive"),
        ({"shape": (2, 3)}, "does not hold 4 stations"),
    ],
)
def test_senseless_arrays_are_refused(array: SurfaceArray, changes: dict[str, object], message: str) -> None:
    fields = {"name": "four", "positions": array.positions, "n_bins": 3, "bin_width": 25.0} | changes
    with pytest.raises(DetectorError, match=message):
        SurfaceArray(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((), "at least one"),
        ((Column("x"), Column("x")), "each of its own name"),
        ((Column("x", low=2.0, high=1.0),), "range 2 … 1"),
    ],
)
def test_senseless_phase_spaces_are_refused(columns: tuple[Column, ...], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        PhaseSpace("flux", columns)


def test_open_ranges_survive_json() -> None:
    import json

    from moliere.detectors import from_spec

    flux = PhaseSpace("flux", (Column("pz", "MeV", low=0.0), Column("charge")))
    assert from_spec(json.loads(json.dumps(flux.to_spec()))) == flux
