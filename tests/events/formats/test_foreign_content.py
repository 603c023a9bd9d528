"""Damaged files and content of other programs end in one sentence, never in a traceback."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere import samples
from moliere.detectors import catalog
from moliere.errors import FormatError, MoliereError
from moliere.events import convert
from moliere.events.formats import formats, open_events, read_events
from moliere.events.formats.foreign import foreign

DATA = Path(__file__).parents[1] / "data"
GOLDEN = {
    "auger": "golden-auger.json",
    "hgcal": "golden-hgcal.h5",
    "calohadronic": "golden-calohadronic.h5",
    "lemurs": "golden-lemurs.h5",
    "step2point": "golden-step2point.h5",
    "3dgan": "golden-3dgan.h5",
    "airshower-npz": "golden-airshower.npz",
    "atlas-slices": "golden-atlas_eta_020.h5",
    "calochallenge": "golden.h5",
    "calogan": "golden-calogan.h5",
    "fastcalogan": "golden-fastcalogan",
    "showerdata": "golden-showerdata.h5",
    "table": "golden-table.npz",
}


@pytest.mark.parametrize(
    ("name", "file"),
    [*sorted(GOLDEN.items()), ("calohadronic", "golden-calohadronic-cells.h5"), ("table", "golden-cells.csv")],
)
def test_no_format_takes_anothers_file_for_its_own(name: str, file: str) -> None:
    assert [other for other, format_ in formats.items() if format_.sniff(DATA / file)] == [name]


def calochallenge(path: Path, n: int = 20, **datasets: object) -> Path:
    events = samples.open("photons-mini")[:n]
    with h5py.File(path, "w") as file:
        file["incident_energies"], file["showers"] = events.energy[:, None], events.signals
        for key, values in datasets.items():
            file[key] = values
    return path


@pytest.mark.parametrize(
    "datasets",
    [
        {"incident": np.arange(20)},
        {"extras": np.arange(20.0)},
        {"weights/dense_1": np.ones(3)},
        {"theta_of_nobody": np.full(20, np.nan)},
        {"pdg": np.full(20, 22.5)},
        {"names": np.array([b"gamma"] * 20)},
        {"scalar": 3.0},
    ],
    ids=lambda datasets: next(iter(datasets)),
)
def test_foreign_datasets_named_like_ours_do_not_stop_a_reader(datasets: dict[str, object], tmp_path: Path) -> None:
    assert len(read_events(calochallenge(tmp_path / "x.h5", **datasets))) == 20


@pytest.mark.parametrize(
    "datasets",
    [
        {"weights": np.arange(7.0)},
        {"weights": np.array([b"x"] * 20)},
        {"extras/short": np.ones(3)},
        {"extras/deep/er": np.ones(20)},
        {"incident/name": np.array([b"gamma"] * 20)},
        {"incident/theta": np.ones((20, 3))},
        {"incident/theta": 1.0},
    ],
    ids=str,
)
def test_our_own_additions_of_another_shape_or_type_are_refused(datasets: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        open_events(calochallenge(tmp_path / "x.h5", **datasets))


def test_further_columns_come_along_and_the_rest_is_named(tmp_path: Path) -> None:
    theta = np.linspace(1, 2, 20)
    path = calochallenge(
        tmp_path / "x.h5", incident_theta=theta, pdg=np.full(20, 22), vertex=np.ones((20, 3)), note=np.ones(3)
    )
    source = open_events(path)
    np.testing.assert_array_equal(source.incident["theta"], theta)
    assert set(source.incident["pdg_id"]) == {22}
    assert source.take(slice(None)).extras["vertex"].shape == (20, 3)
    assert convert.convert(source, tmp_path / "y.h5", "calochallenge") == ["note (not read)"]


def test_the_times_of_point_clouds_are_said_to_be_lost(tmp_path: Path) -> None:
    from moliere.detectors import catalog

    source = open_events(DATA / GOLDEN["showerdata"], catalog.get("calogan"))
    lost = convert.convert(source, tmp_path / "y.h5", "calochallenge")
    assert "times of the points (not read)" in lost


def test_array_attributes_stay_arrays(tmp_path: Path) -> None:
    path = calochallenge(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        file.attrs["edges"], file.attrs["provenance"] = np.arange(3), "[1, 2"
    assert open_events(path).metadata["edges"] == [0, 1, 2]


def external(file: h5py.File, other: Path) -> None:
    file.create_dataset("showers", (4, 368), "f4", external=[(str(other), 0, h5py.h5f.UNLIMITED)])


def linked(file: h5py.File, other: Path) -> None:
    file["showers"] = h5py.ExternalLink(str(other), "/data")


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((4, 368), "f4")
    layout[:] = h5py.VirtualSource(str(other), "data", (4, 368))
    file.create_virtual_dataset("showers", layout)


@pytest.mark.parametrize("point", [external, linked, virtual])
def test_data_in_other_files_are_never_read(point: Callable[[h5py.File, Path], None], tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["data"] = np.ones((4, 368), np.float32)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["incident_energies"] = np.full((4, 1), 1e3)
        point(file, secret)
    with pytest.raises(FormatError, match="lies in another file"):
        read_events(tmp_path / "x.h5")


def objects(path: Path) -> None:
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)


def header_cut(path: Path) -> None:
    np.save(path, np.zeros(9, [("pz", "f4")]))
    path.write_bytes(path.read_bytes()[:40])


def huge_shape(path: Path) -> None:
    header = "{'descr': [('pz', '<f4')], 'fortran_order': False, 'shape': (1000000000000,)}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())


def npz_bomb(path: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("pz.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (2**27,)})
        for _ in range(1024):
            member.write(bytes(2**20))


def hdf5_bomb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("incident_energies", (10**9, 1), "f8", chunks=(10**6, 1), compression="gzip")
        file.create_dataset("showers", (10**9, 368), "f4", chunks=(10**4, 368), compression="gzip")


def compound_bomb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        kind = np.dtype([("energy", "f4"), ("ecal", "f4", (3, 12, 12)), ("hcal", "f4", (12, 6))])
        file.create_dataset("events", (10**8,), kind, chunks=(1000,), compression="gzip")


def folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize("make", [objects, header_cut, huge_shape, npz_bomb, hdf5_bomb, compound_bomb, folder, empty])
def test_what_is_no_sound_file_is_refused_in_words(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "x.npy")
    with pytest.raises(FormatError, match=r"x\.npy"):
        read_events(tmp_path / "x.npy", catalog.get("calogan") if make is compound_bomb else None)


def test_a_bug_inside_a_reader_keeps_its_cause(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="division") as caught, foreign(tmp_path, "events"):
        1 / 0  # noqa: B018  what no damaged file does, but a bug of a reader
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "--debug" in caught.value.options[0]


def test_a_long_line_of_csv_is_refused_before_it_is_read(tmp_path: Path) -> None:
    shutil.copytree(DATA / GOLDEN["fastcalogan"], tmp_path / "data")
    path = next((tmp_path / "data").glob("*.csv"))
    path.write_text("1," * 500_000 + "1\n")
    with pytest.raises(FormatError, match="the first line has more than"):
        read_events(path)


def test_a_sound_file_of_no_known_layout_is_told_what_it_holds(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["jets"] = np.ones(3)
    with pytest.raises(FormatError, match="it is HDF5 with jets"):
        open_events(tmp_path / "x.h5")


@pytest.mark.parametrize("about", ["{oops", "[1]", '{"detector_spec": 3}', '{"provenance": 3}', "[" * 100_000])
def test_a_table_with_a_damaged_note_is_refused(about: str, tmp_path: Path) -> None:
    with np.load(DATA / GOLDEN["table"]) as golden:
        np.savez(tmp_path / "x.npz", **golden, moliere=np.array(about))
    with pytest.raises(FormatError):
        read_events(tmp_path / "x.npz")


@pytest.mark.parametrize("spec", [{"kind": "calorimeter"}, {"kind": 3}, {"layers": []}, {}], ids=json.dumps)
def test_damaged_detector_specs_are_refused(spec: dict[str, object], tmp_path: Path) -> None:
    path = calochallenge(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        file.attrs["detector_spec"] = json.dumps(spec)
    with pytest.raises(MoliereError):
        read_events(path)
