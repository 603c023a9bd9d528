"""Every format gives back what was written, and says what is wrong with what it cannot read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import FormatError, InvalidEvents, OutputExists
from moliere.events import Events
from moliere.events.formats import create_events, formats, open_events, read_events, write_events

GOLDEN = Path(__file__).parent / "data" / "golden.h5"
#: incident energies and signal sums of its four events, written down when it was made
SUMS = ([2048.0, 256.0, 4096.0, 4096.0], [1970.328, 262.058, 3973.909, 4052.05])


@pytest.fixture
def rich(polar_events: Events) -> Events:
    """Events with all there can be."""
    n = len(polar_events)
    rng = np.random.default_rng(0)
    incident = {**polar_events.incident, "theta": rng.random(n), "pdg_id": np.where(rng.random(n) < 0.5, 11, 22)}
    metadata = {"seed": 3, "simulator": "toy"}
    extras = {"overflow": rng.random((n, 3)).astype(np.float32)}
    return Events(polar_events.detector, incident, polar_events.signals, rng.random(n), metadata, extras)


#: formats of a published layout → its catalogue name
LAYOUTS = {"3dgan": "3dgan", "calogan": "calogan", "calogan-root": "calogan"}


def suitable(name: str, rich: Events) -> Events:
    """Events with all there can be, in a detector that a format can hold."""
    if name not in LAYOUTS:
        return rich
    detector, n = catalog.get(LAYOUTS[name]), 7
    signals = np.random.default_rng(1).random((n, detector.n_channels)) + 0.1
    head = rich[:n]
    incident = {**head.incident, "energy": signals.sum(axis=1)}
    return Events(detector, incident, signals.astype(np.float32), head.weights, head.metadata, head.extras)


@pytest.mark.parametrize(
    "name", sorted(name for name, format_ in formats.items() if format_.create and "calorimeter" in format_.kinds)
)
def test_what_is_written_is_read_but_for_what_is_told(name: str, rich: Events, tmp_path: Path) -> None:
    path, events = tmp_path / f"events{formats[name].extensions[0]}", suitable(name, rich)
    write_events(path, events, name)
    again = read_events(path)
    told = "; ".join(formats[name].losses(events))
    assert again.detector == events.detector
    np.testing.assert_allclose(again.signals, events.signals, rtol=2e-7 if "last bit" in told else 0)
    for column, values in events.incident.items():
        assert column in told or np.allclose(again.incident[column], values, rtol=1e-12)
    for extra, rows in events.extras.items():
        assert extra in told or np.array_equal(again.extras[extra], rows)
    assert "weights" in told or np.array_equal(again.weights, events.weights)  # type: ignore[arg-type]
    assert "provenance" in told or {key: again.metadata[key] for key in events.metadata} == dict(events.metadata)
    again_told = formats[name].losses(again)
    assert not [words for words in again_told if "last bit" not in words and "outside" not in words]


def test_a_golden_file_reads_as_it_always_did() -> None:
    events = read_events(GOLDEN)
    assert events.detector == catalog.get("calochallenge-1-photons")
    np.testing.assert_allclose(events.energy, SUMS[0])
    np.testing.assert_allclose(events.signals.sum(axis=1), SUMS[1], rtol=1e-5)


@pytest.mark.parametrize("index", [slice(3, 9), np.array([7, 2, 2, 500]), np.arange(600) % 3 == 0])
def test_lazy_reading_takes_the_same_events(rich: Events, tmp_path: Path, index: object) -> None:
    write_events(tmp_path / "e.h5", rich)
    file = open_events(tmp_path / "e.h5")
    assert (file.take(index).signals == rich[index].signals).all()  # type: ignore[arg-type,index]
    assert (np.concatenate([part.energy for part in file.chunks(101)]) == rich.energy).all()


def test_blosc_files_are_read_and_written(rich: Events, tmp_path: Path) -> None:
    with formats["calochallenge"].create(tmp_path / "b.h5", rich.detector, compression="blosc") as writer:  # type: ignore[misc]
        writer.append(rich)
    assert (read_events(tmp_path / "b.h5").signals == rich.signals).all()


def broken(path: Path, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"showers": np.ones((3, 368))}, "no dataset 'incident_energies'"),
        ({"showers": np.ones((3, 368)), "incident_energy": np.ones(3)}, "'incident_energy' looks like it"),
        ({"showers": np.ones((3, 368)), "incident_energies": np.ones((4, 1))}, "expected \\(n_events, n_voxels\\)"),
        ({"showers": np.ones((3, 16, 23)), "incident_energies": np.ones((3, 1))}, "layer, alpha, r"),
        (
            {"showers": np.ones((3, 367)), "incident_energies": np.ones((3, 1))},
            "nearest is calochallenge-1-photons with 368",
        ),
    ],
)
def test_wrong_files_say_what_is_wrong(datasets: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=message):
        read_events(broken(tmp_path / "x.h5", **datasets))


def test_a_detector_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = broken(tmp_path / "x.h5", showers=np.ones((3, 368)), incident_energies=np.full((3, 1), 368.0))
    with pytest.raises(FormatError, match="has 368 voxels, but detector calogan has 504"):
        open_events(path, catalog.get("calogan"))


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_truncated_files_are_recognised(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.h5"
    path.write_bytes(GOLDEN.read_bytes()[:keep])
    with pytest.raises(FormatError, match="truncated"):
        read_events(path)
    with pytest.raises(FormatError, match="no file"):
        read_events(tmp_path / "nothing.h5")


def test_energies_in_gev_are_recognised(tmp_path: Path) -> None:
    path = broken(tmp_path / "x.h5", showers=np.full((3, 368), 2.5), incident_energies=np.ones((3, 1)))
    with pytest.raises(InvalidEvents, match="look like GeV"):
        read_events(path)


def test_an_output_is_not_overwritten_unasked(rich: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", rich)
    before = (tmp_path / "e.h5").read_bytes()
    with pytest.raises(OutputExists, match="overwrite it"):
        write_events(tmp_path / "e.h5", rich)
    write_events(tmp_path / "e.h5", rich[:10], overwrite=True)
    assert len(read_events(tmp_path / "e.h5")) == 10
    assert before != (tmp_path / "e.h5").read_bytes()


def test_a_writer_that_fails_leaves_the_old_file(rich: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", rich)
    before = (tmp_path / "e.h5").read_bytes()

    def fail_half_way() -> None:
        with create_events(tmp_path / "e.h5", rich.detector, overwrite=True) as writer:
            writer.append(rich[:10])
            raise RuntimeError("power failure")

    with pytest.raises(RuntimeError, match="power failure"):
        fail_half_way()
    assert (tmp_path / "e.h5").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "e.h5"]


def test_a_full_disk_leaves_the_old_file(polar: Calorimeter, rich: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", rich)
    before = (tmp_path / "e.h5").read_bytes()
    code = f"""
import resource, signal
from moliere.errors import WriteError
from moliere.events.formats import read_events, write_events
events = read_events({str(tmp_path / "e.h5")!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # past the limit writes fail, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_events({str(tmp_path / "e.h5")!r}, events, overwrite=True)
except WriteError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "the old file is untouched" in result.stdout, result.stderr
    assert (tmp_path / "e.h5").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "e.h5"]


def test_a_file_of_no_events_is_a_file(rich: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", rich[:0])
    assert len(read_events(tmp_path / "e.h5")) == 0


@pytest.mark.parametrize("words", ["Geant4 11.4", "[1, 2]"])
def test_attributes_of_other_programs_are_kept_as_they_are(words: str, tmp_path: Path) -> None:
    path = broken(tmp_path / "x.h5", showers=np.ones((3, 368)), incident_energies=np.full((3, 1), 368.0))
    with h5py.File(path, "a") as file:
        file.attrs["provenance"] = words
    assert len(read_events(path)) == 3


def test_reversed_slices_are_read_in_their_order(rich: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", rich)
    assert (open_events(tmp_path / "e.h5").take(slice(9, 3, -2)).signals == rich.signals[9:3:-2]).all()
