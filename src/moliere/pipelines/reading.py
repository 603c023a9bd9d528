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

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from moliere.config import Config, apply_overrides, read_toml
from moliere.errors import ConfigError, did_you_mean
from moliere.pipelines.draft import check_writes, make_draft
from moliere.pipelines.inputs import Inputs
from moliere.pipelines.names import pipeline_files
from moliere.pipelines.pipeline import Pipeline, Step
from moliere.pipelines.verbs import Verb

#: after the stem of a detector's file, in the name of its pipeline
ENDING = ".pipeline"


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
    usual = {name: value for name in ("seed", "threads") if (value := getattr(settings, name)) is not None}
    drafts = [
        make_draft(key, value, verbs, usual, base, folder) for key, value in table.items() if isinstance(value, dict)
    ]
    if not drafts:
        raise ConfigError(f"{path} has no step; expected tables such as [simulate] or [train]")
    for draft in drafts:
        draft.all.extend(drafts)
    check_writes(drafts)
    steps = [Inputs(draft, drafts, base, folder).step() for draft in drafts]
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
