"""Events in and out without a model: opened, checked, simulated."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from moliere.cluster.engines import engine_of
from moliere.detectors import Detector
from moliere.detectors import load as load_detector
from moliere.errors import ConfigError
from moliere.events import EventSource
from moliere.events.check import CheckReport, check_source
from moliere.events.formats import Files, formats, read_events
from moliere.events.formats.negatives import Negative
from moliere.events.formats.root_hits import HitBranches
from moliere.front.fast import Watch, fast_showers, speed_words
from moliere.front.particles import Particles
from moliere.models import Bundle
from moliere.production import produce, produce_shard
from moliere.samples import open_source
from moliere.simulators import Geant4, Production, Simulator, build_simulator, simulators
from moliere.simulators.geant4.fast import REPLACED, count_words
from moliere.threads import idle_threads
from moliere.units import Quantity, parse_energy, parse_length, span

#: called with a sentence
Tell = Callable[[str], None]


def open(
    name: Files,
    detector: str | Detector | None = None,
    *,
    negative: Negative = "refuse",
    branches: str | HitBranches | None = None,
) -> EventSource:
    """The events of a file in any format, or of a shipped sample; signals of a file are read when they are asked for.

    Args:
        name: path of a file, or name of a sample; several files, as a list or as a pattern, are one sample.
        detector: the detector, its catalogue name or its file, where the events do not say it.
        negative: what becomes of negative signals: ``refuse``, ``clip`` (they count as 0) or ``keep``.
        branches: of ROOT hits, which branch holds what: "incident=E_beam:GeV,energy=dE:MeV,channel=id", or a TOML file.

    Raises:
        FormatError: the file is missing, damaged, or of a format that nobody reads.

    Example:
        >>> open("photons-mini")
        Events(5000 in calochallenge-1-photons; energy 256 MeV – 32.8 GeV)
    """
    return open_source(name, detector, negative=negative, branches=branches)


def check(
    events: Files | EventSource,
    detector: str | Detector | None = None,
    *,
    negative: Negative = "refuse",
    branches: str | HitBranches | None = None,
    name: str = "",
) -> CheckReport:
    """What is broken in events, before a model learns it.

    Args:
        events: path of a file or several, name of a sample, or events that are open.
        detector: where the events do not say it.
        negative: of files: what becomes of negative signals, as in :func:`open`.
        branches: of files of ROOT hits, as in :func:`open`.
        name: what the events are called in the report; the file's by default.

    Example:
        >>> check("photons-mini").verdict
        'no fault in 5,000 events'
    """
    source, short = opened(events, detector, negative=negative, branches=branches)
    return check_source(source, name or short)


def opened(events: Files | EventSource, detector: str | Detector | None = None, **how: Any) -> tuple[EventSource, str]:
    """Events, opened where they are named, and a short name for pages: they are read where the folders are not."""
    if isinstance(events, str | Path | list | tuple):
        source = open(events, detector, **how)
        return source, Path(getattr(source, "path", events if isinstance(events, str | Path) else events[0])).name
    return events, ""  # type: ignore[return-value]


def simulate(
    simulator: str | Simulator,
    output: str | Path | None = None,
    *,
    n: int = 1000,
    detector: str | Detector | None = None,
    particle: str | None = None,
    energy: Quantity | None = None,
    spectrum: str | None = None,
    x: Quantity | None = None,
    y: Quantity | None = None,
    theta: Quantity | None = None,
    phi: Quantity | None = None,
    multiplicity: int = 1,
    settings: Mapping[str, Any] | None = None,
    workers: int = 1,
    cluster: str | None = None,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda _: None,
    tell: Tell | None = None,
) -> EventSource:
    """Simulate events without a learned model.

    Args:
        simulator: its name, or one that is built.
        output: the HDF5 file to write; without one, all events are returned in memory.
        n: number of events.
        detector: the detector, its catalogue name or its file; the simulator's own by default.
        particle: ``e-``, ``gamma``, …; the detector's own by default.
        energy: one energy or a range, numbers in MeV or texts with a unit; the simulator's own by default.
        spectrum: how energies are drawn from a range.
        x: where particles enter, as a value or a range.
        y: as x.
        theta: angle to the beam line.
        phi: azimuth.
        multiplicity: particles that each event begins with; the energy of an event is their sum.
        settings: of the simulator: physics list, cut, threshold, …; texts with a unit where the setting has one;
            ``fast`` is a bundle that makes the showers of the tracks it knows.
        workers: processes; 0 takes as many as there are idle cores.
        cluster: who does the work instead of processes of this one; see :func:`moliere.cluster.find_engine`.
        seed: the same seed gives the same events, whatever the number of workers.
        resume: go on with an interrupted run.
        overwrite: replace the output.
        progress: called with the number of events that were just finished.
        tell: called with what the user should know, in a sentence: with a fast model how many tracks it replaced, and
            how much faster that was than a few of them in full.

    Returns:
        The events.

    Example:
        >>> len(simulate("gflash", detector="calogan", n=3, energy="5 GeV"))
        3
    """
    engine = simulator if isinstance(simulator, Simulator) else build(simulator, detector, settings)
    incident = Particles(n, particle, energy, spectrum, x, y, theta, phi, multiplicity).draw(engine, seed)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(output or Path(scratch) / "events.h5")
        job = _production(engine, incident, seed, path)
        workers, watch = workers or idle_threads(), Watch(progress)
        produce(job, engine=engine_of(cluster, workers), overwrite=overwrite, resume=resume, progress=watch)
        events = read_events(path) if output is None else open(path)
        if tell is not None and isinstance(engine, Geant4) and engine.fast is not None:
            tell(count_words(events.metadata["tracks"], engine.fast.name, engine.fast.knows))
            if not resume and events.metadata["tracks"].get(REPLACED):
                tell(speed_words(engine, incident, workers * watch.seconds))
        return events


def simulate_shard(
    simulator: Simulator,
    output: str | Path,
    number: int,
    of: int,
    particles: Particles,
    *,
    workers: int = 1,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Do one numbered part of a simulation, on any machine that sees the output's folder.

    Resuming the simulation joins the parts; the file is the same to the last byte as without shards.

    Args:
        simulator: one that is built.
        output: the file that the whole simulation writes.
        number: of the shard, from 0.
        of: number of shards.
        particles: of the whole simulation.
        workers: processes; 0 takes as many as there are idle cores.
        seed: of the whole simulation.
        progress: called with the number of events that were just finished.

    Returns:
        How many events the shard has.
    """
    job = _production(simulator, particles.draw(simulator, seed), seed, Path(output))
    return produce_shard(job, number, of, workers=workers or idle_threads(), progress=progress)


def _production(engine: Simulator, incident: Mapping[str, Any], seed: int, output: Path) -> Production:
    """A simulation whose file is named as what it is.

    Raises:
        ConfigError: the name ends like that of another format.
    """
    endings = formats[Production.format].extensions
    if output.suffix.lower() not in ("", *endings):
        raise ConfigError(
            f"{output}: a simulation is written as HDF5, so the name must end in {endings[0]}; write "
            f"{output.with_suffix(endings[0])}, and convert it to another format afterwards",
            options=("moliere convert",),
        )
    return Production(engine, incident, seed, output)


def build(name: str, detector: str | Detector | None = None, settings: Mapping[str, Any] | None = None) -> Simulator:
    """A simulator by its name, with settings as a user gives them; ``fast`` is the name or the file of a bundle.

    Raises:
        ConfigError: the simulator has no detector of its own, and none is named; or a setting that it does not have.
    """
    chosen = detector or simulators[name].default_detector
    if chosen is None:
        raise ConfigError(
            f"{name} can simulate many detectors; say which one", options=("--detector NAME", "moliere list detectors")
        )
    units = {"cut": parse_length, "threshold": parse_energy}
    given = {
        key: span(value, units[key])[0] if key in units and isinstance(value, str) else value
        for key, value in (settings or {}).items()
    }
    fast: Any = given.get("fast")
    if isinstance(fast, str | Path | Bundle):
        given["fast"] = fast_showers(fast)
    return build_simulator(name, chosen if isinstance(chosen, Detector) else load_detector(chosen), given)
