"""A run in one file: which events, which model, how trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from moliere.config import Config, Table, apply_overrides, read_toml, with_words
from moliere.errors import ConfigError, did_you_mean
from moliere.events.formats.negatives import Negative
from moliere.events.store import Precision
from moliere.models.base import models
from moliere.training.config import TrainingConfig, in_units


class DataConfig(Config):
    """The ``[data]`` table of a recipe."""

    events: str = Field(
        description="name of a shipped sample, or path of a file; several files as run-*.h5 or one.h5,two.h5"
    )
    second: str | None = Field(
        default=None,
        description="a second sample, drawn from beside the first: data, for what refines simulations",
    )
    match_incident: bool = Field(
        default=False, description="train on events of the first sample with the second one's incident energies"
    )
    detector: str | None = Field(default=None, description="catalogue name or file, where the events do not say it")
    branches: str | None = Field(
        default=None, description='of ROOT hits, which branch holds what: "incident=E:GeV,energy=dE:MeV,channel=id"'
    )
    negative: Negative = Field(default="refuse", description="negative signals are refused, count as 0, or are kept")
    condition: tuple[str, ...] = Field(
        default=("energy",), description="incident columns that the model is conditioned on"
    )
    split: tuple[float, float, float] = Field(default=(0.7, 0.1, 0.2), description="train, validation, test")
    split_seed: int = Field(default=0, ge=0)
    leave_out: tuple[float, float] | None = Field(
        default=None,
        description="incident energies that training does not see, to test interpolation: [8192.0, 8192.0] in MeV, or "
        'with units ["8 GeV", "10 GeV"]',
    )
    store: Precision = Field(default="float32", description="of signals on disk, where they do not fit in memory")

    @field_validator("condition")
    @classmethod
    def _each_once(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise ValueError(f"{twice[0]} stands there twice; name it once")
        return columns

    @field_validator("leave_out", mode="before")
    @classmethod
    def _parse_energies(cls, ends: Any) -> Any:
        if not isinstance(ends, list | tuple):
            return ends
        return [in_units("energy", end) for end in ends]


class _RecipeTables(Config):
    """The tables of a recipe file; the model's is checked by the model's own configuration."""

    name: str
    description: str = ""
    data: DataConfig
    model: dict[str, Any]
    training: TrainingConfig


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Args:
        name: of the run and of its bundle.
        description: one sentence.
        data: which events.
        model: the model's own configuration; its ``kind`` is the model's registry name.
        training: how.
    """

    name: str
    description: str
    data: DataConfig
    model: Config
    training: TrainingConfig

    @property
    def kind(self) -> str:
        """Registry name of the model."""
        return str(self.model.model_dump()["kind"])

    def to_table(self) -> Table:
        """The resolved recipe, defaults included, as it is saved with the bundle."""
        return {
            "name": self.name,
            "description": self.description,
            "data": self.data.to_table(),
            "model": self.model.to_table(),
            "training": self.training.to_table(),
        }


def parse_recipe(table: Mapping[str, Any]) -> Recipe:
    """Check a recipe; a kind of model that was replaced is taken as its successor, with a warning.

    Raises:
        ConfigError: an unknown key or a wrong value; the nearest name is given.
    """
    tables = _RecipeTables.from_table(table)
    if "kind" not in tables.model:
        raise ConfigError(f"model.kind is missing; {did_you_mean('', models)}")
    kind = str(tables.model["kind"])
    if new := models.replaced.get(kind):
        warnings.warn(f"model.kind = {kind!r} was replaced by {new!r}, which is taken instead", stacklevel=2)
    settings = {**tables.model, "kind": new or kind}
    model = models[settings["kind"]].config_type.from_table(settings, "model")
    return Recipe(tables.name, tables.description, tables.data, model, tables.training)


def load_recipe(name: str | Path, overrides: Iterable[str] = (), words: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe from a file, or a shipped one by its name, with ``key=value`` overrides and words of a verb.

    Raises:
        ConfigError: no such recipe, or what is in it is wrong.

    Example:
        >>> load_recipe("photons", ["training.batch_size=64"]).training.batch_size
        64
    """
    path = Path(name)
    if path.suffix != ".toml":
        shipped = recipe_paths()
        if str(name) not in shipped:
            raise ConfigError(
                f"no recipe {str(name)!r}; {did_you_mean(str(name), shipped)}; or give the path of a .toml file"
            )
        path = shipped[str(name)]
    return parse_recipe(with_words(apply_overrides(read_toml(path), overrides), words or {}))


def recipe_paths() -> dict[str, Path]:
    """Shipped recipes by name."""
    folder = Path(str(resources.files("moliere") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
