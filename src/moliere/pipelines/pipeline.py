"""A pipeline: steps in the order in which they run, and where its pages and logs lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moliere.errors import UnknownName, did_you_mean

#: what the pipeline itself writes into its folder
INDEX, STEPS = "index.html", "steps"


@dataclass(frozen=True)
class Step:
    """One step, checked. Paths are relative to the folder of the pipeline's file, where its command runs.

    Args:
        name: of its table.
        verb: of the command line.
        command: words after the name of the program.
        values: its options; names of files and steps are replaced by paths.
        reads: files that decide the result.
        writes: files that must be there at the end.
        page: that people look at.
        checkpoint: from which an interrupted run goes on.
        needs: steps that come before.
        recipe: tables of what is trained, with what the step changes in them; empty where nothing is.
    """

    name: str
    verb: str
    command: tuple[str, ...]
    values: Mapping[str, Any]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    page: str | None = None
    checkpoint: str | None = None
    needs: tuple[str, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pipeline:
    """Steps in the order in which they run.

    Args:
        name: of the pipeline.
        description: a sentence, or nothing.
        base: folder of the file; commands run there.
        folder: where everything is made, from ``base`` on.
        steps: checked.
    """

    name: str
    description: str
    base: Path
    folder: Path
    steps: tuple[Step, ...]

    @property
    def index(self) -> Path:
        """The page that links all others."""
        return self.base / self.folder / INDEX

    def log(self, step: Step) -> Path:
        """What a step said."""
        return self.base / self.folder / STEPS / f"{step.name}.log"

    def manifest(self, step: Step) -> Path:
        """What a step was made from."""
        return self.base / self.folder / STEPS / f"{step.name}.json"

    def step(self, name: str) -> Step:
        """A step by its name.

        Raises:
            UnknownName: there is none; with the nearest name.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise UnknownName(f"{self.name} has no step {name!r}; {did_you_mean(name, [s.name for s in self.steps])}")
