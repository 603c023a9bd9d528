"""Geant4 itself, in a process of its own: one run manager, one detector, as many events as are asked for.

Importing this module imports nothing of Geant4; making an :class:`Engine` does, and a process can make only one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints
from moliere.detectors.calorimeter import Calorimeter
from moliere.errors import UnsupportedIncident
from moliere.simulators.geant4.geometry import Builder, Shape, Volumes
from moliere.simulators.geant4.live import FastCalorimeter, stacking_action
from moliere.simulators.geant4.physics import PhysicsList, build_physics
from moliere.simulators.geant4.primaries import Primaries
from moliere.simulators.geant4.scoring import Readout, attach_scorers

#: particles start so far before the front face, in mm
_GAP = 1e-3


@dataclass(frozen=True)
class Setup:
    """What one run manager is built for.

    Args:
        detector: with a stack.
        physics: interactions.
        cut: production cut in mm.
        half_width: of the plates in mm.
        shape: of the plates.
        fluorescence: whether the tables have atomic lines.
        commands: further commands for Geant4's own interpreter, before it is initialised.
        live: whether tracks are offered to a fast model.
    """

    detector: Calorimeter
    physics: PhysicsList
    cut: float
    half_width: float
    shape: Shape
    fluorescence: bool
    commands: tuple[str, ...] = ()
    live: bool = False


@dataclass
class Run:
    """The events of one call of :meth:`Engine.run`, filled while Geant4 runs.

    Args:
        primaries: what the events begin with.
        seeds: two for each event, (n, 2).
        signals: (n, n_channels) in MeV.
        overflow: (n, n_layers) in MeV.
        passive: (n,) in MeV.
        fast: takes tracks from Geant4, where there is a fast model.
    """

    primaries: Primaries
    seeds: Ints
    signals: NDArray[np.float32]
    overflow: NDArray[np.float32]
    passive: NDArray[np.float32]
    fast: FastCalorimeter | None = None


class Engine:
    """A run manager that is ready to shoot particles at a detector.

    Args:
        setup: detector and physics.
    """

    def __init__(self, setup: Setup) -> None:
        import geant4_pybind as g4

        self._g4 = g4
        self.setup = setup
        self.readout = Readout(setup.detector)
        self._manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
        # Geant4 takes ownership of none of these
        self._construction = _construction(g4, setup, self.readout)
        self._physics = build_physics(g4, setup.physics, setup.cut, fluorescence=setup.fluorescence)
        self._actions = _actions(g4, self)
        for part in (self._construction, self._physics, self._actions):
            self._manager.SetUserInitialization(part)
        self._apply("/process/em/verbose 0", *setup.commands)
        self._manager.Initialize()
        self._apply(f"/run/setCut {setup.cut} mm")
        self.current: Run

    @property
    def version(self) -> str:
        """Of Geant4."""
        return str(self._g4.G4Version).strip("$ ").removeprefix("Name: ")

    def run(self, primaries: Primaries, seeds: Ints, fast: FastCalorimeter | None = None) -> Run:
        """Simulate one event a row; each begins with its own seeds, so that no event depends on another.

        Raises:
            UnsupportedIncident: a particle that Geant4 does not know.
        """
        self._check_particles(primaries.pdg_id)
        detector = self.setup.detector
        n = len(seeds)
        signals = np.zeros((n, detector.n_channels), np.float32)
        overflow = np.zeros((n, len(detector.read_out)), np.float32)
        self.current = Run(primaries, seeds, signals, overflow, np.zeros(n, np.float32), fast)
        if n:
            self._manager.BeamOn(n)
        if fast is not None:
            made, beside = fast.make().in_cells()
            signals += made.astype(np.float32)
            overflow += beside.astype(np.float32)
        return self.current

    def fire(self, gun: Any, event: Any) -> None:
        """Seed Geant4 and shoot the particles of one event."""
        run, at = self.current, event.GetEventID()
        self._g4.HepRandom.setTheSeeds([*map(int, run.seeds[at]), 0])  # a zero ends the list
        for k in run.primaries.of(at):
            self._aim(gun, run.primaries, k)
            gun.GeneratePrimaryVertex(event)

    def _aim(self, gun: Any, primaries: Primaries, k: int) -> None:
        g4, direction = self._g4, primaries.direction[k]
        x, y = map(float, primaries.place[k])
        step = _GAP / direction[2]
        gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(int(primaries.pdg_id[k])))
        gun.SetParticleMomentumDirection(g4.G4ThreeVector(*map(float, direction)))
        gun.SetParticlePosition(g4.G4ThreeVector(x - step * direction[0], y - step * direction[1], -_GAP))
        gun.SetParticleEnergy(float(primaries.energy[k]))

    def collect(self, event: Any) -> None:
        """Turn the scorers' maps into signals."""
        run, at = self.current, event.GetEventID()
        maps = {key: _read_map(event, number) for key, number in self._collections.items()}
        plates = maps.pop(None)
        run.signals[at] = self.readout.signals({grid: hits for grid, hits in maps.items() if grid is not None})
        run.overflow[at], run.passive[at] = self.readout.outside(*plates)
        if run.fast is not None:
            number, another = map(int, run.seeds[at])  # the event's own, wherever in a run it is
            run.fast.end_event(another, run=number)

    def offer(self, track: Any) -> bool:
        """Offer a track that is born to the fast model."""
        return self.current.fast is not None and self.current.fast.offer_track(track)

    @cached_property
    def _collections(self) -> dict[Any, int]:
        """Numbers of the hit maps, known once Geant4 is initialised and the same for every event."""
        manager = self._g4.G4SDManager.GetSDMpointer()
        return {key: manager.GetCollectionID(name) for key, name in self._construction.names.items()}

    def _check_particles(self, pdg_id: Ints) -> None:
        table = self._g4.G4ParticleTable.GetParticleTable()
        for number in np.unique(pdg_id):
            if table.FindParticle(int(number)) is None:
                raise UnsupportedIncident(
                    f"physics list {self.setup.physics.name} has no particle with PDG identifier {number}; "
                    "choose another particle, or a list that has it"
                )

    def _apply(self, *commands: str) -> None:
        for command in commands:
            self._g4.G4UImanager.GetUIpointer().ApplyCommand(command)


def _read_map(event: Any, number: int) -> tuple[Ints, Floats]:
    """Indices and energies in MeV of one hit map."""
    hits = event.GetHCofThisEvent().GetHC(number)
    pairs = np.array(list(hits), dtype=np.float64).reshape(-1, 2)
    return pairs[:, 0].astype(np.int64), pairs[:, 1]


def _construction(g4: Any, setup: Setup, readout: Readout) -> Any:
    class Construction(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
        """The detector, as Geant4 asks for it."""

        def __init__(self) -> None:
            super().__init__()
            self.volumes = Volumes()
            self.names: dict[Any, str] = {}

        def Construct(self) -> Any:
            self.volumes = Builder(g4, setup.detector, setup.half_width, setup.shape).build()
            return self.volumes.world

        def ConstructSDandField(self) -> None:
            self.names = attach_scorers(g4, readout, self.volumes, self)

    return Construction()


def _actions(g4: Any, engine: Engine) -> Any:
    class Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
        """Shoots what the engine says."""

        def __init__(self) -> None:
            super().__init__()
            self.gun = g4.G4ParticleGun(1)

        def GeneratePrimaries(self, event: Any) -> None:
            engine.fire(self.gun, event)

    class Collector(g4.G4UserEventAction):  # type: ignore[misc]
        """Reads the scorers after each event."""

        def EndOfEventAction(self, event: Any) -> None:
            engine.collect(event)

    class Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
        """All of them; kept here, as Geant4 does not own them, and made when Geant4 says so, not before."""

        def Build(self) -> None:
            stacking = [stacking_action(engine.offer)] if engine.setup.live else []
            self.parts = Gun(), Collector(), *stacking
            for part in self.parts:
                self.SetUserAction(part)

    return Actions()
