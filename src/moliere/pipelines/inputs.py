"""What a step reads: other steps' outputs, files beside the pipeline's, and what comes with the package."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moliere.config import Table, read_toml
from moliere.errors import ConfigError, did_you_mean
from moliere.pipelines.draft import Draft, covers
from moliere.pipelines.names import shipped
from moliere.pipelines.pipeline import Step
from moliere.pipelines.verbs import Kind

#: settings of a recipe that name files, as a user of the verb writes them
_IN_RECIPES = {"data.events": "events", "data.second": "", "data.detector": ""}


@dataclass
class Inputs:
    """Replaces names of steps and outputs in one step by paths, and finds what it reads.

    Args:
        draft: the step.
        drafts: all steps.
        base: folder of the pipeline's file.
        folder: where everything is made, from ``base`` on.
    """

    draft: Draft
    drafts: list[Draft]
    base: Path
    folder: Path
    reads: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)

    def step(self) -> Step:
        """The step, checked."""
        draft = self.draft
        values = {key: self._value(key, value) for key, value in draft.values.items()}
        self._look_inside()
        command = draft.verb.command(values)
        try:
            draft.verb.check(command)
        except ConfigError as error:
            raise ConfigError(f"{draft.where}: {error}") from None
        remains = draft.values[draft.role.made] + draft.role.remains if draft.role.remains else None
        reads, needs = dict.fromkeys(self.reads), dict.fromkeys(self.needs)
        return Step(
            draft.name,
            draft.verb.name,
            tuple(command),
            values,
            tuple(reads),
            draft.products,
            draft.page,
            remains,
            tuple(needs),
            draft.recipe,
        )

    def _value(self, option: str, value: Any) -> Any:
        kind = self.draft.role.kind_of(option)
        if kind is None:
            return value
        if isinstance(value, list):
            return [self._resolve(str(item), kind, option) for item in value]
        return self._resolve(str(value), kind, option)

    def _resolve(self, text: str, kind: Kind, option: str) -> str:
        """A step's name, an output, a shipped name or a file, in this order."""
        for found in (self._of_a_step(text), self._output(str(self.folder / text)), self._output(text)):
            if found:
                return found
        if text in shipped(kind) or (kind == "file" and "=" in text):
            return text
        files = self._files(text)
        if not files:
            self._complain(text, kind, option)
        self.reads += files
        return text

    def _of_a_step(self, text: str) -> str | None:
        for other in self.drafts:
            if other.name == text and other is not self.draft:
                return self._output(other.given)
        return None

    def _output(self, text: str) -> str | None:
        """A file that a step makes; of a folder that a step makes, its main file."""
        path = os.path.normpath(text)
        for other in self.drafts:
            for output in other.outputs.values():
                if not covers(output, path):
                    continue
                if other is self.draft:
                    raise ConfigError(f"{self.draft.where} reads {path}, which it writes itself")
                found = other.given if path == output and other.role.holds else path
                self.needs.append(other.name)
                self.reads.append(found)
                return found
        return None

    def _files(self, text: str) -> list[str]:
        """What there is of that name, or pattern, beside the pipeline's file; bins of an XML file follow a colon."""
        for name in (text, text.partition(":")[0]):
            if (self.base / name).exists():
                return [name]
        return sorted(glob.glob(text, root_dir=self.base)) if glob.has_magic(text) else []

    def _complain(self, text: str, kind: Kind, option: str) -> None:
        made = [path for other in self.drafts if other is not self.draft for path in other.outputs.values()]
        short = [os.path.relpath(path, self.folder) for path in made]
        beside = [path.name for path in self.base.iterdir() if path.is_file()]
        names = [other.name for other in self.drafts if other is not self.draft]
        known = sorted({*short, *beside, *names, *shipped(kind)})
        nearest = did_you_mean(text, known)
        advice = nearest if nearest.startswith("did") else "name a step, a file, or what is shipped"
        raise ConfigError(f"{self.draft.where}: {option} = {text!r} is no file in {self.base} and no step; {advice}")

    def _look_inside(self) -> None:
        """Files that a recipe or the description of a detector names decide the result, too."""
        for key, option in _IN_RECIPES.items():
            room, _, last = key.partition(".")
            text = self.draft.recipe.get(room, {}).get(last)
            replaced = {option, f"set.{key}"} & {*self.draft.values}
            if isinstance(text, str) and not replaced and not self._output(text):
                self.reads += [name for name in text.split(",") for name in self._files(name)]
        for name in [name for name in self.reads if name.endswith(".toml")]:
            if isinstance(xml := _table_of(self.base / name).get("xml"), str):
                self.reads.append(str(Path(name).parent / xml))


def _table_of(path: Path) -> Table:
    """What a file holds; what is wrong in it, its reader says."""
    try:
        return read_toml(path)
    except ConfigError:
        return {}
