"""The study of refinement: does a reconstruction that is trained on refined simulation do better on data?

Two samples of air showers stand in for simulation and data. A refiner learns from both, without labels of the data;
AixNet is trained three times, on the simulation, on the refined simulation and on data, which is the best possible
case, and is asked for the energies of data that none of them has seen.

References:
    Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import Field

from moliere.detectors.base import Floats
from moliere.errors import ConfigError
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
from moliere.events.split import ORIGINAL
from moliere.generation.refine import reconstruct, refine_batches
from moliere.models import Bundle
from moliere.models.base import Refiner
from moliere.progress import Progress, parts, silent
from moliere.samples import open_source
from moliere.seeding import derive_seed
from moliere.studies.folder import StudyConfig, StudyFolder
from moliere.threads import limited_threads, set_threads
from moliere.units import EeV

#: the samples that AixNet is trained on, the poorest first
TRAINED_ON = ("simulation", "refined", "data")
#: energy of the shower whose traces are shown, the published example's
_EXAMPLE_ENERGY = 69 * EeV
_DATA, _NOISE = 1, 3  # what a derived seed is for

#: seconds of one core, roughly: a simulated event, an iteration of the refiner, a refined event, an iteration of a
#: reconstruction; and the judging
_EVENT, _REFINER, _REFINED, _RECONSTRUCTION, _JUDGING = 0.005, 0.16, 0.003, 0.1, 60.0


class RefinementStudy(StudyConfig):
    """What a user may choose about the study; the defaults take about half an hour on two cores."""

    simulation: str | None = Field(default=None, description="a file of simulated events instead of making some")
    data: str | None = Field(default=None, description="a file of data; energies are only used to judge")
    n_events: int = Field(default=12_000, ge=100, description="that are made of each sample")
    refiner: str = Field(
        default="airshower-refiner-noise",
        description="its recipe; airshower-refiner is the published map of single traces, which wants 6,000 iterations",
    )
    refiner_iterations: int = Field(default=3_000, ge=1)
    copies: int = Field(default=2, ge=1, description="refinements of each event, where the refiner draws noise")
    reconstruction_iterations: int = Field(default=2_000, ge=1, description="of each of the three")
    classifiers: tuple[str, ...] = Field(default=("boosting", "mlp"), description="that judge single traces")

    @classmethod
    def quick(cls, **settings: Any) -> RefinementStudy:
        """A few minutes, to see all of it work; too short to prove anything."""
        short = {"n_events": 3_000, "refiner_iterations": 300, "reconstruction_iterations": 400}
        return cls.from_table({**short, "classifiers": ("boosting",), **settings})


@dataclass(frozen=True)
class _Study(StudyFolder):
    """The folder of this study."""

    settings: RefinementStudy

    @property
    def efforts(self) -> tuple[float, ...]:
        """How long each step takes, in the order of :func:`run_refinement`."""
        settings = self.settings
        made = [_EVENT * settings.n_events * (own is None) for own in (settings.simulation, settings.data)]
        refined = _REFINER * settings.refiner_iterations, _REFINED * settings.n_events * settings.copies
        learned = _RECONSTRUCTION * settings.reconstruction_iterations
        return (*made, *refined, *[learned] * len(TRAINED_ON), _JUDGING)

    def sample(self, name: str, progress: Progress) -> str:
        """Path of simulation or data: the user's own file, or one that the study makes."""
        own: str | None = getattr(self.settings, name)
        if own is not None:
            return own
        # simulation and data are different showers with the same distribution of energies
        seed = derive_seed(self.settings.seed, _DATA) if name == "data" else self.settings.seed
        return str(self.simulated(f"airshower-{name}", name, self.settings.n_events, seed, progress))

    def refined(self, refiner: Bundle, simulation: str, progress: Progress) -> str:
        """Path of the refined simulation."""
        path = self.folder / "refined.h5"
        if not path.is_file():
            set_threads(self.settings.threads)
            source, done = open_source(simulation), 0
            copies = self.settings.copies if cast("Refiner", refiner.model).latent_size else 1
            made = refine_batches(refiner, source, seed=derive_seed(self.settings.seed, _NOISE), copies=copies)
            with create_events(path, source.detector) as writer:
                for events in made:
                    progress("refining", done / (copies * len(source)))
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
    study.claim()
    first, second, refining, applying, *learning, judging = parts(progress, study.efforts)
    simulation, data = study.sample("simulation", first), study.sample("data", second)
    if "energy" not in open_source(data).incident:
        raise ConfigError(f"the study judges energies, which {data} does not know; refine with moliere train, refine")
    refiner = study.trained(
        settings.refiner, "refiner", simulation, settings.refiner_iterations, refining, **{"data.second": data}
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
    """The events of a sample that its network was not trained on, each once."""
    source = open_source(path)
    rows = network.rows_of(source, "test")
    if ORIGINAL in source.incident:
        rows = rows[np.sort(np.unique(source.incident[ORIGINAL][rows], return_index=True)[1])]
    return source.take(rows)


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
