from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moliere import samples
from moliere.detectors import catalog
from moliere.errors import FormatError, UnknownName


def test_the_shipped_photons() -> None:
    events = samples.open("photons-mini")
    assert events.detector == catalog.get("calochallenge-1-photons")
    assert events.signals.shape == (5000, 368)
    assert set(np.log2(events.energy)) == set(range(8, 16))  # 256 MeV to 32.8 GeV in powers of two
    assert events.signals.dtype == np.float32
    assert (events.signals >= 0).all()
    # Geant4 showers are contained but for leakage, and vary with the sampling
    assert np.mean(events.response) == pytest.approx(1.0, abs=0.02)
    assert np.std(events.response[events.energy == 256]) > np.std(events.response[events.energy == 2.0**15])


def test_names_are_files_small_enough_to_ship() -> None:
    assert samples.names() == ["photons-mini"]
    folder = Path(samples.__file__).parent
    assert sum(path.stat().st_size for path in folder.glob("*.h5")) < 3_000_000


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'photons-mini'"):
        samples.open("photon-mini")


@pytest.mark.parametrize("name", ["photons-minni", "photon-mini", "photonsmini"])
def test_a_mistyped_sample_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(UnknownName, match="did you mean 'photons-mini'"):
        samples.open_source(name)


def test_a_name_with_an_ending_is_a_file() -> None:
    with pytest.raises(FormatError, match=r"no file showers\.h5"):
        samples.open_source("showers.h5")
