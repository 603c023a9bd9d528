"""The folder of a study: which study it is of, the samples and bundles in it, each made once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from moliere.config import Config
from moliere.detectors import load
from moliere.errors import CheckpointError
from moliere.files import replacing
from moliere.models import Bundle, load_bundle, save_bundle
from moliere.production import produce
from moliere.progress import Progress
from moliere.seeding import derive_seed
from moliere.simulators import Production, build_simulator, simulators
from moliere.simulators.incident import sample_incident
from moliere.training import fit, load_recipe

_ENERGIES = 2  # what a derived seed is for


class StudyConfig(Config):
    """What every study has."""

    detector: str = Field(default="airshower-9x9", description="the array, by name or file, where events are made")
    threads: int = Field(default=0, ge=0, description="CPU threads; 0 takes as many as there are idle cores")
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class StudyFolder:
    """A folder that keeps what is done.

    Args:
        settings: of the study.
        folder: of everything that is made; what is whole in it is not made again.
    """

    settings: StudyConfig
    folder: Path

    def claim(self) -> None:
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

    def simulated(self, kind: str, name: str, n: int, seed: int, progress: Progress, **settings: Any) -> Path:
        """Path of a sample of a simulator, made now, gone on with, or found done."""
        path = self.folder / f"{name}.h5"
        if path.is_file():
            return path
        made = simulators[kind]
        rng = np.random.default_rng(derive_seed(seed, _ENERGIES))
        incident = sample_incident(n, made.default_energies, made.default_spectrum, None, rng)
        simulator = build_simulator(kind, load(self.settings.detector), settings)
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            progress(f"simulating {name}", done / n)

        job = Production(simulator, incident, seed, path)
        produce(job, resume=path.with_name(f"{path.name}.parts").exists(), progress=count)
        return path

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
