"""The physics lists by name: what they consist of, and which tables they can run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moliere.errors import ConfigError, UnknownName, did_you_mean
from moliere.simulators.geant4.tables import Tables

#: behind the name of a hadronic list: rough tables are accepted
APPROXIMATE = ":approximate-tables"
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
#: name → list
PHYSICS_LISTS = {entry.name: entry for entry in (*_EM, *_HADRONIC, *_ROUGH)}
DEFAULT = "G4EmStandard"


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
            f"{name} reads data sets of Geant4 that are not here; set GEANT4_DATA_DIR, run moliere geant4 setup "
            f"--download{rough}"
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
