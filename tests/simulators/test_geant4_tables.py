"""The tables that Geant4 reads are in its formats, hold the physics they should, and are found in the right order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xraylib

from moliere.errors import ConfigError
from moliere.simulators.geant4.tables import bremsstrahlung, find_tables, nuclear, photons


@pytest.fixture(scope="module")
def lead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lead")
    photons.write(folder, 82)
    bremsstrahlung.write(folder, 82)
    return folder


def read_vector(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Geant4's form: ends and number, number, pairs."""
    numbers = [float(word) for word in path.read_text().split()]
    low, high, n, again, *rest = numbers
    energy, values = np.array(rest).reshape(-1, 2).T
    assert n == again == len(energy)
    assert (energy[0], energy[-1]) == (low, high)
    assert (np.diff(energy) > 0).all()
    return energy, values


def test_the_photoelectric_cross_section_is_xcoms_and_jumps_at_the_k_edge(lead: Path) -> None:
    folder = lead / "epics2017" / "phot"
    energy, above = read_vector(folder / "pe-cs-82.dat")
    assert energy[0] == pytest.approx(0.0880045, rel=1e-4)  # MeV, the K edge of lead
    barn = np.interp(0.2, energy, above / energy**3)
    assert barn == pytest.approx(xraylib.CSb_Photo(82, 200.0), rel=0.01)
    low, below = read_vector(folder / "pe-le-cs-82.dat")
    assert low[-1] < energy[0]
    assert above[0] / below[-1] == pytest.approx(4.9, rel=0.1)  # Hubbell and Seltzer: 7.68 / 1.68 cm²/g less scattering


def test_shells_add_up_to_the_total(lead: Path) -> None:
    element = photons.Element(82)
    for energy in (0.01, 0.05, 0.1, 1.0, 30.0):
        assert element.shares(energy).sum() == pytest.approx(1)
    rows = (lead / "epics2017" / "phot" / "pe-low-82.dat").read_text().splitlines()
    last = float(rows[-1].split()[1])
    assert last == pytest.approx(element.photoelectric(photons.HIGHEST) * photons.HIGHEST, rel=1e-6)
    assert int(rows[0].split()[0]) == len(rows) - 1 == len(element.shells)


def test_sauters_formula_takes_over_without_a_step() -> None:
    element = photons.Element(26)
    assert element.photoelectric(0.99 * (1 + 1e-6)) == pytest.approx(element.photoelectric(0.99), rel=1e-4)
    assert element.photoelectric(40.0) / element.photoelectric(20.0) == pytest.approx(0.5, rel=0.1)  # falls as 1/E


def test_rayleigh_scattering_is_xcoms(lead: Path) -> None:
    energy, values = read_vector(lead / "epics2017" / "rayl" / "re-cs-82.dat")
    mm2 = np.interp(0.1, energy, values / energy**2)
    assert mm2 * 1e22 == pytest.approx(xraylib.CSb_Rayl(82, 100.0), rel=0.01)


@pytest.mark.parametrize("z", [1, 6, 29, 82, 92])
def test_bremsstrahlung_tables_are_whole_and_positive(z: int, tmp_path: Path) -> None:
    bremsstrahlung.write(tmp_path, z)
    head, fractions, energies, *rows = (tmp_path / "brem_SB" / f"br{z}").read_text().splitlines()
    _, n_fractions, n_energies = map(int, head.split())
    assert (len(fractions.split()), len(energies.split()), len(rows)) == (n_fractions, n_energies, n_energies)
    values = np.array([row.split() for row in rows], dtype=float)
    assert (values > 0).all()


def test_radiation_loss_of_fast_electrons_gives_the_radiation_length() -> None:
    """At 10 GeV, the energy radiated per length, integrated over the spectrum, is one over the radiation length."""
    z, mass, energy = 82, 207.2, 1e4
    spectrum = bremsstrahlung.spectra(z)[
        :, np.argmin(np.abs(bremsstrahlung.ENERGY - energy))
    ]  # beta²/Z² k dsigma/dk, mb
    radiated = np.trapezoid(spectrum, bremsstrahlung.FRACTION) * z**2 * 1e-27  # cm² an atom
    assert mass / (6.022e23 * radiated) == pytest.approx(6.37, rel=0.03)  # g/cm²


def test_neutrons_and_giant_resonances_have_the_right_size() -> None:
    energy = np.array([2.53e-8, 1.0, 15.0])
    assert nuclear.capture(5, energy)[0] == pytest.approx(767e3)  # mb: boron, thermal
    assert nuclear.elastic(1, energy)[1] == pytest.approx(4250, rel=0.05)  # mb: hydrogen at 1 MeV
    assert nuclear.inelastic(82, energy)[2] == pytest.approx(2500, rel=0.15)  # mb: lead at 15 MeV
    photon = np.linspace(1, 130, 500)
    resonance = nuclear.photonuclear(82, photon)
    assert photon[resonance.argmax()] == pytest.approx(13.5, abs=1.0)  # MeV: lead
    assert (resonance[photon < 6] == 0).all()


def test_own_data_sets_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("G4EMLOW8.8", "G4ENSDFSTATE3.0"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path))
    own = find_tables()
    assert (own.kind, own.hadronic, own.environment) == ("geant4", False, {"GEANT4_DATA_DIR": str(tmp_path)})
    assert find_tables("built").kind == "built"
    (tmp_path / "G4EMLOW8.8").rmdir()
    with pytest.raises(ConfigError, match=r"lacks G4EMLOW8\.8"):
        find_tables()


def test_single_variables_are_completed_so_that_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GEANT4_DATA_DIR", raising=False)
    monkeypatch.setenv("G4LEDATA", str(tmp_path))
    tables = find_tables()
    assert tables.kind == "geant4"
    assert "G4LEDATA" not in tables.environment
    assert (Path(tables.environment["G4ENSDFSTATEDATA"]) / "ENSDFSTATE.dat").is_file()
    assert len(tables.environment) == 11
    monkeypatch.setenv("G4LEDATA", str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match="is no folder"):
        find_tables()


def test_full_data_sets_that_are_not_there_are_missed_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GEANT4_DATA_DIR", "G4LEDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="download them"):
        find_tables("geant4")
