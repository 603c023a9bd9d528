"""Strict TOML ⇄ frozen pydantic models: a typo in a recipe is an error that names the nearest key."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from moliere.errors import ConfigError, did_you_mean

Table = dict[str, Any]

#: words of the verbs that train, on the command line, in Python and in pipelines → settings of a recipe
RECIPE_WORDS: Mapping[str, str] = {
    "events": "data.events",
    "match_incident": "data.match_incident",
    "iterations": "training.iterations",
    "threads": "training.threads",
    "seed": "training.seed",
    "device": "training.accelerator",
    "devices": "training.devices",
    "nodes": "training.nodes",
    "select": "training.select",
    "from": "training.initial.networks",
}

#: bytes of a file of settings; the largest detector that was written by hand has a thousandth of it
_LARGEST = 16 * 2**20
#: levels of a key; the parser's time grows with their square
_DEEPEST = 100


class Config(BaseModel):
    """One table of a recipe: frozen, with real defaults, and no key that it does not know.

    Example:
        >>> class Optimiser(Config):
        ...     learning_rate: float = 1e-3
        >>> Optimiser.from_table({"learnig_rate": 0.1}, "training")
        Traceback (most recent call last):
            ...
        moliere.errors.ConfigError: training.learnig_rate: unknown key; did you mean 'learning_rate'?
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], where: str = "") -> Self:
        """Validate a table.

        Args:
            table: keys and values as TOML gives them.
            where: dotted path of the table in its file, for messages.

        Raises:
            ConfigError: one line for each wrong key or value.
        """
        try:
            return cls.model_validate(dict(table))
        except ValidationError as error:
            raise ConfigError("\n".join(_explain(cls, dict(e), where) for e in error.errors())) from None

    def to_table(self) -> Table:
        """The settings as plain data, defaults included; keys that are None are left out, as TOML has no null."""
        return self.model_dump(mode="json", exclude_none=True)


def _explain(config: type[Config], error: Mapping[str, Any], where: str) -> str:
    path = ".".join(map(str, filter(None, [where, *error["loc"]])))
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key; {did_you_mean(str(error['loc'][-1]), _keys(config, error['loc'][:-1]))}"
    # our own words keep their capitals: names and units have some
    said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"].lower()
    return f"{path}: {said}, got {repr(error['input'])[:80]}"


def _keys(config: type[Config], path: Iterable[Any]) -> list[str]:
    """Field names of the table at ``path``."""
    for key in path:
        annotation = config.model_fields[str(key)].annotation if str(key) in config.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, Config)):
            return []
        config = annotation
    return list(config.model_fields)


def read_toml(path: Path) -> Table:
    """Read a TOML file.

    Raises:
        ConfigError: it does not exist, cannot be read, is not TOML (with line and column), or is far larger or deeper
            than any table of settings.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        return _parse_bounded(text)
    except FileNotFoundError:
        raise ConfigError(f"no file {path}") from None
    except OSError as error:
        raise ConfigError(f"{str(path)[:200]} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply; expected tables of settings, a few levels deep") from None
    except ValueError as error:  # of TOML, of the text's encoding, of the bounds
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _parse_bounded(text: bytes) -> Table:
    """Tables of a file, which is looked at before the parser takes minutes over it."""
    if len(text) > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST:,} bytes")
    decoded = text.decode()
    for number, line in enumerate(decoded.splitlines(), 1):
        key = line.partition("=")[0]
        if key.count(".") > _DEEPEST and "," not in key:
            raise ValueError(f"a key of more than {_DEEPEST} levels (at line {number})")
    return tomllib.loads(decoded)


def apply_overrides(table: Mapping[str, Any], overrides: Iterable[str]) -> Table:
    """A copy of a table with ``key.subkey=value`` settings from the command line put in.

    Values are read as TOML; what is not TOML is taken as a string.

    Raises:
        ConfigError: no ``=``, or a path that goes through something that is not a table.

    Example:
        >>> apply_overrides({"model": {"width": 128}}, ["model.width=512", "name=run-2"])
        {'model': {'width': 512}, 'name': 'run-2'}
    """
    values: Table = {}
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path.strip():
            raise ConfigError(f"setting {override!r}: expected key=value, for example model.width=512")
        values.pop(path.strip(), None)  # the last one counts, in its place
        values[path.strip()] = _parse_value(text)
    return with_values(table, values)


def with_values(table: Mapping[str, Any], values: Mapping[str, Any]) -> Table:
    """A copy of a table with values put in at dotted paths.

    Raises:
        ConfigError: a path that goes through something that is not a table.
    """
    result: Table = copy.deepcopy(dict(table))
    for path, value in values.items():
        *parents, key = path.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ConfigError(f"setting {path!r}: {parent!r} is a value, not a table")
        place[key] = value
    return result


def with_words(recipe: Mapping[str, Any], words: Mapping[str, Any]) -> Table:
    """A copy of a recipe's tables with what the words of a verb change in them; ``None`` changes nothing.

    Example:
        >>> with_words({"name": "mine"}, {"iterations": 100, "from_": None})
        {'name': 'mine', 'training': {'iterations': 100}}
    """
    return with_values(
        recipe, {RECIPE_WORDS[name.rstrip("_")]: value for name, value in words.items() if value is not None}
    )


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
