"""Verbs as a pipeline knows them: which options they have, which of these name files, and what they write."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from moliere.config import Table
from moliere.errors import ConfigError, did_you_mean

#: what a file that is read holds; each kind but a file also has names that come with the package
Kind = Literal["events", "detector", "recipe", "bundle", "file"]

#: options that the pipeline sets itself
_OURS = ("overwrite", "resume", "dry_run", "help", "shard", "shards", "print_job")


@dataclass(frozen=True)
class Option:
    """One option of a verb, or one of its arguments.

    Args:
        flag: as it is written on the command line; empty for an argument.
        off: flag that switches it off, where there is one.
        is_switch: whether it takes no value.
        is_many: whether it takes several values.
    """

    flag: str = ""
    off: str = ""
    is_switch: bool = False
    is_many: bool = False


@dataclass(frozen=True)
class Verb:
    """A verb of the command line.

    Args:
        name: one or two words, such as ``train`` or ``prepare join``.
        options: by the names that they have in a table, arguments first.
        aliases: other names of options.
        check: raises :class:`ConfigError` where the command line that it is given is wrong.
    """

    name: str
    options: Mapping[str, Option]
    aliases: Mapping[str, str]
    check: Callable[[list[str]], None]

    def named(self, table: Mapping[str, Any], where: str) -> Table:
        """The values of a step's table under the options' own names; tables of ``set`` become dotted keys.

        Raises:
            ConfigError: an option that the verb does not have (the nearest is named), or one that is the pipeline's.
        """
        result: Table = {}
        for key, value in table.items():
            name = key.replace("-", "_")
            name = self.aliases.get(name, name)
            if name in _OURS:
                raise ConfigError(f"{where}: {key} is decided by the pipeline; leave it out")
            if name not in self.options:
                known = [option for option in self.options if option not in _OURS]
                raise ConfigError(f"{where}: {self.name} has no option {key!r}; {did_you_mean(name, known)}")
            if isinstance(value, dict) and name != "set":
                raise ConfigError(f"{where}: {key} is a table; expected a value")
            result |= {f"set.{path}": v for path, v in _settings(value, where)} if name == "set" else {name: value}
        return result

    def command(self, values: Mapping[str, Any]) -> list[str]:
        """The words of the command line after the program's name, arguments first."""
        words = self.name.split()
        for name, option in self.options.items():
            if name in values:
                words += _words(option, values[name])
        settings = [f"{key.removeprefix('set.')}={as_toml(v)}" for key, v in values.items() if key.startswith("set.")]
        return [*words, *(f"--set={setting}" for setting in settings)]


def _words(option: Option, value: Any) -> list[str]:
    if option.is_switch:
        return [option.flag] if value else [option.off] if option.off else []
    values = [_text(item) for item in (value if isinstance(value, list) else [value])]
    return [f"{option.flag}={text}" for text in values] if option.flag else values


def _text(value: Any) -> str:
    """1e6 in TOML is a real number, and a whole one for who counts events."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settings(value: Any, where: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a table, or of a list of ``key=value``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _settings(inner, where, f"{path}.{key}" if path else key)
    elif path:
        yield path, value
    else:
        for text in value if isinstance(value, list) else [value]:
            key, equals, after = str(text).partition("=")
            if not equals:
                raise ConfigError(f"{where}: setting {text!r}; expected key=value, or a table of keys and values")
            yield key.strip(), _from_toml(after)


def _from_toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def as_toml(value: Any) -> str:
    """A value on one line; a text without quotes, unless it would be read as something else.

    Example:
        >>> as_toml([1, "a"]), as_toml("cosine"), as_toml("1")
        ('[1, "a"]', 'cosine', '"1"')
    """
    if isinstance(value, list):
        return f"[{', '.join(_quoted(item) if isinstance(item, str) else as_toml(item) for item in value)}]"
    if isinstance(value, str):
        return value if _from_toml(value) is value else _quoted(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Role:
    """What a verb does to files.

    Args:
        reads: option → what its files hold; one that ends with a dot stands for a table of settings.
        writes: option → ending of the file that it writes, ``/`` for a folder.
        made: option of the output that the pipeline names where a table does not.
        gives: option of the output that other steps read when they name this one.
        holds: files that matter in the folder that is written, the first one for others; ``{name}`` is that of
            the bundle.
        page: option that names the page, or the page in the folder that is written.
        remains: what an interrupted run goes on from: its name, after that of the output.
    """

    reads: Mapping[str, Kind] = field(default_factory=dict)
    writes: Mapping[str, str] = field(default_factory=lambda: {"output": ".h5"})
    made: str = "output"
    gives: str = "output"
    holds: tuple[str, ...] = ()
    page: str = ""
    remains: str = ""

    def kind_of(self, option: str) -> Kind | None:
        """What the file that an option names holds; None where it names none."""
        tables = (kind for key, kind in self.reads.items() if key.endswith(".") and option.startswith(key))
        return self.reads.get(option) or next(tables, None)


_EVENTS: dict[str, Kind] = {"detector": "detector", "branches": "file"}

#: every verb that a pipeline can hold
ROLES: dict[str, Role] = {
    "simulate": Role({"detector": "detector", "fast": "bundle"}, remains=".parts/run.json"),
    "convert": Role({"files": "events", **_EVENTS}),
    "check": Role({"events": "events", **_EVENTS}, {"report": ".html", "fix": ".h5"}, "report", "fix", page="report"),
    "prepare smear": Role({"file": "events", "detector": "detector"}),
    "prepare join": Role({"files": "events", "detector": "detector"}),
    "prepare slices": Role({"files": "events", "detector": "detector"}),
    "prepare footprints": Role({"file": "events", "detector": "detector"}),
    "prepare beam": Role({"file": "events", "detector": "detector"}, {"output": ".npz"}),
    "prepare rareness": Role({"file": "events", "detector": "detector"}, {"output": ".npz"}),
    "train": Role(
        {
            "recipe": "recipe",
            "events": "events",
            "set.data.events": "events",
            "set.data.second": "events",
            "set.data.detector": "detector",
            "set.training.initial.": "bundle",
        },
        {"output": "/"},
        holds=("{name}.bundle",),
        remains="/checkpoint.pt",
    ),
    "distill": Role(
        {"teacher": "bundle", "events": "events"},
        {"output": "/"},
        holds=("{name}.bundle",),
        remains="/checkpoint.pt",
    ),
    "generate": Role({"bundle": "bundle", "like": "events", "rareness_from": "events"}, remains=".parts/run.json"),
    "refine": Role({"bundle": "bundle", "events": "events", "detector": "detector"}),
    "reconstruct": Role({"bundle": "bundle", "events": "events", "detector": "detector"}, {"output": ".csv"}),
    "evaluate": Role(
        {
            "reference": "events",
            "generated": "events",
            "detector": "detector",
            "bundle": "bundle",
            "baseline": "events",
        },
        {"output": "/"},
        gives="",
        holds=("report.html", "report.json"),
        page="report.html",
    ),
    "compare": Role(
        {"reference": "events", "samples": "events", "detector": "detector"},
        {"output": "/"},
        gives="",
        holds=("compare.html", "compare.json"),
        page="compare.html",
    ),
    "export": Role({"bundle": "bundle"}, {"output": ".onnx"}),
    "transfer": Role(
        {
            "reference_first": "events",
            "reference_second": "events",
            "generated_first": "events",
            "generated_second": "events",
            "detector": "detector",
        },
        {},
        made="",
        gives="",
    ),
}
