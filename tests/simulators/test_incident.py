from __future__ import annotations

import numpy as np
import pytest

from moliere.errors import InvalidQuantity, UnknownName
from moliere.simulators.incident import sample_incident, spectra


def draw(spectrum: str, low: float = 256.0, high: float = 32768.0, n: int = 20_000) -> np.ndarray:
    return sample_incident(n, (low, high), spectrum, 22, np.random.default_rng(1))["energy"]


def test_flat_and_log_have_their_means() -> None:
    assert draw("flat").mean() == pytest.approx((256 + 32768) / 2, rel=0.02)
    assert np.log(draw("log")).mean() == pytest.approx(np.log(np.sqrt(256 * 32768)), rel=0.01)


def test_powers_of_2_start_at_the_lower_edge_and_reach_the_upper() -> None:
    values, counts = np.unique(draw("powers-of-2"), return_counts=True)
    assert values.tolist() == [256.0 * 2**k for k in range(8)]
    assert counts.min() > 2200


def test_powers_of_2_stop_below_an_edge_that_is_none() -> None:
    assert draw("powers-of-2", 100, 799).max() == 400


@pytest.mark.parametrize("spectrum", [name for name in spectra if name != "fixed"])
def test_energies_stay_in_range(spectrum: str) -> None:
    energy = draw(spectrum, 100.0, 100.1)
    assert energy.min() >= 100.0
    assert energy.max() <= 100.1


def test_fixed_takes_one_energy_and_no_range() -> None:
    assert (draw("fixed", 50.0, 50.0) == 50.0).all()
    with pytest.raises(InvalidQuantity, match="one energy"):
        draw("fixed")


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (2.0, 1.0), (1.0, float("inf")), (float("nan"), 1.0)])
def test_bad_ranges_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(InvalidQuantity, match="energy range"):
        draw("log", *bounds)


def test_an_unknown_spectrum_is_named() -> None:
    with pytest.raises(UnknownName, match="spectrum"):
        draw("logg")


@pytest.mark.parametrize("spectrum", list(spectra))
@pytest.mark.parametrize("columns", [("theta",), ("phi", "theta"), ("x", "y"), ("x", "y", "theta", "phi"), ()])
def test_the_first_particles_do_not_depend_on_how_many_follow(spectrum: str, columns: tuple[str, ...]) -> None:
    ends = (300.0, 300.0) if spectrum == "fixed" else (300.0, 9000.0)
    few, many = (
        sample_incident(n, ends, spectrum, 22, np.random.default_rng(4), dict.fromkeys(columns, (0.5, 1.5)))
        for n in (100, 1000)
    )
    assert all(np.array_equal(few[name], many[name][:100]) for name in ("energy", *columns))


def test_columns_are_independent_of_each_other() -> None:
    def drawn(*columns: str) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(4)
        return sample_incident(1000, (1.0, 2.0), "flat", None, rng, dict.fromkeys(columns, (1.0, 2.0)))

    every, one = drawn("x", "y", "theta", "phi"), drawn("theta")
    assert np.array_equal(every["theta"], one["theta"])
    assert np.abs(np.corrcoef(list(every.values())) - np.eye(5)).max() < 0.15
