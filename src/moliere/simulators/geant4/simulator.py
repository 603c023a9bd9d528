"""The Geant4 simulator: real particle transport through the plates of any calorimeter."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.calorimeter import Calorimeter
from moliere.errors import ConfigError, DetectorError, MissingExtra, UnsupportedIncident
from moliere.events import Events
from moliere.events.events import energy_of
from moliere.events.particles import particle_id
from moliere.production import Worker
from moliere.simulators.base import Simulator, simulate_from, simulators
from moliere.simulators.geant4.engine import Engine, Setup
from moliere.simulators.geant4.fast import FastShowers, check_same_calorimeter
from moliere.simulators.geant4.geometry import Shape, half_width_of
from moliere.simulators.geant4.live import FastCalorimeter
from moliere.simulators.geant4.physics import DEFAULT, PhysicsList, choose_physics
from moliere.simulators.geant4.primaries import a_row_an_event, primaries_of
from moliere.simulators.geant4.tables import Tables, find_tables
from moliere.simulators.geant4.tables.find import Choice

#: Geant4's seeds are positive 32-bit numbers
_HIGHEST_SEED = 2**31 - 1
#: the engine of this process, as there can be one
_engines: dict[Setup, Engine] = {}


@simulators.register("geant4")
@dataclass(frozen=True)
class Geant4(Simulator):
    """Geant4 11.4 through the plates of a calorimeter, scored natively in its cells.

    Particles start at the front face (z = 0), on the axis and straight in unless the incident columns ``x``, ``y``
    (mm), ``theta`` and ``phi`` (rad, see :func:`~moliere.simulators.incident.directions_of`) say otherwise. Signals are
    deposits in active plates over the layer's sampling fraction. Two extras are recorded: ``overflow`` (n, n_layers),
    the signal beside the cells, and ``passive`` (n,), the energy left in plates without readout; both in MeV.

    Args:
        detector: a calorimeter with a stack of plates of NIST materials.
        physics: name of a physics list; option 1 is 1.6 times faster and lowers the visible energy in thin argon gaps
            by about 13 %.
        cut: production cut in mm.
        tables: ``geant4`` for the full data sets, ``built`` for electromagnetic tables made here, ``auto`` for the
            first where they are there.
        particle: of incident particles that come without ``pdg_id``; the detector's own by default.
        threshold: smaller signals are set to 0, in MeV; the detector's by default.
        half_width: how far plates reach from the axis in mm; by default 500, or 5 % beyond the cells.
        shape: of the plates, ``box`` or ``cylinder``.
        commands: for Geant4's own interpreter, before it is initialised.
        fast: a fast model that makes the showers of the tracks it knows; the others are simulated in full. Numbers of
            tracks are then in the metadata under ``tracks``. ``passive`` holds nothing of replaced tracks, and
            ``overflow`` what their showers have beside the cells.

    Raises:
        MissingExtra: the wheel of Geant4 is not installed.
        DetectorError: nothing to shower in.
        UnknownName: no such physics list or particle.
        ConfigError: data sets that are not there.

    References:
        "Geant4: a simulation toolkit", S. Agostinelli, 2003, doi:10.1016/S0168-9002(03)01368-8
    """

    detector: Calorimeter
    physics: str = DEFAULT
    cut: float = 0.7
    tables: Choice = "auto"
    particle: str | None = None
    threshold: float | None = None
    half_width: float | None = None
    shape: Shape = "box"
    commands: tuple[str, ...] = ()
    fast: FastShowers | None = None

    block_size: ClassVar[int] = 10
    isolated: ClassVar[bool] = True
    several: ClassVar[bool] = True
    counted: ClassVar[tuple[str, ...]] = ("tracks",)

    def __post_init__(self) -> None:
        """Fail at once where nothing can be simulated."""
        if find_spec("geant4_pybind") is None:
            raise MissingExtra('Geant4 comes as a wheel, without compiler or download: pip install "moliere[geant4]"')
        if not getattr(self.detector, "stack", ()):
            raise DetectorError(
                f"geant4 simulates calorimeters with a stack of plates, but {self.detector.name!r} has none; "
                "add [[stack]] tables to its TOML file"
            )
        if not any(plate.active and plate.layer in self._read_out for plate in self.detector.stack):
            raise DetectorError(
                f"no plate in the stack of {self.detector.name!r} is both active and in a layer with cells: every "
                "signal would be 0; give a plate active = true and the number of a layer with cells"
            )
        if self.shape not in get_args(Shape) or self.cut <= 0:
            raise ConfigError(f"shape {self.shape!r}, cut {self.cut} mm; expected box or cylinder, and a cut above 0")
        if self.fast is not None:
            check_same_calorimeter(self.fast, self.detector)
        _ = self.setup

    @cached_property
    def data(self) -> Tables:
        """The tables in use."""
        return find_tables(self.tables)

    @property
    def physics_list(self) -> PhysicsList:
        """The physics list in use."""
        return choose_physics(self.physics, self.data)

    @property
    def _read_out(self) -> set[int]:
        """Positions of the layers with cells."""
        return {position for position, layer in enumerate(self.detector.layers) if layer.grid is not None}

    @property
    def warning(self) -> str:
        """The physics list's."""
        return self.physics_list.warning

    @cached_property
    def setup(self) -> Setup:
        """What a run manager is built for."""
        return Setup(
            detector=self.detector,
            physics=self.physics_list,
            cut=self.cut,
            half_width=self.half_width or half_width_of(self.detector),
            shape=self.shape,
            fluorescence=self.data.kind == "geant4",
            commands=tuple(self.commands),
            live=self.fast is not None,
        )

    def simulate(self, incident: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Events:
        """Simulate one shower a row of the incident columns, in a process of its own.

        Args:
            incident: ``energy`` in MeV and, unless all are of the default kind, ``pdg_id``; ``x``, ``y`` in mm,
                ``theta``, ``phi`` in rad; other columns are passed on. Columns (n, m) begin each event with m
                particles: its energy is then their sum, and the extras ``primary_energy``, … hold each.
            rng: the only source of randomness.

        Returns:
            Events with the detector's threshold applied.

        Raises:
            UnsupportedIncident: a hadron with an electromagnetic list, a particle that Geant4 does not know, or one
                that flies elsewhere.
            IncompleteRun: Geant4 crashed.
        """
        self.physics_list.check_particles(self._particles(incident, np.shape(energy_of(incident))), self.data)
        with Worker() as worker:
            events: Events = worker.call(simulate_from, self, incident, int(rng.integers(2**63)))
            return events

    def simulate_here(self, incident: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Events:
        """The same in this process, which can then hold no other setup.

        Raises:
            ConfigError: it holds another already.
        """
        energy = np.asarray(energy_of(incident), np.float64)
        columns = {**incident, "energy": energy, "pdg_id": self._particles(incident, energy.shape)}
        self.physics_list.check_particles(columns["pdg_id"], self.data)
        primaries = primaries_of(columns)
        seeds = rng.integers(1, _HIGHEST_SEED, (len(energy), 2))
        engine = self._engine()
        fast = None if self.fast is None else FastCalorimeter(self.fast, self.setup.half_width)
        run = engine.run(primaries, seeds, fast)
        run.signals[run.signals < self._threshold] = 0
        rows, extras = a_row_an_event(columns)
        extras |= {"overflow": run.overflow, "passive": run.passive}
        metadata = self._provenance(engine) | _replaced(fast)
        return Events(self.detector, rows, run.signals, metadata=metadata, extras=extras)

    def _particles(self, incident: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> NDArray[np.int64]:
        if "pdg_id" in incident:
            return np.asarray(incident["pdg_id"], np.int64)
        if self.particle is None and not self.detector.particles:
            raise UnsupportedIncident(
                f"no incident particle is named and {self.detector.name!r} has none of its own; name one, such as e-",
                options=("--particle e-",),
            )
        number = self.detector.particles[0] if self.particle is None else particle_id(self.particle)
        return np.full(shape, number, np.int64)

    @property
    def _threshold(self) -> float:
        return self.detector.threshold if self.threshold is None else self.threshold

    def _engine(self) -> Engine:
        if _engines and self.setup not in _engines:
            raise ConfigError(
                "this process holds a Geant4 run manager for another setup; use simulate(), not simulate_here()"
            )
        if self.setup not in _engines:
            os.environ.update(self.data.environment)
            _engines[self.setup] = Engine(self.setup)
        return _engines[self.setup]

    def _provenance(self, engine: Engine) -> dict[str, Any]:
        setup = self.setup
        settings = {
            "geant4": _version(engine.version),
            "physics": self.physics,
            "physics_is": setup.physics.summary,
            "cut_mm": self.cut,
            "tables": self.data.label,
            "half_width_mm": setup.half_width,
            "shape": self.shape,
            "threshold_mev": self._threshold,
        }
        warning = {"warning": setup.physics.warning} if setup.physics.warning else {}
        return {"simulator": "geant4", **settings, **warning}


def _replaced(fast: FastCalorimeter | None) -> dict[str, Any]:
    """What a file says of the tracks that were replaced."""
    if fast is None:
        return {}
    showers = fast.showers
    return {"fast_model": showers.name, "fast_model_knows": showers.knows, "tracks": dict(fast.counts)}


def _version(text: str) -> str:
    """``geant4-11-04-patch-01 [MT]`` → ``11.4.1``."""
    numbers = re.findall(r"\d+", text.removeprefix("geant4-"))
    return ".".join(str(int(number)) for number in numbers) or text
