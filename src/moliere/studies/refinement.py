"""The study of refinement: does a reconstruction that is trained on refined simulation do better on data?

Two samples of air showers stand in for simulation and data. A refiner learns from both, without labels of the data;
AixNet is trained three times, on the simulation, on the refined simulation and on data, which is the best possible
case, and is asked for the energies of data that none of them has seen.

References:
    Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from moliere.config import Config
from moliere.detectors import load
from moliere.detectors.base import Floats
from moliere.errors import CheckpointError, ConfigError
from moliere.evaluation.reconstruction import energy_quality, quality_of
from moliere.evaluation.refinement import (
    RefinementResult,
    Trained,
    array_of,
    example_traces,
    mean_traces,
    trace_test,
)
from moliere.events import Events
from moliere.events.formats import create_events
from moliere.files import replacing
from moliere.generation.refine import reconstruct, refine_batches
from moliere.models import Bundle, load_bundle, save_bundle
from moliere.production import produce
from moliere.progress import Progress, parts, silent
from moliere.samples import open_source
from moliere.seeding import derive_seed
from moliere.simulators import Production, build_simulator, simulators
from moliere.simulators.incident import sample_incident
from moliere.threads import limited_threads, set_threads
from moliere.training import fit, load_recipe
from moliere.units import EeV

#: the samples that AixNet is trained on, the poorest first
TRAINED_ON = ("simulation", "refined", "data")
#: energy of the shower whose traces are shown, the published example's
_EXAMPLE_ENERGY = 69 * EeV
_DATA, _ENERGIES = 1, 2  # what a derived seed is for

#: seconds of one core, roughly: a simulated event, an iteration of the refiner, a refined event, an iteration of a
#: reconstruction; and the judging
_EVENT, _REFINER, _REFINED, _RECONSTRUCTION, _JUDGING = 0.005, 0.16, 0.003, 0.1, 60.0


class RefinementStudy(Config):
    """What a user may choose about the study; the defaults take about half an hour on two cores."""

    detector: str = Field(default="airshower-9x9", description="the array, by name or file, where events are made")
    simulation: str | None = Field(default=None, description="a file of simulated events instead of making some")
    data: str | None = Field(default=None, description="a file of data; energies are only used to judge")
    n_events: int = Field(default=12_000, ge=100, description="that are made of each sample")
    refiner_iterations: int = Field(default=6_000, ge=1)
    reconstruction_iterations: int = Field(default=2_000, ge=1, description="of each of the three")
    classifiers: tuple[str, ...] = Field(default=("boosting", "mlp"), description="that judge single traces")
    threads: int = Field(default=0, ge=0, description="CPU threads; 0 takes as many as there are idle cores")
    seed: int = Field(default=0, ge=0)

    @classmethod
    def quick(cls, **settings: Any) -> RefinementStudy:
        """A few minutes, to see all of it work; too short to prove anything."""
        short = {"n_events": 3_000, "refiner_iterations": 300, "reconstruction_iterations": 400}
        return cls.from_table({**short, "classifiers": ("boosting",), **settings})


@dataclass(frozen=True)
class _Study:
    """The folder of the study.

    Args:
        settings: of the study.
        folder: of everything that is made; what is whole in it is not made again.
    """

    settings: RefinementStudy
    folder: Path

    def claim_folder(self) -> None:
        """Say which study the folder is of, so that no other one mixes with its results.

        Raises:
            CheckpointError: it is of a study with other settings.
        """
        # threads change the time and not the study
        own, path = self.settings.model_dump(mode="json", exclude={"threads"}), self.folder / "settings.json"
        if path.is_file() and (found := json.loads(path.read_text())) != own:
            differ = sorted(key for key in own | found if own.get(key) != found.get(key))
            raise CheckpointError(
                f"{self.folder} holds a study with other settings ({', '.join(differ)}); choose another folder with -o"
            )
        with replacing(path, overwrite=True) as partial:
            partial.write_text(json.dumps(own, indent=1))

    @property
    def efforts(self) -> tuple[float, ...]:
        """How long each step takes, in the order of :func:`run_refinement`."""
        settings = self.settings
        made = [_EVENT * settings.n_events * (own is None) for own in (settings.simulation, settings.data)]
        refined = _REFINER * settings.refiner_iterations, _REFINED * settings.n_events
        learned = _RECONSTRUCTION * settings.reconstruction_iterations
        return (*made, *refined, *[learned] * len(TRAINED_ON), _JUDGING)

    def sample(self, name: str, progress: Progress) -> str:
        """Path of simulation or data: the user's own file, or one that the study makes."""
        own: str | None = getattr(self.settings, name)
        if own is not None:
            return own
        path = self.folder / f"{name}.h5"
        if not path.is_file():
            self._simulate(name, path, progress)
        return str(path)

    def _simulate(self, name: str, path: Path, progress: Progress) -> None:
        kind = f"airshower-{name}"
        # simulation and data are different showers with the same distribution of energies
        seed = derive_seed(self.settings.seed, _DATA) if name == "data" else self.settings.seed
        made = simulators[kind]
        rng = np.random.default_rng(derive_seed(seed, _ENERGIES))
        incident = sample_incident(self.settings.n_events, made.default_energies, made.default_spectrum, None, rng)
        simulator = build_simulator(kind, load(self.settings.detector), {})
        done = 0

        def count(n: int) -> None:
            nonlocal done
            done += n
            progress(f"simulating {name}", done / self.settings.n_events)

        job = Production(simulator, incident, seed, path)
        produce(job, resume=path.with_name(f"{path.name}.parts").exists(), progress=count)

    def trained(
        self, recipe: str, name: str, events: str, iterations: int, progress: Progress, **changes: Any
    ) -> Bundle:
        """A bundle of a recipe, trained now, gone on with where it was interrupted, or found done."""
        path = self.folder / f"{name}.bundle"
        if path.is_file():
            return load_bundle(path)
        progress(f"training {name}", 0.0)
        table = {
            "data.events": events,
            "training.iterations": iterations,
            "training.threads": self.settings.threads,
            "training.seed": self.settings.seed,
            **changes,
        }
        chosen = load_recipe(recipe, [f"{key}={value}" for key, value in table.items()])
        run = self.folder / name
        resume = (run / "checkpoint.pt").is_file()
        bundle, _ = fit(chosen, run, resume=resume, watch=lambda share: progress(f"training {name}", share))
        save_bundle(bundle, path)
        return bundle

    def refined(self, refiner: Bundle, simulation: str, progress: Progress) -> str:
        """Path of the refined simulation."""
        path = self.folder / "refined.h5"
        if not path.is_file():
            set_threads(self.settings.threads)
            source, done = open_source(simulation), 0
            with create_events(path, source.detector) as writer:
                for events in refine_batches(refiner, source):
                    progress("refining", done / len(source))
                    writer.append(events)
                    done += len(events)
        return str(path)


def run_refinement(settings: RefinementStudy, folder: str | Path, progress: Progress = silent) -> RefinementResult:
    """Make or read both samples, train refiner and reconstructions, and judge them on the test part of the data.

    Args:
        settings: see :class:`RefinementStudy`.
        folder: where everything is kept; a study that was interrupted goes on from there.
        progress: called with the name of each step, and the share of the work that is done.

    Raises:
        InvalidEvents: the samples have different incident energies, or are no surface detector's.
        ConfigError: the data's energies are not known, so that nothing could be judged.
    """
    study = _Study(settings, Path(folder))
    study.claim_folder()
    first, second, refining, applying, *learning, judging = parts(progress, study.efforts)
    simulation, data = study.sample("simulation", first), study.sample("data", second)
    if "energy" not in open_source(data).incident:
        raise ConfigError(f"the study judges energies, which {data} does not know; refine with moliere train, refine")
    refiner = study.trained(
        "airshower-refiner", "refiner", simulation, settings.refiner_iterations, refining, **{"data.second": data}
    )
    paths = {"simulation": simulation, "refined": study.refined(refiner, simulation, applying), "data": data}
    iterations = settings.reconstruction_iterations
    networks = {
        name: study.trained("airshower-aixnet", f"aixnet-{name}", paths[name], iterations, share)
        for name, share in zip(TRAINED_ON, learning, strict=True)
    }
    judging("judging", 0.0)
    with limited_threads(settings.threads):
        return _judge(settings, {name: _test_part(path, networks[name]) for name, path in paths.items()}, networks)


def _test_part(path: str, network: Bundle) -> Events:
    """The events of a sample that its network was not trained on."""
    source = open_source(path)
    return source.take(network.rows_of(source, "test"))


def _judge(settings: RefinementStudy, tests: Mapping[str, Events], networks: Mapping[str, Bundle]) -> RefinementResult:
    data = tests["data"]
    seen = {name: _energies(networks["simulation"], tests[name]) for name in ("simulation", "refined")}
    simulation = tests["simulation"]
    return RefinementResult(
        traces={name: trace_test(data, tests[name], settings.seed, settings.classifiers) for name in TRAINED_ON[:2]},
        reconstructions={
            name: Trained(*energy_quality(data.energy, _energies(networks[name], data))) for name in networks
        },
        label_shift=quality_of((seen["refined"] - seen["simulation"]) / simulation.energy),
        own_resolution=quality_of(seen["simulation"] / simulation.energy - 1),
        means=mean_traces(tests),
        examples=example_traces(simulation, tests["refined"], _EXAMPLE_ENERGY),
        bin_width=array_of(data).bin_width,
        settings=settings.to_table(),
        short=_shortness(settings),
    )


def _shortness(settings: RefinementStudy) -> str:
    """Which numbers are below half of what the study needs, in words."""
    short = [
        f"{value:,} instead of {needed:,} {words}"
        for name, words in (
            ("n_events", "events"),
            ("refiner_iterations", "iterations of the refiner"),
            ("reconstruction_iterations", "iterations of each reconstruction"),
        )
        if (value := getattr(settings, name)) < (needed := RefinementStudy.model_fields[name].default) / 2
    ]
    return ", ".join(short)


def _energies(network: Bundle, events: Events) -> Floats:
    return reconstruct(network, events)["energy"]
