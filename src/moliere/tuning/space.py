"""What is searched: settings of a recipe with the values or the ranges that they are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moliere.config import Table, apply_overrides
from moliere.errors import ConfigError
from moliere.training.recipe import parse_recipe

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_HOW = (
    "write values, model.width=128,256,512, or a range, training.weight_decay=0:0.1, which may be logarithmic, "
    "training.learning_rate=log:1e-4:1e-2"
)


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Args:
        low: the smallest; whole numbers give whole numbers.
        high: the largest.
        log: drawn evenly in the logarithm.
    """

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Parameter:
    """One setting that is searched.

    Args:
        name: dotted, as in the recipe.
        text: the values as they were written.
        values: a range, or each value as TOML writes it.
    """

    name: str
    text: str
    values: Range | tuple[str, ...]

    @property
    def extremes(self) -> tuple[str, ...]:
        """The values that a recipe must take for all to be taken: the ends of a range, or all there are."""
        if isinstance(self.values, Range):
            return (repr(self.values.low), repr(self.values.high))
        return self.values

    def distribution(self) -> BaseDistribution:
        """What Optuna draws from."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if not isinstance(self.values, Range):
            return CategoricalDistribution(self.values)
        if self.values.whole:
            return IntDistribution(int(self.values.low), int(self.values.high), log=self.values.log)
        return FloatDistribution(self.values.low, self.values.high, log=self.values.log)


def parse_parameters(texts: Sequence[str], table: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Read what is searched, and try the ends of every range in the recipe.

    Args:
        texts: ``key=a,b,c``, ``key=low:high`` or ``key=log:low:high``.
        table: the recipe.

    Raises:
        ConfigError: what cannot be read, a range that is upside down, a setting that the recipe does not have, or a
            value that it does not take.
    """
    if not texts:
        raise ConfigError(f"nothing to search; {_HOW}", options=("--param KEY=VALUES",))
    parameters = tuple(map(parse_parameter, texts))
    names = [parameter.name for parameter in parameters]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"{twice[0]} is searched twice; write all its values in one place")
    for parameter in parameters:
        for value in parameter.extremes:
            parse_recipe(apply_overrides(table, [f"{parameter.name}={value}"]))
    return parameters


def parse_parameter(text: str) -> Parameter:
    """Read one setting and its values.

    Raises:
        ConfigError: no values, one value, a value twice, or a range that is upside down.

    Example:
        >>> parse_parameter("training.learning_rate=log:1e-4:1e-2").values
        Range(low=0.0001, high=0.01, log=True)
        >>> parse_parameter("model.width=128,256,512").values
        ('128', '256', '512')
    """
    name, equals, given = (part.strip() for part in text.partition("="))
    if not (equals and name and given):
        raise ConfigError(f"{text!r} names no setting with values; {_HOW}")
    log, given = given.startswith("log:"), given.removeprefix("log:")
    values = _split(given)
    if len(values) == 1 and (log or ":" in given.strip("\"'")) and not given.startswith(("'", '"', "[", "{")):
        return Parameter(name, text.partition("=")[2].strip(), _range(text, name, given, log=log))
    if len(values) < 2 or not all(values):
        raise ConfigError(f"{text!r}: at least two values, or there is nothing to search; {_HOW}")
    if len(set(values)) < len(values):
        raise ConfigError(f"{text!r}: a value stands there twice; write it once")
    return Parameter(name, given, tuple(values))


def _split(text: str) -> list[str]:
    """Values between commas, except those inside brackets and quotes.

    Example:
        >>> _split("[0.9, 0.99], [0.5, 0.9]")
        ['[0.9, 0.99]', '[0.5, 0.9]']
    """
    values, depth, quote = [""], 0, ""
    for letter in text:
        if quote or letter in "\"'":
            quote = "" if letter == quote else quote or letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and not depth:
            values.append("")
            continue
        values[-1] += letter
    return [value.strip() for value in values]


def _range(text: str, name: str, given: str, *, log: bool) -> Range:
    ends = [_number(end) for end in given.split(":")]
    if len(ends) != 2 or None in ends:
        raise ConfigError(f"{text!r}: a range is two numbers, {name}={'log:' if log else ''}LOW:HIGH")
    low, high = (end for end in ends if end is not None)
    if low >= high:
        turned = f"{name}={'log:' if log else ''}{high!r}:{low!r}"
        raise ConfigError(f"{text!r}: the range is {'empty' if low == high else f'upside down; write {turned}'}")
    if log and low <= 0:
        raise ConfigError(f"{text!r}: a logarithmic range begins above 0")
    return Range(low, high, log)


def _number(text: str) -> float | None:
    """A whole number where it is written as one."""
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else None
    return None


def with_values(table: Mapping[str, Any], values: Mapping[str, Any]) -> Table:
    """A recipe with the values of a trial put in, as ``moliere train`` puts in settings."""
    return apply_overrides(table, [f"{name}={value}" for name, value in values.items()])
