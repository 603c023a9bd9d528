"""A pattern of names is one sample of several files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from moliere import samples
from moliere.errors import FormatError
from moliere.events.check import check_source
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


@pytest.mark.parametrize("join", [list, tuple, lambda paths: ",".join(map(str, paths))])
def test_several_names_are_one_sample(join: Callable[[list[Path]], Any], tmp_path: Path) -> None:
    events = samples.open("photons-mini")[:20]
    paths = [tmp_path / "b.h5", tmp_path / "a.h5", tmp_path / "with, comma.h5"]
    for path, part in zip(paths, (events[:10], events[10:13], events[13:]), strict=True):
        write_events(path, part)
    if join not in {list, tuple}:
        paths[2] = paths[2].rename(tmp_path / "c*.h5")  # a name that exists is no pattern
    source = open_events(join(paths))
    np.testing.assert_array_equal(source.incident["energy"], events.energy)
    np.testing.assert_array_equal(source.take([19, 2]).signals, events[[19, 2]].signals)


def test_what_is_broken_in_one_file_of_several_is_found_by_a_check(tmp_path: Path) -> None:
    events = samples.open("photons-mini")[:40]
    write_events(tmp_path / "one.h5", events)
    write_events(tmp_path / "two.h5", events)
    with h5py.File(tmp_path / "two.h5", "a") as file:
        file["showers"][3, 5] = np.nan
    report = check_source(open_events([tmp_path / "one.h5", tmp_path / "two.h5"]))
    assert report.reasons[43] == "not-finite"


def test_no_file_at_all_is_refused() -> None:
    for nothing in ([], ",", "one.h5,,two.h5"):
        with pytest.raises(FormatError, match="no file"):
            open_events(nothing)


def test_files_that_differ_are_refused(tmp_path: Path) -> None:
    write_events(tmp_path / "run-0.h5", samples.open("photons-mini")[:3])
    other = samples.open("photons-mini")[:3]
    write_events(tmp_path / "run-1.h5", replace(other, incident={**other.incident, "theta": np.ones(3)}))
    with pytest.raises(FormatError, match="they must be the same"):
        open_events(tmp_path / "run-?.h5")


def test_a_pattern_without_files_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no file"):
        open_events(tmp_path / "run-*.h5")
