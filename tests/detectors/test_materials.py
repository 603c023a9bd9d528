from __future__ import annotations

import pytest

from moliere.detectors import Calorimeter, catalog, materials
from moliere.errors import UnknownName

#: radiation length in mm and critical energy of electrons in MeV, as the Particle Data Group tabulates them
PDG = {
    "G4_AIR": (303_900, 87.92),
    "G4_Al": (88.97, 42.70),
    "G4_Cu": (14.36, 19.42),
    "G4_Fe": (17.57, 21.68),
    "G4_Pb": (5.612, 7.43),
    "G4_PbWO4": (8.903, 9.64),
    "G4_POLYSTYRENE": (413.1, 93.11),
    "G4_Si": (93.70, 40.19),
    "G4_W": (3.504, 7.97),
    "G4_WATER": (360.8, 78.33),
    "G4_lAr": (140.0, 32.84),
}


@pytest.mark.parametrize("name", PDG)
def test_numbers_are_the_particle_data_groups(name: str) -> None:
    material = materials.get(name)
    length, energy = PDG[name]
    assert material.radiation_length_mm == pytest.approx(length, rel=2e-3)
    assert material.critical_energy == pytest.approx(energy, rel=1e-3)


def test_all_materials_are_checked() -> None:
    assert {materials.get(name).name for name in materials.names()} == set(PDG)


@pytest.mark.parametrize("name", [n for n in PDG if n not in ("G4_AIR", "G4_WATER", "G4_POLYSTYRENE", "G4_PbWO4")])
def test_radiation_lengths_of_elements_follow_tsais_approximation(name: str) -> None:
    from math import log

    material = materials.get(name)
    z, a = material.z, material.a
    assert material.radiation_length == pytest.approx(716.4 * a / (z * (z + 1) * log(287 / z**0.5)), rel=0.03)


@pytest.mark.parametrize("name", [n for n in catalog.names() if getattr(catalog.get(n), "stack", ())])
def test_every_stack_is_of_known_materials(name: str) -> None:
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    assert {materials.get(plate.material).name for plate in detector.stack} <= set(PDG)
    assert "X0" in detector.describe()


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    assert materials.get("LAr") is materials.get("G4_lAr")
    with pytest.raises(UnknownName, match="did you mean 'G4_Pb'"):
        materials.get("G4_pb")
