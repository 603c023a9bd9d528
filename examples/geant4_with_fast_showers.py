"""A fast model in a Geant4 script of one's own: python examples/geant4_with_fast_showers.py [EVENTS].

Photons fly through two centimetres of carbon, as through a tracker, to a calorimeter one metre away. What reaches it
inside the range of the model is replaced by showers of the model; what converted before and is no photon any more, or
is too soft, goes on in Geant4. Lines marked with * are what a script needs beside what it has already.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from moliere.front import fast_showers  # *
from moliere.simulators.geant4 import FastCalorimeter, Frame, use_tables  # *

use_tables()  # data tables that need no download; leave it out where Geant4's own are installed
import geant4_pybind as g4  # noqa: E402  Geant4 looks for its tables when it is imported

FRONT, HALF_WIDTH = 1000.0, 700.0
showers = fast_showers("photons")  # *
calorimeter = FastCalorimeter(showers, HALF_WIDTH, frame=Frame(at=(0.0, 0.0, FRONT)))  # *
keep: list[Any] = []  # Geant4 does not own what Python makes


def volume(name: str, material: str, half_width: float, thickness: float, middle: float, mother: Any) -> Any:
    """A plate across the axis, with its middle at a depth in mm."""
    solid = g4.G4Box(name, half_width, half_width, thickness / 2)
    logical = g4.G4LogicalVolume(solid, g4.G4NistManager.Instance().FindOrBuildMaterial(material), name)
    placed = g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, middle), logical, name, mother, False, 0)
    keep.extend([solid, logical, placed])
    return placed if mother is None else logical


class Construction(g4.G4VUserDetectorConstruction):
    """A tracker, the door, and the plates that the model was trained on."""

    def Construct(self) -> Any:
        world = volume("world", "G4_Galactic", 1000, 5000, 0, None)
        inside = world.GetLogicalVolume()
        volume("tracker", "G4_C", HALF_WIDTH, 20, 500, inside)
        self.door = volume("door", "G4_Galactic", HALF_WIDTH, 0.01, FRONT - 0.005, inside)  # *
        z = FRONT
        for plate in showers.detector.stack:
            name = {"LAr": "G4_lAr"}.get(plate.material, plate.material)
            volume("plate", name, HALF_WIDTH, plate.thickness, z + plate.thickness / 2, inside)
            z += plate.thickness
        return world

    def ConstructSDandField(self) -> None:
        self.SetSensitiveDetector(self.door, calorimeter.door())  # *


class Gun(g4.G4VUserPrimaryGeneratorAction):
    """Ten photons of 20 GeV, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.gun = g4.G4ParticleGun(1)
        self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle("gamma"))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
        self.gun.SetParticleEnergy(20 * g4.GeV)

    def GeneratePrimaries(self, event: Any) -> None:
        for x in np.linspace(-90, 90, 10):
            self.gun.SetParticlePosition(g4.G4ThreeVector(x, 0, 0))
            self.gun.GeneratePrimaryVertex(event)


class End(g4.G4UserEventAction):
    """Asks for the showers of the event, all made together."""

    def EndOfEventAction(self, event: Any) -> None:
        made = calorimeter.finish(event.GetEventID())  # *
        signals, _ = made.in_cells()  # *  or made.deposits(): x, y, z and energy of each
        print(f"event {event.GetEventID()}: {len(made)} showers, {signals.sum() / 1e3:.1f} GeV in cells")


class Actions(g4.G4VUserActionInitialization):
    """All of them."""

    def Build(self) -> None:
        for action in (Gun(), End()):
            keep.append(action)
            self.SetUserAction(action)


class Physics(g4.G4VModularPhysicsList):
    """Electromagnetic processes."""

    def __init__(self) -> None:
        super().__init__()
        self.RegisterPhysics(keep_this(g4.G4EmStandardPhysics()))
        g4.G4EmParameters.Instance().SetFluo(False)  # the tables made here have no atomic lines


def keep_this(thing: Any) -> Any:
    """For as long as Geant4 uses it."""
    keep.append(thing)
    return thing


if __name__ == "__main__":
    manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
    for part in (Construction(), Physics(), Actions()):
        manager.SetUserInitialization(keep_this(part))
    manager.Initialize()
    manager.BeamOn(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    print(calorimeter.words)  # *
