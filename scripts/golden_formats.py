"""Make the golden files of the calorimeter formats under ``tests/events/data``.

They are made with h5py and plain text alone, as the programs of their groups would make them, so that no reader
of moliere's is tested against a writer of moliere's. The values are those that ``tests/events/formats`` expects. Run it
only to add a format: files that are there stay what they are. (A ROOT tree takes 30 to 90 kB however
little is in it: the tests make theirs.)

    python scripts/golden_formats.py tests/events/data
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

BINNING = """<Bins>
  <Bin pid="11" name="electron"><Layer id="0" r_edges="0,5" n_bin_alpha="1"/></Bin>
  <Bin pid="22" name="photon" etaMin="0" etaMax="130">
    <Layer id="0" r_edges="0,5,10" n_bin_alpha="1"/>
    <Layer id="1" r_edges="0,2,4" n_bin_alpha="2"/>
    <Layer id="2" r_edges="0" n_bin_alpha="1"/>
  </Bin>
</Bins>
"""


def calogan(path: Path) -> None:
    """Two positrons of 50 and 40 GeV."""
    layers = np.zeros((2, 3, 96)), np.zeros((2, 12, 12)), np.zeros((2, 12, 6))
    layers[0][0, 1, 2], layers[1][0, 3, 4], layers[2][1, 5, 3] = 1000, 20000, 30000
    with h5py.File(path, "w") as file:
        for k, layer in enumerate(layers):
            file.create_dataset(f"layer_{k}", data=layer, compression="gzip")
        file["overflow"] = [[1.0, 2.0, 3.0], [0.0, 0.0, 0.5]]
        file["energy"] = [[50.0], [40.0]]


def fastcalogan(folder: Path) -> None:
    """Two files of photons, one event of 256 MeV and two of 512 MeV."""
    folder.mkdir()
    (folder / "binning.xml").write_text(BINNING)
    (folder / "pid22_E256_eta_20_25_voxalisation.csv").write_text("1.0,2.0,3.0,4.0,5.0,225.5\n")
    (folder / "pid22_E512_eta_20_25_voxalisation.csv").write_text("500.0,0.0,0.0,0.0,0.0,0\n0,0,0,0,0,512\n")


def atlas_slices(path: Path) -> None:
    """Two photons; layer 1 lists its cells ring by ring from alpha 0, layer 12 has axes of its own."""
    turn = 2 * np.pi / 4
    with h5py.File(path, "w") as file:
        file["incident_energy"] = [1000.0, 2000.0]
        file["energy_layer_1"] = np.array([[0.1, 0.2, 0, 0, 0, 0, 0, 0.3], [0, 0, 0, 0.5, 0, 0, 0, 0]], np.float32)
        file["binstart_alpha_layer_1"] = np.tile(np.arange(4) * turn, 2).astype(np.float32)
        file["binsize_alpha_layer_1"] = np.full(8, turn, np.float32)
        file["binstart_radius_layer_1"] = np.repeat([0.0, 4.65], 4).astype(np.float32)
        file["binsize_radius_layer_1"] = np.repeat([4.65, 4.65], 4).astype(np.float32)
        file["energy_layer_12"] = np.array([[[0.0, 0.25], [0.0, 0.0]], [[0.0, 0.0], [0.125, 0.0]]])
        file["binstart_alpha_layer_12"] = [[-np.pi, -np.pi], [0.0, 0.0]]
        file["binsize_alpha_layer_12"] = np.full((2, 2), np.pi)
        file["binstart_radius_layer_12"] = [[0.0, 100.0], [0.0, 100.0]]
        file["binsize_radius_layer_12"] = [[100.0, 300.0], [100.0, 300.0]]
        file["energy_layer_13"] = np.zeros((2, 0))


def threedgan(path: Path) -> None:
    """Two electrons of 100 and 200 GeV at 90 and 60 degrees; a cell of 1 GeV is 50."""
    image = np.zeros((2, 51, 51, 25), np.float32)
    image[0, 25, 25, 10], image[0, 30, 2, 24], image[1, 0, 50, 0] = 50, 100, 200
    with h5py.File(path, "w") as file:
        file.create_dataset("ECAL", data=image, compression="gzip", chunks=(1, 51, 51, 25))
        file["energy"] = [100.0, 200.0]
        file["theta"] = [np.pi / 2, np.pi / 3]


def showerdata(path: Path) -> None:
    """Three showers of CaloGAN's layers, a photon, an electron at an angle and an empty one, with times."""
    points = [[0.5, 0.5, 0, 0.1, 3.0, -239, -239, 1, 0.2, 4.0], [9000, 0, 1, 0.3, 1.0, 1, 1, 7, 0.4, 1.0], []]
    with h5py.File(path, "w") as file:
        showers = file.create_dataset("showers", (3,), h5py.vlen_dtype(np.float32))
        for k, cloud in enumerate(points):
            showers[k] = np.array(cloud, np.float32)
        file["energies"] = np.array([[5.0], [6.0], [7.0]], np.float32)
        file["pdg"] = np.array([22, 11, 22], np.int32)
        file["directions"] = np.array([[0, 0, 1], [0, 0.6, 0.8], [0, 0, 1]], np.float32)
        file["num_points"] = np.array([2, 2, 0], np.int32)
        file["shower_ids"] = np.arange(3, dtype=np.int32)
        file["shape"] = [3, 2, 5]


def lemurs(path: Path) -> None:
    """Two electrons of 10 and 20 GeV in Par04's cells; deposits in MeV beside energies in GeV."""
    showers = np.zeros((2, 9, 16, 45), np.float32)
    showers[0, 2, 3, 7], showers[1, 0, 15, 44] = 300, 600
    with h5py.File(path, "w") as file:
        file.create_dataset("showers", data=showers, compression="gzip")
        file["incident_energy"] = [10.0, 20.0]
        file["incident_theta"], file["incident_phi"] = [1.5, 1.4], [0.1, 0.2]


def hgcal(path: Path) -> None:
    """Two electrons of 50 and 60 GeV in three layers of up to 300 cells, the size of CaloGAN's, in GeV."""
    showers = np.zeros((2, 3, 300), np.float32)
    showers[0, 0, 287], showers[0, 1, 143], showers[0, 1, 144], showers[1, 2, 71] = 1, 2, 0.25, 3
    with h5py.File(path, "w") as file:
        file.create_dataset("showers", data=showers, compression="gzip")
        file["gen_info"] = np.array([[50.0, 2.0, 1.5], [60.0, 1.9, 1.6]], np.float32)


def calohadronic(path: Path) -> None:
    """Two pions of 5 and 6 GeV in CaloGAN's layers; points fill their lists from the end."""
    events = np.zeros((2, 4, 3), np.float32)
    events[0, :, 1:] = np.array([[0.5, 0, 0.5, 0.1], [-239, 1, -239, 0.2]]).T
    events[1, :, 2] = [9000, 2, 0, 0.3]
    with h5py.File(path, "w") as file:
        file["events"], file["energy"], file["n_points"] = events, [[5.0], [6.0]], [2, 1]


def calohadronic_cells(path: Path) -> None:
    """Two pions of 5 and 6 GeV; 432 cells of a first and 72 of a second calorimeter, together as many as CaloGAN's."""
    events = np.zeros(2, [("energy", "f4"), ("ecal", "f4", (3, 12, 12)), ("hcal", "f4", (1, 12, 6))])
    events["energy"] = [5, 6]
    events["ecal"][0, 0, 0, 1], events["ecal"][0, 2, 11, 11], events["hcal"][1, 0, 11, 5] = 1000, 2000, 3000
    with h5py.File(path, "w") as file:
        file["events"] = events


def step2point(path: Path) -> None:
    """Three photons, of 5, 6 and 7 GeV, in CaloGAN's layers; the second left no step."""
    with h5py.File(path, "w") as file:
        file["steps/event_id"] = np.array([4, 4, 9], np.int32)
        file["steps/energy"] = np.array([0.1, 0.2, 0.3], np.float32)
        file["steps/position"] = np.array([[0.5, 0.5, 10], [-239, -239, 100], [9000, 0, 100]], np.float32)
        file["steps/time"], file["steps/cell_id"] = np.zeros(3, np.float32), np.zeros(3, np.uint64)
        file["primary/event_id"], file["primary/pdg"] = np.array([4, 5, 9], np.int32), np.full(3, 22, np.int32)
        file["primary/momentum"] = np.array([[0, 0, 5], [0, 0, 6], [0, 4.2, 5.6]], np.float32)
        file["primary/vertex"] = np.zeros((3, 3), np.float32)


def airshower(path: Path) -> None:
    """One shower of 10 EeV over four stations of three bins, the last of them silent."""
    signal = np.array([[[1.0, 2.0, 3.0], [0.0, 0.5, 0.0], [4.0, 0.0, 0.0], [np.nan] * 3]])
    np.savez_compressed(
        path,
        detector=np.array([[0.0, 0.0, 1400.0], [1500.0, 0.0, 1400.0], [0.0, 1500.0, 1400.0], [1500.0, 1500.0, 1400.0]]),
        logE=np.array([19.0]),
        mass=np.array([56]),
        Xmax=np.array([700.0]),
        showercore=np.array([[10.0, -20.0, 1400.0]]),
        showeraxis=np.array([[0.6, 0.0, 0.8]]),
        showermax=np.array([[3000.0, 0.0, 5000.0]]),
        time=np.array([[1e-6, -2e-6, 0.0, np.nan]]),
        signal=signal,
    )


def auger(path: Path) -> None:
    """One event of 10 EeV at 30 degrees in two stations, the second with one photomultiplier."""
    place = {"y": 0.0, "z": 1400.0, "isSelected": 1}
    stations = [
        {"id": 1, "x": 0.0, "t": 100.0, "signal": 6.0, "pmt1": [1, 2, 3], "pmt2": [3, 4, 1], "pmt3": [], **place},
        {"id": 2, "x": 1500.0, "t": 200.0, "signal": 2.0, "pmt1": [2, 0, 0], "pmt2": [], "pmt3": [], **place},
    ]
    sdrec = {"energy": 10.0, "theta": 30.0, "phi": 90.0, "x": 1.0, "y": 2.0, "z": 1400.0}
    path.write_text(json.dumps({"id": 1, "sdrec": sdrec, "stations": stations}))


def cells_csv(path: Path) -> None:
    """Two events of 4 GeV in two cells."""
    path.write_text("energy,cell_0,cell_1\n4000,1000,0\n4000,500,250.5\n")


def table(path: Path) -> None:
    """Two muons of SHiP's flux, in mm and MeV."""
    columns = {"charge": [1, -1], "x": [10.0, -20.0], "y": [0.0, 5.0], "z": [-7e4, -6.6e4]}
    columns |= {"px": [500.0, -250.0], "py": [0.0, 100.0], "pz": [2e4, 1e5], "weight": [1.0, 2.5]}
    np.savez_compressed(path, **{name: np.array(values) for name, values in columns.items()})


MAKERS: dict[str, Callable[[Path], None]] = {
    "golden-calogan.h5": calogan,
    "golden-fastcalogan": fastcalogan,
    "golden-atlas_eta_020.h5": atlas_slices,
    "golden-3dgan.h5": threedgan,
    "golden-showerdata.h5": showerdata,
    "golden-lemurs.h5": lemurs,
    "golden-hgcal.h5": hgcal,
    "golden-calohadronic.h5": calohadronic,
    "golden-calohadronic-cells.h5": calohadronic_cells,
    "golden-step2point.h5": step2point,
    "golden-airshower.npz": airshower,
    "golden-table.npz": table,
    "golden-auger.json": auger,
    "golden-cells.csv": cells_csv,
}

if __name__ == "__main__":
    for name, make in MAKERS.items():
        path = Path(sys.argv[1]) / name
        if not path.exists():
            make(path)
