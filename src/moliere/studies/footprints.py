"""The study of footprints: does a network that is asked for an energy make showers of that energy?

Footprints of data-like showers teach the conditioned WGAN; a constrainer that learns from other showers is the
independent witness of the energy that generated footprints have. The WGAN is trained twice with the same seed, for one
epoch and for many, to be seen side by side as in the publication.

References:
    Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from moliere.evaluation.distances import ks_test
from moliere.evaluation.footprints import Curve, Epoch, ExampleFootprint, FootprintResult
from moliere.evaluation.reconstruction import energy_quality
from moliere.events import Events
from moliere.events.formats import read_events, write_events
from moliere.generation.generate import generate
from moliere.generation.refine import reconstruct
from moliere.models import Bundle
from moliere.preprocess.traces import centred_footprints
from moliere.progress import Progress, parts, silent
from moliere.seeding import derive_seed
from moliere.studies.folder import StudyConfig, StudyFolder
from moliere.threads import limited_threads, set_threads
from moliere.training import load_recipe
from moliere.training.recipe import Recipe
from moliere.units import EeV

WITNESS, GENERATOR = "airshower-constrainer", "airshower-footprints"
#: energies of the footprints that are drawn
_DRAWN = (10 * EeV, 50 * EeV, 100 * EeV)
_WITNESS, _GENERATED = 1, 4  # what a derived seed is for
#: at most so many points of a curve
_POINTS = 40
#: seconds of one core, roughly: a simulated event, an iteration of the constrainer, one of the WGAN; and the judging
_EVENT, _CONSTRAINER, _WGAN, _JUDGING = 0.005, 0.05, 0.06, 20.0


class FootprintStudy(StudyConfig):
    """What a user may choose about the study; the defaults take about twenty minutes on one core."""

    n_events: int = Field(default=20_000, ge=100, description="of the footprints, and as many of the constrainer's own")
    saturation: float = Field(default=1e9, ge=1, description="largest signal in VEM; the public simulation's: 1e7")
    epochs: int = Field(default=95, ge=2, description="of the WGAN, as published")
    constrainer_iterations: int = Field(default=2_500, ge=1)

    @classmethod
    def quick(cls, **settings: Any) -> FootprintStudy:
        """A few minutes, to see all of it work; too short to prove anything."""
        return cls.from_table({"n_events": 3_000, "epochs": 20, "constrainer_iterations": 300, **settings})


@dataclass(frozen=True)
class _Study(StudyFolder):
    settings: FootprintStudy

    def efforts(self, iterations: int) -> tuple[float, ...]:
        """How long each step takes, in the order of :func:`run_footprints`."""
        settings = self.settings
        made, short = _EVENT * settings.n_events, iterations / settings.epochs
        trained = _CONSTRAINER * settings.constrainer_iterations, _WGAN * short, _WGAN * iterations
        return (made, made, *trained, _JUDGING)

    def footprints(self, name: str, seed: int, progress: Progress) -> str:
        """Path of footprints with the hottest station in the middle."""
        path = self.folder / f"{name}.h5"
        if not path.is_file():
            settings = self.settings
            kept = {"saturation": settings.saturation}
            showers = self.simulated("airshower-data", f"{name}-showers", settings.n_events, seed, progress, **kept)
            write_events(path, centred_footprints(read_events(showers)))
            showers.unlink()
        return str(path)


def run_footprints(settings: FootprintStudy, folder: str | Path, progress: Progress = silent) -> FootprintResult:
    """Make footprints, train constrainer and WGAN, and judge what the WGAN makes for the energies of the test part.

    Args:
        settings: see :class:`FootprintStudy`.
        folder: where everything is kept; a study that was interrupted goes on from there.
        progress: called with the name of each step, and the share of the work that is done.
    """
    study = _Study(settings, Path(folder))
    study.claim()
    recipe = load_recipe(GENERATOR)
    epoch = _iterations_of_an_epoch(recipe, settings.n_events)
    first, second, reading, short, long, judging = parts(progress, study.efforts(epoch * settings.epochs))
    footprints = study.footprints("footprints", settings.seed, first)
    others = study.footprints("witness", derive_seed(settings.seed, _WITNESS), second)
    witness = study.trained(WITNESS, "constrainer", others, settings.constrainer_iterations, reading)
    lengths = ((1, short), (settings.epochs, long))
    generators = {
        n: study.trained(
            GENERATOR, f"epoch-{n}", footprints, n * epoch, share, **{"training.validations": min(_POINTS, n * epoch)}
        )
        for n, share in lengths
    }
    judging("judging", 0.0)
    set_threads(settings.threads)
    source = read_events(footprints)
    with limited_threads(settings.threads):
        return FootprintResult(
            real=_epoch(source.take(generators[1].rows_of(source, "test")), witness, None, settings.seed),
            epochs={
                n: _epoch(source.take(bundle.rows_of(source, "test")), witness, bundle, settings.seed)
                for n, bundle in generators.items()
            },
            curves=read_curves(study.folder / f"epoch-{settings.epochs}" / "metrics.csv", epoch),
            detector=source.detector.to_spec(),
            settings=settings.to_table(),
            short=_shortness(settings),
        )


def _iterations_of_an_epoch(recipe: Recipe, n_events: int) -> int:
    return max(1, round(recipe.data.split[0] * n_events / recipe.training.batch_size))


def _epoch(real: Events, witness: Bundle, generator: Bundle | None, seed: int) -> Epoch:
    """What the witness reads from real footprints, or from those that a generator makes for their energies."""
    made = real
    if generator is not None:
        incident = {"energy": real.energy}
        made = generate(generator, incident, seed=derive_seed(seed, _GENERATED))
    whole, points = energy_quality(real.energy, reconstruct(witness, made)["energy"])
    totals = [np.log10(1 + events.signals.sum(axis=1, dtype=np.float64)) for events in (real, made)]
    rows = [int(np.argmin(np.abs(real.energy - energy))) for energy in _DRAWN]
    examples = tuple(ExampleFootprint(float(real.energy[k]), tuple(made.signals[k].tolist())) for k in rows)
    return Epoch(whole, points, ks_test(*totals)[0], examples)


def read_curves(path: Path, epoch: int) -> Mapping[str, Curve]:
    """The critic's loss on training and validation events by epoch, as a training wrote them.

    Args:
        path: ``metrics.csv`` of a run.
        epoch: iterations of one.
    """
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"].endswith("/critic")]
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        part = row["name"].partition("/")[0]
        found.setdefault(part, []).append((int(row["iteration"]) / epoch, float(row["value"])))
    return {part: Curve(*(tuple(values) for values in zip(*points, strict=True))) for part, points in found.items()}


def _shortness(settings: FootprintStudy) -> str:
    short = [
        f"{value:,} instead of {needed:,} {words}"
        for name, words in (("n_events", "events"), ("epochs", "epochs"))
        if (value := getattr(settings, name)) < (needed := FootprintStudy.model_fields[name].default) / 2
    ]
    return ", ".join(short)
