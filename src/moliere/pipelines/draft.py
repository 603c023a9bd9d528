"""A step as a table of the pipeline's file says it: its verb, its options, and what it writes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from moliere.config import RECIPE_WORDS, Table, read_toml, with_values, with_words
from moliere.errors import ConfigError, InvalidQuantity, did_you_mean
from moliere.pipelines.names import bundle_name, recipe_file
from moliere.pipelines.pipeline import INDEX, STEPS
from moliere.pipelines.verbs import ROLES, Role, Verb
from moliere.units import parse_angle, parse_energy, parse_length, span

#: options that are numbers with a unit, or ranges of them
_QUANTITIES = {"energy": parse_energy, "theta": parse_angle, "phi": parse_angle, "x": parse_length, "y": parse_length}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Draft:
    """A step whose inputs are not looked up yet.

    Args:
        name: of its table.
        verb: of the command line.
        role: what the verb does to files.
        values: options, as they were written; outputs lie in the folder of the pipeline.
        base: folder of the pipeline's file.
        all: the drafts of all steps.
    """

    name: str
    verb: Verb
    role: Role
    values: Table
    base: Path
    all: list[Draft] = field(default_factory=list, repr=False, compare=False)

    @property
    def where(self) -> str:
        """The step, for messages."""
        return f"step {self.name!r}"

    def _bundle_name(self) -> str:
        """That of the recipe; of a student that of its teacher, who may be another's student."""
        draft, ending = self, ""
        for _ in self.all:
            if "teacher" not in draft.role.reads:
                break
            ending += "-fast"
            text = str(draft.values.get("teacher", ""))
            teacher = next((other for other in self.all if other.name == text), None)
            if teacher is None:
                return bundle_name(self.base / text) + ending
            draft = teacher
        return str(draft.recipe.get("name", "")) + ending

    @property
    def outputs(self) -> dict[str, str]:
        """Option → file or folder that is written."""
        return {option: self.values[option] for option in self.role.writes if option in self.values}

    @cached_property
    def recipe(self) -> Table:
        """The tables of the recipe, with what the step changes in them; empty where there is none."""
        path = recipe_file(str(self.values.get("recipe")), self.base)
        if "recipe" not in self.role.reads or not path.is_file():
            return {}
        settings = {key.removeprefix("set."): value for key, value in self.values.items() if key.startswith("set.")}
        words = {name: self.values[name] for name in RECIPE_WORDS if name in self.values}
        return with_words(with_values(read_toml(path), settings), words)

    @property
    def products(self) -> tuple[str, ...]:
        """Files that are there when the step is done."""
        if not self.role.holds:
            return tuple(self.outputs.values())
        names = [name.format(name=self._bundle_name()) for name in self.role.holds]
        return tuple(str(Path(self.values[self.role.made]) / name) for name in names)

    @property
    def given(self) -> str:
        """The file that others read when they name this step.

        Raises:
            ConfigError: it makes none.
        """
        if self.role.gives not in self.outputs:
            more = f"; give it {self.role.gives!r}" if self.role.gives else ""
            raise ConfigError(f"{self.where} makes nothing that another step could read{more}")
        return self.products[0] if self.role.holds else self.outputs[self.role.gives]

    @property
    def page(self) -> str | None:
        """What people look at, where there is something."""
        if self.role.page in self.outputs:
            return self.outputs[self.role.page]
        return str(Path(self.values[self.role.made]) / self.role.page) if self.role.page else None


def make_draft(
    name: str, table: Table, verbs: Mapping[str, Verb], usual: Mapping[str, Any], base: Path, folder: Path
) -> Draft:
    """Read a table.

    Args:
        name: of the table.
        table: its options.
        verbs: all verbs by name.
        usual: values of options that the table does not have to say, where the verb has them.
        base: folder of the pipeline's file.
        folder: where everything is made, from ``base`` on.

    Raises:
        ConfigError: no such verb or option, or an output that has no name.
    """
    where = f"step {name!r}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: a step's name has letters, digits, - and _")
    verb = table.get("verb", name)
    if verb not in ROLES or verb not in verbs:
        known = [known for known in ROLES if known in verbs]
        hint = "" if "verb" in table else f'; or add verb = "…" to [{name}]'
        raise ConfigError(f"{where}: no verb {verb!r} for a pipeline; {did_you_mean(str(verb), known)}{hint}")
    options = verbs[verb].named({key: value for key, value in table.items() if key != "verb"}, where)
    _check_quantities(options, where)
    for key in verbs[verb].options.keys() & usual.keys():
        options.setdefault(key, usual[key])
    return Draft(name, verbs[verb], ROLES[verb], options | _outputs(name, ROLES[verb], options, folder), base)


def _check_quantities(options: Table, where: str) -> None:
    """Refuse an energy without its unit now, and not after the hours that the steps before take."""
    for option in options.keys() & _QUANTITIES.keys():
        try:
            span(str(options[option]), _QUANTITIES[option])
        except InvalidQuantity as error:
            raise ConfigError(f"{where}: {error}") from None


def _outputs(name: str, role: Role, options: Table, folder: Path) -> dict[str, str]:
    chosen: Table = {role.made: f"{name}{role.writes[role.made].rstrip('/')}"} if role.made else {}
    chosen |= {option: options[option] for option in role.writes if option in options}
    for option, value in chosen.items():
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"step {name!r}: {option} = {value!r}; expected the name of a file or folder")
    return {option: os.path.normpath(folder / value) for option, value in chosen.items()}


def check_writes(drafts: list[Draft]) -> None:
    """Refuse outputs that lie where another step, or the pipeline itself, writes.

    Raises:
        ConfigError: one does.
    """
    taken: list[tuple[str, str]] = []
    for draft in drafts:
        for path in draft.outputs.values():
            for other, owner in taken:
                if covers(other, path) or covers(path, other):
                    raise ConfigError(f"{draft.where} and step {owner!r} both write {path}; give one another output")
            taken.append((path, draft.name))
            if Path(path).name == INDEX or STEPS in Path(path).parts[-2:]:
                raise ConfigError(f"{draft.where}: {path} is where the pipeline keeps its page and its logs")


def covers(folder: str, path: str) -> bool:
    """Whether a path is a folder, or lies in it."""
    return Path(folder) == Path(path) or Path(folder) in Path(path).parents
