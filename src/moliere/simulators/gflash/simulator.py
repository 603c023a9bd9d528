"""The GFLASH simulator: parametrised electromagnetic showers in any calorimeter whose plates are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import of_kind
from moliere.detectors.base import Floats, Ints
from moliere.detectors.calorimeter import Calorimeter
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.errors import ConfigError, did_you_mean
from moliere.events import Events
from moliere.events.events import energy_of
from moliere.events.particles import particle_id
from moliere.simulators.base import Simulator, simulators
from moliere.simulators.gflash.deposit import integrate_cells, throw_spots
from moliere.simulators.gflash.medium import Medium
from moliere.simulators.gflash.radial import RadialLaw
from moliere.simulators.gflash.showers import GflashShowers, draw_showers, mean_spots, spot_profile
from moliere.simulators.gflash.steps import Steps, active_thickness, readout_steps, shower_medium
from moliere.simulators.gflash.tuning import Tuning, scaled_tuning, tuning_for
from moliere.simulators.gflash.validity import PDG_IDS, check_incident, warning_for
from moliere.units import GeV

# temporary arrays stay below about 200 MB: 20 numbers an event and step, 60 bytes a spot, 30 a cell
_CHUNK_EVENTS, _CHUNK_SPOTS, _CHUNK_CELLS = 500, 1_000_000, 4_000_000


Method = Literal["spots", "analytic"]


@simulators.register("gflash")
@dataclass(frozen=True)
class Gflash(Simulator):
    """Electromagnetic showers from the parametrisation of Grindhammer and Peters.

    Each shower draws its depth and shape; each step through an active plate draws its sampling fluctuation (a
    Gamma with mean dE and variance c² dE) and throws its energy in equal spots around the axis. Showers start
    at the front face, on the axis and along it; what goes out of the sides or the back is lost.

    Args:
        detector: a calorimeter with a stack of plates.
        method: ``spots`` for single showers, ``analytic`` for smooth ones (the mean energy of every cell).
        fluctuations: of depth, shape and sampling; without them showers of one energy differ by their spots
            only, and by the conversion of photons.
        particle: ``e-``, ``e+`` or ``gamma``, for incident particles that come without ``pdg_id``; the
            detector's own by default.
        tuning: corrections for this detector; by default those shipped for its name, or else what its plates suggest
            (:func:`~moliere.simulators.gflash.tuning.scaled_tuning`); ``Tuning()`` is the paper itself.

    Raises:
        DetectorError: the detector has no stack to shower in.
        ConfigError: an unknown method, or a tuning for another number of layers.

    References:
        "The Parameterized Simulation of Electromagnetic Showers in Homogeneous and Sampling Calorimeters",
        G. Grindhammer and S. Peters, 1993, https://arxiv.org/abs/hep-ex/0001020

    Example:
        >>> from moliere.detectors import catalog
        >>> simulator = Gflash(catalog.get("calochallenge-2"))
        >>> simulator.simulate({"energy": np.full(3, 50e3)}, np.random.default_rng(1)).signals.shape
        (3, 6480)
    """

    detector: Calorimeter
    method: Method = "spots"
    fluctuations: bool = True
    particle: str | None = None
    tuning: Tuning | None = None

    def __post_init__(self) -> None:
        """Fail at once where nothing can shower."""
        of_kind(self.detector, Calorimeter, "gflash")
        if self.method not in get_args(Method):
            raise ConfigError(f"unknown gflash method {self.method!r}; {did_you_mean(self.method, get_args(Method))}")
        _ = self.steps

    @cached_property
    def medium(self) -> Medium:
        """The effective medium in which showers develop."""
        return shower_medium(self.detector)

    @cached_property
    def steps(self) -> Steps:
        """The slices of active plates, with the tuning's factors on what is visible."""
        steps = readout_steps(self.detector, self.medium, thin_plates=self._scaled)
        n_layers = len(self.detector.read_out)
        factors = self.corrections.visible or (1.0,) * n_layers
        if len(factors) != n_layers:
            raise ConfigError(
                f"this tuning has visible factors for {len(factors)} layers, but {self.detector.name!r} "
                f"reads out {n_layers}; give one a layer, or none"
            )
        return replace(steps, visible=steps.visible * np.asarray(factors)[steps.layer])

    @cached_property
    def corrections(self) -> Tuning:
        """The tuning in use."""
        shipped = self.tuning or tuning_for(self.detector.name)
        if shipped is not None:
            return shipped
        if not self.medium.is_sampling:
            return Tuning()
        return scaled_tuning(1 / self.medium.sampling_frequency, active_thickness(self.detector))

    @property
    def _scaled(self) -> bool:
        """Whether nobody tuned this sampling calorimeter, and the corrections come from its plates."""
        return self.medium.is_sampling and (self.tuning or tuning_for(self.detector.name)) is None

    @property
    def warning(self) -> str:
        """What must be said where its results are shown; empty where the parametrisation was tested."""
        if not self._scaled:
            return ""
        return warning_for(1 / self.medium.sampling_frequency, active_thickness(self.detector))

    def simulate(self, incident: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Events:
        """Simulate one shower a row of the incident columns.

        Args:
            incident: ``energy`` in MeV and, unless all are of the default kind, ``pdg_id``; other columns are
                passed on.
            rng: the only source of randomness.

        Returns:
            Events with the detector's threshold applied.

        Raises:
            UnsupportedIncident: not an electron, positron or photon; not between 100 MeV and 10 TeV; not
                along the axis.
        """
        energy, pdg_id = self._particles(incident)
        check_incident(energy, pdg_id, incident)
        signals = np.zeros((len(energy), self.detector.n_channels), dtype=np.float32)
        for part in _chunks(self._mean_spots(energy), self.detector.n_channels):
            signals[part] = self._simulate_chunk(energy[part], pdg_id[part], rng)
        signals[signals < self.detector.threshold] = 0
        return Events(
            self.detector,
            {**incident, "energy": energy, "pdg_id": pdg_id},
            signals,
            metadata=self._provenance,
        )

    def layer_energies(self, incident: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Floats:
        """Visible energies before sampling fluctuations, sides and threshold: the longitudinal part alone.

        Args:
            incident: as for :meth:`simulate`.
            rng: source of randomness.

        Returns:
            Energies in MeV, (n, n_layers).
        """
        visible = self._visible_energy(self._draw(*self._particles(incident), rng))
        layers = range(len(self.detector.read_out))
        return np.stack([visible[:, self.steps.layer == layer].sum(axis=1) for layer in layers], axis=1)

    @property
    def _provenance(self) -> dict[str, Any]:
        settings = {
            "method": self.method,
            "fluctuations": self.fluctuations,
            "tuning": self.corrections.source,
        }
        return {"simulator": "gflash", **settings, **({"warning": self.warning} if self.warning else {})}

    def _particles(self, incident: Mapping[str, NDArray[Any]]) -> tuple[Floats, Ints]:
        """Energies and PDG identifiers, each (n,)."""
        energy = np.asarray(energy_of(incident), dtype=np.float64)
        return energy, np.asarray(incident.get("pdg_id", np.full(len(energy), self._default_particle)))

    @property
    def _default_particle(self) -> int:
        if self.particle is not None:
            return particle_id(self.particle)
        return next((number for number in self.detector.particles if number in PDG_IDS), PDG_IDS[0])

    def _draw(self, energy: Floats, pdg_id: Ints, rng: np.random.Generator) -> GflashShowers:
        return draw_showers(self.medium, self.corrections, energy, pdg_id, rng, fluctuations=self.fluctuations)

    def _mean_spots(self, energy: Floats) -> Floats:
        return mean_spots(self.medium, self.corrections.resolution, energy) * self.corrections.spot_scale

    def _simulate_chunk(self, energy: Floats, pdg_id: Ints, rng: np.random.Generator) -> Floats:
        """Cell energies (n, n_channels) of a few showers."""
        showers = self._draw(energy, pdg_id, rng)
        visible = self._visible_energy(showers)
        if self.fluctuations and self.medium.is_sampling:
            visible = self._sample(visible, rng)
        law = showers.radial(self.medium, self.corrections, self.steps)
        if self.method == "analytic":
            return self._per_layer(lambda grid, at: integrate_cells(grid, _columns(law, at), visible[:, at]))
        counts = self._spot_counts(showers, rng)
        return self._per_layer(
            lambda grid, at: throw_spots(grid, _columns(law, at), visible[:, at], counts[:, at], rng)
        )

    def _per_layer(self, fill: Callable[[PolarGrid | CartesianGrid, Ints], Floats]) -> Floats:
        """Join what ``fill`` gives for the grid and the positions of the steps of each layer."""
        positions = (np.flatnonzero(self.steps.layer == layer) for layer in range(len(self.detector.read_out)))
        return np.concatenate([fill(grid, at) for grid, at in zip(self.detector.grids, positions, strict=True)], axis=1)

    def _visible_energy(self, showers: GflashShowers) -> Floats:
        """Visible energy of each step in MeV, (n, k)."""
        return showers.energy[:, None] * showers.step_shares(self.steps) * self.steps.visible

    def _sample(self, visible: Floats, rng: np.random.Generator) -> Floats:
        """Sampling fluctuations: the energy dE [GeV] of a cell becomes a Gamma of mean dE, variance c² dE."""
        steps = self.steps
        scale = steps.visible * (steps.back - steps.front) / steps.cell * self.corrections.resolution**2 * GeV
        return rng.standard_gamma(visible / scale) * scale

    def _spot_counts(self, showers: GflashShowers, rng: np.random.Generator) -> Ints:
        """Spots of each step: the mean, rounded up or down at random, and at least one; (n, k)."""
        steps = self.steps
        shares = showers.step_shares(steps, spot_profile(self.medium, showers.profile))
        mean = self._mean_spots(showers.energy)[:, None] * shares * steps.cell / (steps.back - steps.front)
        return np.maximum((mean + rng.random(mean.shape)).astype(np.int64), 1)


def _columns(law: RadialLaw, at: Ints) -> RadialLaw:
    return RadialLaw(law.core[:, at], law.tail[:, at], law.core_share[:, at])


def _chunks(spots: Floats, n_channels: int) -> Iterator[slice]:
    """Consecutive events that together fit in the memory allowed; at least one at a time."""
    total, start = np.cumsum(spots), 0
    most = min(_CHUNK_EVENTS, max(1, _CHUNK_CELLS // n_channels))
    while start < len(spots):
        before = total[start - 1] if start else 0.0
        stop = int(np.searchsorted(total, before + _CHUNK_SPOTS, side="right"))
        stop = max(start + 1, min(stop, start + most))
        yield slice(start, stop)
        start = stop
