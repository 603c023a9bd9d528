"""The muon flux simulator: muons behind a beam dump, from shipped tables or from Pythia."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import of_kind
from moliere.detectors.phase_space import PhaseSpace
from moliere.errors import ConfigError, DetectorError, UnsupportedIncident, did_you_mean
from moliere.events import Events
from moliere.events.events import energy_of
from moliere.simulators.base import Simulator, simulators
from moliere.simulators.muons import pythia
from moliere.simulators.muons.absorber import cross
from moliere.simulators.muons.beam_dump import BEAM_ENERGY
from moliere.simulators.muons.flux import COLUMNS, Flux, join
from moliere.simulators.muons.table import shipped
from moliere.units import GeV, format_energy

Source = Literal["fast", "pythia"]
Plane = Literal["start", "absorber"]

_PROTON = 2212
#: so many more muons are drawn than asked for, as some stop in the absorber
_SPARE = 1.02


@simulators.register("muons")
@dataclass(frozen=True)
class Muons(Simulator):
    """Muons above 10 GeV behind a beam dump like SHiP's: 400 GeV protons, a molybdenum target, an iron absorber.

    This stands in for FairShip's production, which is not public: proton-nucleon collisions of Pythia 8 (decays of
    pions and kaons, muon pairs of light mesons, charm scaled to its measured cross section), the beam swept over its
    ring, and an absorber that only straggles and scatters. Hadron cascades, beauty and photon conversions are missing,
    so that there is one muon for about 1,400 protons where FairShip has one for 750, and fewer of them start deep in
    the dump. A user's own ntuple is read as ``fairship``.

    As in the published flux, prompt muons come more often than in nature; events have weights, 1 on average, that
    undo it.

    Args:
        detector: a phase space of columns charge, x, y, z, px, py, pz, r, theta, pt, theta_pt.
        source: ``fast`` for tables fitted to Pythia, ``pythia`` for Pythia 8 itself (extra ``moliere[muons]``).
        plane: ``start`` for muons where they start, as published, or ``absorber`` for the same where they leave it.
        prompt_share: how many of the muons are prompt, before the absorber.

    Raises:
        DetectorError: no phase space, or a column that muons do not have.
        ConfigError: an unknown source or plane, or a share that is not between 0 and 1.
        MissingExtra: Pythia is asked for and not installed.

    References:
        "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida,
        2019, https://arxiv.org/abs/1909.04451;
        "Heavy-flavour hadro-production from fixed-target to collider energies", C. Lourenço, 2006,
        https://arxiv.org/abs/hep-ph/0609101

    Example:
        >>> from moliere.detectors import catalog
        >>> simulator = Muons(catalog.get("ship-muons"))
        >>> simulator.simulate({"energy": np.full(3, 400e3)}, np.random.default_rng(1)).signals.shape
        (3, 7)
    """

    detector: PhaseSpace
    source: Source = "fast"
    plane: Plane = "start"
    prompt_share: float = 0.55

    block_size: ClassVar[int] = 50_000
    default_detector: ClassVar[str | None] = "ship-muons"
    default_energies: ClassVar[tuple[float, float]] = (BEAM_ENERGY, BEAM_ENERGY)
    default_spectrum: ClassVar[str] = "flat"

    def __post_init__(self) -> None:
        """Fail at once where nothing can be simulated."""
        of_kind(self.detector, PhaseSpace, "the simulation of muons", advice="use ship-muons")
        for value, known in ((self.source, get_args(Source)), (self.plane, get_args(Plane))):
            if value not in known:
                raise ConfigError(f"muons have no {value!r}; {did_you_mean(value, known)}")
        if not 0 < self.prompt_share < 1:
            raise ConfigError(
                f"prompt_share is {self.prompt_share}; expected a share above 0 and below 1, such as 0.55"
            )
        _check_columns(self.detector)
        if self.source == "pythia":
            pythia.check_installed()

    def simulate(self, incident: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Events:
        """Simulate one muon a row of the incident columns.

        Args:
            incident: ``energy`` of the protons, 400 GeV; ``pdg_id``, if any, 2212.
            rng: the only source of randomness.

        Returns:
            Muons with weights; ``muons_per_proton`` in the metadata is how many there are for each proton on target.

        Raises:
            UnsupportedIncident: anything but protons of 400 GeV along the beam.
        """
        energy = np.asarray(energy_of(incident), np.float64)
        _check_protons(incident, energy)
        flux, per_proton = self.draw(len(energy), rng)
        signals = np.column_stack([flux.column(column.name) for column in self.detector.columns])
        columns = {"energy": energy, "pdg_id": np.full(len(energy), _PROTON)}
        return Events(self.detector, columns, signals.astype(np.float32), flux.weight, self._provenance(per_proton))

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Flux, float]:
        """So many muons that come out of the absorber, and how many do for each proton on target."""
        parts: list[Flux] = []
        all_weight = out_weight = 0.0
        while not parts or sum(map(len, parts)) < n:
            flux, per_proton = self._start(int(_SPARE * (n - sum(map(len, parts)))) + 10, rng)
            at_end, is_out = cross(flux, rng)
            parts.append((at_end if self.plane == "absorber" else flux)[is_out])
            all_weight, out_weight = all_weight + flux.weight.sum(), out_weight + parts[-1].weight.sum()
        return join(parts)[:n], per_proton * out_weight / all_weight

    def _start(self, n: int, rng: np.random.Generator) -> tuple[Flux, float]:
        if self.source == "pythia":
            return pythia.generate(n, self.prompt_share, rng)
        table = shipped()
        return table.draw(n, self.prompt_share, rng), table.per_proton

    def _provenance(self, per_proton: float) -> dict[str, Any]:
        fitted = {"fitted_by": shipped().source} if self.source == "fast" else {}
        settings = {"source": self.source, "plane": self.plane, "prompt_share": self.prompt_share}
        rate = {"muons_per_proton": float(f"{per_proton:.3g}")}
        return {"simulator": "muons", "stands_in_for": "FairShip's production", **settings, **rate, **fitted}


def _check_columns(detector: PhaseSpace) -> None:
    for column in detector.columns:
        if column.name not in COLUMNS:
            nearest = did_you_mean(column.name, COLUMNS)
            raise DetectorError(f"phase space {detector.name!r}: muons have no column {column.name!r}; {nearest}")


def _check_protons(incident: Mapping[str, NDArray[Any]], energy: NDArray[np.float64]) -> None:
    others = sorted(set(incident) - {"energy", "pdg_id"})
    if others:
        raise UnsupportedIncident(f"muons come of protons along the beam; leave out {', '.join(others)}")
    if not np.allclose(energy, BEAM_ENERGY, rtol=1e-6, atol=0):
        wrong = format_energy(float(energy[np.argmax(np.abs(energy - BEAM_ENERGY))]))
        raise UnsupportedIncident(
            f"muons come of protons of {BEAM_ENERGY / GeV:g} GeV, got {wrong}; give all of them 400 GeV",
            options=("--energy 400GeV",),
        )
    if (np.asarray(incident.get("pdg_id", _PROTON)) != _PROTON).any():
        raise UnsupportedIncident(
            "muons come of protons; name no particle, or the proton", options=("--particle proton",)
        )
