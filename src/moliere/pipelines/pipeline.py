"""A pipeline in one file: a table a step, each step a verb of the command line with its options.

::

    name = "electrons"     # the folder of everything that is made, beside this file
    seed = 1               # of every step that has one

    [simulate]
    simulator = "gflash"
    detector = "calochallenge-2"
    energy = "1GeV:100GeV"
    events = 10_000

    [train]
    recipe = "photons"
    events = "simulate"    # what that step made; a file beside this one, or the name of a sample, does as well
    set.model.width = 128

A table's name is its verb, unless it has ``verb = "…"``. Steps run in the file's order, after those whose outputs they
read.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from moliere.config import Config, Table, apply_overrides, read_toml
from moliere.errors import ConfigError, UnknownName, did_you_mean
from moliere.pipelines.names import bundle_name, pipeline_files, recipe_file, shipped
from moliere.pipelines.verbs import ROLES, Kind, Role, Verb

#: what the pipeline itself writes into its folder
INDEX, STEPS = "index.html", "steps"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
#: after the stem of a detector's file, in the name of its pipeline
ENDING = ".pipeline"
#: settings of a recipe that name files, as a user of the verb writes them
_IN_RECIPES = {"data.events": "events", "data.second": "", "data.detector": ""}


class Settings(Config):
    """What stands above the tables of a pipeline.

    Args:
        name: what the page is called; that of the file by default.
        description: a sentence for the page.
        folder: where everything is made, from the file on; the name by default.
        seed: of every step that has one and does not say its own.
        threads: of every step that takes some.
    """

    name: str = ""
    description: str = ""
    folder: str = ""
    seed: int | None = None
    threads: int | None = None


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


def load_pipeline(
    source: str | Path, verbs: Mapping[str, Verb], *, overrides: Iterable[str] = (), output: Path | None = None
) -> Pipeline:
    """Read a pipeline and check all of it: nothing runs where anything is wrong.

    Args:
        source: a ``.toml`` file, or the name of a shipped pipeline, which then works in the current folder.
        verbs: all verbs by name.
        overrides: ``step.option=value``.
        output: another folder to make everything in.

    Raises:
        ConfigError: an unknown step, verb or option, a wrong value, a file that is missing, a file that two steps
            write, steps that wait for each other.
    """
    path, base = _find(Path(source))
    table = apply_overrides(read_toml(path), overrides)
    settings = Settings.from_table({key: value for key, value in table.items() if not _is_step(key, value)})
    name = settings.name or path.stem.removesuffix(ENDING)
    folder = output.absolute() if output else Path(settings.folder or name)
    drafts = [
        _draft(key, value, verbs, settings, base, folder) for key, value in table.items() if isinstance(value, dict)
    ]
    if not drafts:
        raise ConfigError(f"{path} has no step; expected tables such as [simulate] or [train]")
    for draft in drafts:
        draft.all.extend(drafts)
    _check_writes(drafts)
    steps = [_Resolver(draft, drafts, base, folder).step() for draft in drafts]
    return Pipeline(name, settings.description, base, folder, tuple(_in_order(steps)))


def _find(source: Path) -> tuple[Path, Path]:
    """The file, and the folder in which its commands run."""
    own = pipeline_files()
    if source.suffix == ".toml":
        return source, source.absolute().parent
    if str(source) not in own:
        raise ConfigError(f"no pipeline {str(source)!r}; {did_you_mean(str(source), own)}; or name a .toml file")
    return own[str(source)], Path.cwd()


def _is_step(key: str, value: Any) -> bool:
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        raise ConfigError(f'[[{key}]]: a step is one table; give a second one another name and verb = "{key}"')
    return isinstance(value, dict)


@dataclass(frozen=True)
class _Draft:
    """A step whose inputs are not looked up yet."""

    name: str
    verb: Verb
    role: Role
    values: Table
    base: Path
    all: list[_Draft] = field(default_factory=list, repr=False, compare=False)

    @property
    def where(self) -> str:
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
        return {option: self.values[option] for option in self.role.writes if option in self.values}

    @cached_property
    def recipe(self) -> Table:
        """The tables of the recipe, with what the step changes in them; empty where there is none."""
        name = self.values.get("recipe")
        path = recipe_file(str(name), self.base)
        if "recipe" not in self.role.reads or not path.is_file():
            return {}
        table = read_toml(path)
        changed = {key.removeprefix("set."): value for key, value in self.values.items() if key.startswith("set.")}
        if "iterations" in self.values:  # the verb's word for it; a recipe whose stages are taken away needs it
            changed["training.iterations"] = self.values["iterations"]
        for key, value in changed.items():
            *parents, last = key.split(".")
            place = table
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        return table

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
        if self.role.page in self.outputs:
            return self.outputs[self.role.page]
        return str(Path(self.values[self.role.made]) / self.role.page) if self.role.page else None


def _draft(name: str, table: Table, verbs: Mapping[str, Verb], settings: Settings, base: Path, folder: Path) -> _Draft:
    where = f"step {name!r}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: a step's name has letters, digits, - and _")
    verb = table.get("verb", name)
    if verb not in ROLES or verb not in verbs:
        known = [known for known in ROLES if known in verbs]
        hint = "" if "verb" in table else f'; or add verb = "…" to [{name}]'
        raise ConfigError(f"{where}: no verb {verb!r} for a pipeline; {did_you_mean(str(verb), known)}{hint}")
    options = verbs[verb].named({key: value for key, value in table.items() if key != "verb"}, where)
    for key, value in (("seed", settings.seed), ("threads", settings.threads)):
        if value is not None and key in verbs[verb].options:
            options.setdefault(key, value)
    return _Draft(name, verbs[verb], ROLES[verb], options | _outputs(name, ROLES[verb], options, folder), base)


def _outputs(name: str, role: Role, options: Table, folder: Path) -> dict[str, str]:
    chosen: Table = {role.made: f"{name}{role.writes[role.made].rstrip('/')}"} if role.made else {}
    chosen |= {option: options[option] for option in role.writes if option in options}
    for option, value in chosen.items():
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"step {name!r}: {option} = {value!r}; expected the name of a file or folder")
    return {option: os.path.normpath(folder / value) for option, value in chosen.items()}


def _check_writes(drafts: list[_Draft]) -> None:
    """No output lies where another step, or the pipeline itself, writes."""
    taken: list[tuple[str, str]] = []
    for draft in drafts:
        for path in draft.outputs.values():
            for other, owner in taken:
                if _covers(other, path) or _covers(path, other):
                    raise ConfigError(f"{draft.where} and step {owner!r} both write {path}; give one another output")
            taken.append((path, draft.name))
            if Path(path).name == INDEX or STEPS in Path(path).parts[-2:]:
                raise ConfigError(f"{draft.where}: {path} is where the pipeline keeps its page and its logs")


def _covers(folder: str, path: str) -> bool:
    return Path(folder) == Path(path) or Path(folder) in Path(path).parents


@dataclass
class _Resolver:
    """Replaces names of steps and outputs in one step by paths, and finds what it reads."""

    draft: _Draft
    drafts: list[_Draft]
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
                if not _covers(output, path):
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


def _in_order(steps: list[Step]) -> Iterator[Step]:
    """The file's order, but none before those that it needs.

    Raises:
        ConfigError: steps that wait for each other.
    """
    waiting, done = list(steps), set[str]()
    while waiting:
        step = next((step for step in waiting if done.issuperset(step.needs)), None)
        if step is None:
            raise ConfigError(f"{_circle(waiting)}: these steps wait for each other; let one read something else")
        waiting.remove(step)
        done.add(step.name)
        yield step


def _circle(waiting: list[Step]) -> str:
    """The names of a circle, as ``a → b → a``."""
    left = {step.name: step for step in waiting}
    trail = [waiting[0].name]
    while trail[-1] not in trail[:-1]:
        trail.append(next(need for need in left[trail[-1]].needs if need in left))
    return " → ".join(reversed(trail[trail.index(trail[-1]) :]))
