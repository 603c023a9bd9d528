"""A pattern of names is one sample of several files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moliere import samples
from moliere.errors import FormatError
from moliere.events.formats import open_events, write_events


def test_files_of_a_pattern_are_one_sample(tmp_path: Path) -> None:
    events = samples.open("photons-mini")[:30]
    for number, part in enumerate((events[:10], events[10:13], events[13:])):
        write_events(tmp_path / f"run-{number}.h5", part)
    source = open_events(tmp_path / "run-*.h5")
    assert len(source) == 30
    np.testing.assert_array_equal(source.incident["energy"], events.energy)
    for index in (slice(None), [29, 0, 11, 11], slice(12, 3, -2), slice(0)):
        np.testing.assert_array_equal(source.take(index).signals, events[index].signals)
    assert [len(part) for part in source.chunks(8)] == [8, 8, 8, 6]


def test_files_that_differ_are_refused(tmp_path: Path) -> None:
    write_events(tmp_path / "run-0.h5", samples.open("photons-mini")[:3])
    other = samples.open("photons-mini")[:3]
    write_events(tmp_path / "run-1.h5", replace(other, incident={**other.incident, "theta": np.ones(3)}))
    with pytest.raises(FormatError, match="they must be the same"):
        open_events(tmp_path / "run-?.h5")


def test_a_pattern_without_files_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no file"):
        open_events(tmp_path / "run-*.h5")
