"""The air-shower simulators: one set of formulae, and the two settings of it that a study of refinement compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints, of_kind
from moliere.detectors.surface_array import SurfaceArray
from moliere.errors import ConfigError, UnsupportedIncident, did_you_mean
from moliere.events import Events
from moliere.events.events import ARRIVAL_TIMES, energy_of
from moliere.simulators.airshower.electronics import Front, Recorded, front_times, record
from moliere.simulators.airshower.primaries import PROTON, check_energies, mass_numbers
from moliere.simulators.airshower.showers import MAX_ZENITH, AirShowers, draw_showers, spacing
from moliere.simulators.airshower.station import SATURATION, draw_traces, expect
from moliere.simulators.airshower.xmax import HADRONIC_MODELS, HadronicModel
from moliere.simulators.base import Simulator, simulators
from moliere.units import EeV

#: a dozen float64 arrays of this many bins are in memory together; few enough of them stay in the cache
_CHUNK_BINS = 200_000
#: highest values of the settings that are numbers; the lowest is 0
_HIGHEST = {"em_fraction": 1.0, "noise_scale": 100.0, "fluctuation_scale": 100.0, "max_zenith": MAX_ZENITH}
_LEAST_FLUCTUATION = 1e-3
#: lowest and highest cap in VEM: a station needs some signal, and particles of any weight are counted in 64 bits
_SATURATIONS = (1.0, 1e11)


@simulators.register("airshower")
@dataclass(frozen=True)
class AirShower(Simulator):
    """Cosmic-ray air showers above an array of surface detectors.

    The public simulation of the air-shower study: Xmax from a generalised Gumbel law, power laws for the particle
    numbers, log-normal arrival times, noise and a trigger. Stations that do not trigger have signals of 0 and an
    arrival time of NaN. Incident columns ``theta``, ``phi``, ``xmax``, ``core_x`` and ``core_y`` are kept where they
    are given, so that the same showers can be simulated twice, and drawn where they are not.

    Args:
        detector: the array; layouts are made by :func:`~moliere.detectors.surface_array.station_positions`.
        em_fraction: electromagnetic part of a proton shower's signal at 1000 m, 100 g/cm² behind its maximum.
        noise_scale: of all that the stations' electronics adds, its mean, the trigger and the times' errors included.
        fluctuation_scale: of the particle numbers' fluctuations, in total and in every bin, and of the event's clock.
        hadronic_model: ``epos-lhc``, ``qgsjet-ii-04`` or ``sibyll-2.1``; decides Xmax.
        max_zenith: in rad, up to 60 degrees; 0 for vertical showers.
        front: ``planar``, or ``spherical`` around the point at half of Xmax.
        saturation: largest mean signal of a station in VEM. A tenth of showers of 1–100 EeV reach the public
            simulation's 1e7 with their hottest station, where no energy can be told any more; 1e9 holds none.

    Raises:
        DetectorError: the detector is no array of stations.
        ConfigError: a setting out of its range.

    References:
        "Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks",
        M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
        Public simulation: https://github.com/DavidWalz/airshower

    Example:
        >>> from moliere.detectors import catalog
        >>> simulator = AirShower(catalog.get("airshower-9x9"))
        >>> events = simulator.simulate({"energy": np.full(3, 50e12)}, np.random.default_rng(1))
        >>> events.signals.shape, events.extras["arrival_times"].shape
        ((3, 6480), (3, 81))
    """

    detector: SurfaceArray
    em_fraction: float = 0.7
    noise_scale: float = 1.0
    fluctuation_scale: float = 1.0
    hadronic_model: HadronicModel = "epos-lhc"
    max_zenith: float = 0.0
    front: Front = "planar"
    saturation: float = SATURATION

    default_detector: ClassVar[str | None] = "airshower-9x9"
    default_energies: ClassVar[tuple[float, float]] = (1 * EeV, 100 * EeV)
    default_spectrum: ClassVar[str] = "flat"

    def __post_init__(self) -> None:
        """Fail at once where nothing can be simulated."""
        advice = "use airshower-9x9, or describe an array"
        of_kind(self.detector, SurfaceArray, "the simulation of air showers", advice=advice)
        spacing(self.detector)
        _check_choice("hadronic_model", self.hadronic_model, HADRONIC_MODELS)
        _check_choice("front", self.front, get_args(Front))
        for name, highest in _HIGHEST.items():
            _check_number(name, getattr(self, name), 0, highest)
        _check_number("saturation", self.saturation, *_SATURATIONS)
        if 0 < self.fluctuation_scale < _LEAST_FLUCTUATION:
            raise ConfigError(
                f"fluctuation_scale is {self.fluctuation_scale:g}; expected 0, or {_LEAST_FLUCTUATION:g} and more: the "
                "smaller it is, the more particles are counted"
            )

    def simulate(self, incident: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Events:
        """Simulate one shower a row of the incident columns.

        Args:
            incident: ``energy`` in MeV; ``pdg_id`` of a proton (the default) or a nucleus up to iron; columns of the
                geometry that are not to be drawn, in mm, rad and g/cm²; other columns are passed on.
            rng: the only source of randomness.

        Returns:
            Events with the columns ``mass_number``, ``theta``, ``phi``, ``xmax``, ``core_x``, ``core_y``, ``core_z``,
            and the extras ``arrival_times`` (n, n_stations) in ns and ``shower_maximum`` (n, 3) in mm.

        Raises:
            UnsupportedIncident: other particles, energies, directions or depths than those that are parametrised.
        """
        columns = self._primaries(incident)
        mass = columns["mass_number"]
        showers = draw_showers(self.detector, self.hadronic_model, self.max_zenith, columns, mass, rng)
        signals = np.empty((len(mass), self.detector.n_channels), np.float32)
        times = np.empty((len(mass), self.detector.n_stations))
        for rows in self._chunks(len(mass)):
            recorded = self._simulate_chunk(columns["energy"][rows], mass[rows], showers[rows], rng)
            signals[rows] = recorded.traces.reshape(-1, self.detector.n_channels)
            times[rows] = recorded.times
        extras = {ARRIVAL_TIMES: times, "shower_maximum": showers.maximum}
        columns |= {f"core_{axis}": showers.core[:, k] for k, axis in enumerate("xyz")}
        columns |= {"theta": showers.theta, "phi": showers.phi, "xmax": showers.xmax}
        return Events(self.detector, columns, signals, metadata=self._provenance, extras=extras)

    def _primaries(self, incident: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The incident columns, with ``energy``, ``pdg_id`` and ``mass_number`` among them."""
        energy = np.asarray(energy_of(incident), np.float64)
        check_energies(energy)
        pdg_id: Ints = np.asarray(incident.get("pdg_id", np.full(len(energy), PROTON)), np.int64)
        mass = mass_numbers(pdg_id)
        if not np.array_equal(incident.get("mass_number", mass), mass):
            raise UnsupportedIncident(
                "incident column mass_number says something else than pdg_id (protons where there is none); say "
                "pdg_id = 1000ZZZAAA0 of the nuclei"
            )
        if misplaced := {"x", "y"} & set(incident):
            raise UnsupportedIncident(
                f"air showers have no column {min(misplaced)!r}; their core is core_x and core_y in mm, and is drawn "
                "where it is not given"
            )
        return {**incident, "energy": energy, "pdg_id": pdg_id, "mass_number": mass}

    def _chunks(self, n: int) -> Iterator[slice]:
        size = max(1, _CHUNK_BINS // self.detector.n_channels)
        return (slice(start, start + size) for start in range(0, n, size))

    def _simulate_chunk(self, energy: Floats, mass: Floats, showers: AirShowers, rng: np.random.Generator) -> Recorded:
        stations = self.detector.stations
        distance, depth = showers.distances(stations), showers.depths(stations)
        arrivals = expect(energy, mass, self.em_fraction, distance, depth, self.saturation)
        edges = np.linspace(0, self.detector.n_bins * self.detector.bin_width, self.detector.n_bins + 1)
        traces = draw_traces(arrivals, edges, self.fluctuation_scale, rng)
        times = front_times(showers, stations, self.front)
        return record(traces, times, self.noise_scale, self.fluctuation_scale, rng)

    @property
    def _provenance(self) -> dict[str, Any]:
        settings = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "detector"}
        return {"simulator": "airshower", **settings}


@simulators.register("airshower-data")
@dataclass(frozen=True)
class AirShowerData(AirShower):
    """Vertical air showers as the study's data has them: 30 % electromagnetic, 70 % muonic, all noise and fluctuations.

    Settings and behaviour are those of :class:`AirShower`.
    """

    em_fraction: float = 0.3


@simulators.register("airshower-simulation")
@dataclass(frozen=True)
class AirShowerSimulation(AirShower):
    """Vertical air showers as the study's simulation has them: 70 % electromagnetic, half the noise and fluctuations.

    Settings and behaviour are those of :class:`AirShower`.
    """

    noise_scale: float = 0.5
    fluctuation_scale: float = 0.5


def _check_number(name: str, value: Any, lowest: float, highest: float) -> None:
    if not isinstance(value, int | float) or not lowest <= value <= highest:
        raise ConfigError(f"{name} is {value!r}; expected a number from {lowest:g} to {highest:.4g}")


def _check_choice(name: str, choice: str, known: tuple[str, ...]) -> None:
    if choice not in known:
        raise ConfigError(f"{name} is {choice!r}; {did_you_mean(str(choice), known)}")
