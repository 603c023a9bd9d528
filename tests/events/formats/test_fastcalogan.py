"""FastCaloGAN's CSV files are read as ATLAS published them, and a wrong line is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import Calorimeter, PolarGrid, load
from moliere.errors import DetectorError, FormatError, InvalidEvents
from moliere.events.formats import create_events, open_events, read_events

GOLDEN = Path(__file__).parents[1] / "data" / "golden-fastcalogan"
LOW, HIGH = "pid22_E256_eta_20_25_voxalisation.csv", "pid22_E512_eta_20_25_voxalisation.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the golden folder, to be broken."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "csv"))


def test_the_golden_folder() -> None:
    events = read_events(GOLDEN)
    assert events.signals.tolist() == [[1, 2, 3, 4, 5, 225.5], [500, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 512]]
    assert events.energy.tolist() == [256, 512, 512]
    assert events.incident["pdg_id"].tolist() == [22, 22, 22]
    np.testing.assert_allclose(events.incident["eta"], 0.225)
    detector = events.detector
    assert isinstance(detector, Calorimeter)
    assert detector.grids == (PolarGrid((0.0, 5.0, 10.0), 1), PolarGrid((0.0, 2.0, 4.0), 2))
    assert detector.name == "fastcalogan-22"


def test_one_file_is_read_alone() -> None:
    events = read_events(GOLDEN / LOW)
    assert events.energy.tolist() == [256]
    assert events.signals.tolist() == [[1, 2, 3, 4, 5, 225.5]]


def test_rows_are_read_in_any_order_across_files() -> None:
    file = open_events(GOLDEN)
    assert file.take(np.array([2, 0, 2, 1])).signals.sum(axis=1).tolist() == [512, 240.5, 512, 500]
    assert [len(part) for part in file.chunks(2)] == [2, 1]
    assert len(file.take(slice(0))) == 0


def test_the_detector_can_be_given(folder: Path) -> None:
    (folder / "binning.xml").rename(folder / "mine.xml")
    with pytest.raises(FormatError, match=r"no binning.xml beside it; copy it there, or name such a file"):
        read_events(folder)
    shutil.copy(folder / "mine.xml", folder / "other.txt")
    one = (
        (folder / "mine.xml")
        .read_text()
        .replace('<Bin pid="11" name="electron"><Layer id="0" r_edges="0,5" n_bin_alpha="1"/></Bin>', "")
    )
    (folder / "mine.xml").write_text(one)
    assert len(read_events(folder, load(str(folder / "mine.xml")))) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,4,5,6\n1,2,3,4,5\n", r"E512.*, line 2: 5 columns, but the detector has 6 voxels"),
        ("1,2,3,4,5\n1,2,3,4,5\n", r"line 1: 5 columns, but"),
        ("1,2,3,4,5,6\n\n1,2,3,4,5,6,7\n", r"line 3: 7 columns, but"),
        ("1,2,3,4,5,6\n\n1,2,3,x4,5,6\n", r"line 3, column 4: 'x4' is not a number"),
        ("1,2,3,4,5,6\n1,2,,4,5,6\n", r"line 2, column 3: '' is not a number"),
        ("0,1,2,3,4,5\r\n1,2,3,4,5,6\r\n1,2,3,4,5", r"line 3: 5 columns"),
        ("", r"E512.* is empty: no events"),
        ("\n\n", r"E512.* is empty: no events"),
    ],
)
def test_a_wrong_line_is_named(text: str, message: str, folder: Path) -> None:
    (folder / HIGH).write_text(text)
    with pytest.raises(FormatError, match=message):
        read_events(folder)


def test_numbers_that_make_no_sense_are_found(folder: Path) -> None:
    (folder / HIGH).write_text("1,2,3,4,nan,6\n")
    with pytest.raises(InvalidEvents, match="a signal that is not finite"):
        read_events(folder)


def test_voxels_in_gev_are_recognised(folder: Path) -> None:
    for name in (LOW, HIGH):
        (folder / name).write_text("0.05,0.05,0.05,0.05,0.05,0.2\n")
    with pytest.raises(InvalidEvents, match="signals look like GeV"):
        read_events(folder)


def test_names_say_what_came_in(folder: Path) -> None:
    (folder / HIGH).rename(folder / "photons.csv")
    assert len(read_events(folder)) == 1
    with pytest.raises(FormatError, match=r"no file named like pid22_E65536_eta_20_25_voxalisation\.csv"):
        read_events(folder / "photons.csv", format="fastcalogan")
    with pytest.raises(FormatError, match="no file named like"):
        read_events(folder.parent, format="fastcalogan")


def test_particles_of_other_voxels_do_not_mix(folder: Path) -> None:
    (folder / "pid-11_E256_eta_20_25_voxalisation.csv").write_text("1\n")
    with pytest.raises(FormatError, match=r"holds particles 11 at eta 0.225, 22 at eta 0.225, whose voxels differ"):
        read_events(folder)
    assert read_events(folder / "pid-11_E256_eta_20_25_voxalisation.csv").incident["pdg_id"].tolist() == [-11]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('pid="22"', 'pid="211"', r"has bins for electron \(pid 11\).*, photon \(pid 211\).*; '22' is not among them"),
        ('etaMin="0"', 'etaMin="80"', r"none of them holds eta 0\.225"),
        ('pid="11" name="electron"', 'pid="22" name="photon"', "several are called '22'"),
        ("<Layer ", '<Layer mergeAlphaBins="true" ', "mergeAlphaBins='true', which cuts the cells"),
        ("</Bins>", "", "binning.xml is not XML"),
    ],
)
def test_the_binning_must_be_clear(old: str, new: str, message: str, folder: Path) -> None:
    path = folder / "binning.xml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DetectorError, match=message):
        read_events(folder)


def test_edges_that_overlap_are_refused(folder: Path) -> None:
    path = folder / "binning.xml"
    path.write_text(path.read_text().replace('"0,2,4"', '"0,4,2"'))
    with pytest.raises(DetectorError, match=r"layer 1.*edges must increase, but 4 is followed by 2"):
        read_events(folder)


def test_it_cannot_be_written(polar: Calorimeter, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="can be read, not written"), create_events(tmp_path, polar, "fastcalogan"):
        pass
