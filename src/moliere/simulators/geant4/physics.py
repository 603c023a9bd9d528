"""The physics lists by name: what they consist of, and which tables they can run on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Ints
from moliere.errors import ConfigError, UnknownName, UnsupportedIncident, did_you_mean
from moliere.events.particles import particle_names
from moliere.simulators.geant4.tables import Tables

#: behind the name of a hadronic list: rough tables are accepted
APPROXIMATE = ":approximate-tables"
#: identifiers of nuclei begin here
_NUCLEI = 10**9
_WARNING = (
    "neutron and photonuclear tables are textbook approximations without resonances: good for demonstrations and for "
    "classifying particles, not for the response to hadrons"
)


@dataclass(frozen=True)
class PhysicsList:
    """One way to simulate interactions.

    Args:
        name: as users write it.
        constructor: Geant4's class.
        summary: what it is for, with what was measured.
        hadronic: whether hadrons interact.
        needs_data: whether it reads tables that are not made here.
    """

    name: str
    constructor: str
    summary: str
    hadronic: bool = False
    needs_data: bool = False
    approximate: bool = False

    @property
    def warning(self) -> str:
        """What must be said wherever its results are shown; empty for sound lists."""
        return _WARNING if self.approximate else ""

    def check_particles(self, pdg_id: Ints, tables: Tables) -> None:
        """Refuse hadrons and nuclei where nothing but electromagnetic interactions are simulated.

        Args:
            pdg_id: of the incident particles, (n,).
            tables: at hand; they decide which list can be advised.

        Raises:
            UnsupportedIncident: a particle that would only ionise, and leave a signal that looks like a shower's.
        """
        if self.hadronic or not (strange := has_quarks(pdg_id)).any():
            return
        came = particle_names(np.unique(pdg_id[strange]))
        raise UnsupportedIncident(
            f"the physics list {self.name} simulates electrons, photons and muons only, got {came}; hadrons would pass "
            f"without a hadronic interaction. Choose the physics list {hadronic_list(tables)}"
        )


_EM = (
    PhysicsList("G4EmStandard", "G4EmStandardPhysics", "option 0, the default: accurate in sampling calorimeters"),
    PhysicsList(
        "G4EmStandard_option1",
        "G4EmStandardPhysics_option1",
        "1.6 times faster; lowers the visible energy in thin argon gaps by about 13 %",
    ),
    PhysicsList("G4EmStandard_option2", "G4EmStandardPhysics_option2", "between options 0 and 1 in speed"),
    PhysicsList(
        "G4EmStandard_option3",
        "G4EmStandardPhysics_option3",
        "finer steps, 1.4 times slower; crashes in PbWO4 without Geant4's data sets",
    ),
    PhysicsList("G4EmStandard_option4", "G4EmStandardPhysics_option4", "the most accurate", needs_data=True),
    PhysicsList("G4EmStandardWVI", "G4EmStandardPhysicsWVI", "Wentzel-VI multiple scattering"),
    PhysicsList("G4EmStandardGS", "G4EmStandardPhysicsGS", "Goudsmit-Saunderson scattering", needs_data=True),
    PhysicsList("G4EmLivermore", "G4EmLivermorePhysics", "low energies", needs_data=True),
    PhysicsList("G4EmPenelope", "G4EmPenelopePhysics", "low energies", needs_data=True),
)
_HADRONIC = tuple(
    PhysicsList(name, name, summary, hadronic=True, needs_data=True)
    for name, summary in {
        "FTFP_BERT": "strings and cascades: the default of collider experiments",
        "FTFP_BERT_ATL": "FTFP_BERT with ATLAS's change-over energies",
        "FTFP_BERT_HP": "FTFP_BERT with precise neutrons",
        "QGSP_BERT": "quark-gluon strings and cascades",
        "QGSP_BIC": "quark-gluon strings and binary cascades",
        "QGSP_FTFP_BERT": "quark-gluon strings at high energy",
    }.items()
)
_ROUGH = (
    PhysicsList(
        f"FTFP_BERT{APPROXIMATE}", "FTFP_BERT", f"FTFP_BERT without its data sets: {_WARNING}", True, False, True
    ),
)


def _described(entry: PhysicsList) -> PhysicsList:
    good_for = "hadrons, nuclei and showers of all particles" if entry.hadronic else "e-, e+, gamma, muons"
    data = "; reads Geant4's data sets" if entry.needs_data else ""
    return replace(entry, summary=f"for {good_for}: {entry.summary}{data}")


#: name → list
PHYSICS_LISTS = {entry.name: _described(entry) for entry in (*_EM, *_HADRONIC, *_ROUGH)}
DEFAULT = "G4EmStandard"


def has_quarks(pdg_id: Ints) -> NDArray[np.bool_]:
    """Which particles are hadrons or nuclei: the second and third last digits of a hadron number its quarks.

    Example:
        >>> has_quarks(np.array([11, -13, 22, 211, -2212, 130, 1000260560])).tolist()
        [False, False, False, True, True, True, True]
    """
    number = np.abs(pdg_id)
    digits = (number // 10 % 10, number // 100 % 10)
    return np.asarray((number >= _NUCLEI) | np.all([(digit >= 1) & (digit <= 6) for digit in digits], axis=0))


def hadronic_list(tables: Tables) -> str:
    """Name of a hadronic list that runs on these tables."""
    return "FTFP_BERT" if tables.kind != "built" and tables.hadronic else f"FTFP_BERT{APPROXIMATE}"


def choose_physics(name: str, tables: Tables) -> PhysicsList:
    """The list of that name, if the tables at hand can carry it.

    Raises:
        UnknownName: with the nearest name.
        ConfigError: it reads data sets that are not there.
    """
    if name not in PHYSICS_LISTS:
        raise UnknownName(f"unknown physics list {name!r}; {did_you_mean(name, PHYSICS_LISTS)}")
    physics = PHYSICS_LISTS[name]
    if physics.needs_data and (tables.kind == "built" or (physics.hadronic and not tables.hadronic)):
        rough = f", or accept rough tables with {name}{APPROXIMATE}" if f"{name}{APPROXIMATE}" in PHYSICS_LISTS else ""
        raise ConfigError(
            f"{name} reads data sets of Geant4 that are not here; set GEANT4_DATA_DIR, download them{rough}",
            options=("moliere geant4 setup --download",),
        )
    return physics


def build_physics(g4: Any, physics: PhysicsList, cut: float, *, fluorescence: bool) -> Any:
    """Geant4's list, ready for the run manager.

    Args:
        g4: the module ``geant4_pybind``.
        physics: which one.
        cut: production cut in mm.
        fluorescence: whether atoms relax by emitting lines; the tables made here have none.
    """
    if physics.hadronic:
        modular = getattr(g4, physics.constructor)()
        modular.SetVerboseLevel(0)
    else:
        modular = _em_list(g4, physics.constructor)
    modular.SetDefaultCutValue(cut)
    if not fluorescence:
        g4.G4EmParameters.Instance().SetFluo(False)
    return modular


def _em_list(g4: Any, constructor: str) -> Any:
    class ElectromagneticList(g4.G4VModularPhysicsList):  # type: ignore[misc]
        """Nothing but electromagnetic interactions."""

        def __init__(self) -> None:
            super().__init__()
            self.SetVerboseLevel(0)
            self.processes = getattr(g4, constructor)()  # Geant4 does not keep it alive
            self.RegisterPhysics(self.processes)

    return ElectromagneticList()
