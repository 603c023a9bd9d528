"""Particle fluxes: what is "read out" are a particle's own columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict

from moliere.detectors.base import Detector, Floats, kinds
from moliere.errors import DetectorError


@dataclass(frozen=True)
class Column:
    """One quantity of a particle.

    Args:
        name: for example ``pz``.
        unit: MeV, mm, rad, ns, or empty.
        low: lower end of the range of interest.
        high: upper end.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    unit: str = ""
    low: float = float("-inf")
    high: float = float("inf")


@kinds.register("phase-space")
@dataclass(frozen=True, repr=False)
class PhaseSpace(Detector):
    """A particle flux through a plane: an event is a particle, a channel is one of its columns.

    Args:
        name: catalogue name or a user's own.
        columns: in the order of the channels.
        description: one sentence, with its source.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    columns: tuple[Column, ...]
    description: str = ""
    unit: str = ""
    kind: Literal["phase-space"] = field(default="phase-space", repr=False)
    repeats: ClassVar[bool] = True
    parts: ClassVar[dict[str, type[Any]]] = {"columns": Column}

    def __post_init__(self) -> None:
        """Check names and ranges once."""
        names = [column.name for column in self.columns]
        if not names or len(set(names)) < len(names):
            raise DetectorError(
                f"phase space {self.name!r}: columns {names} must be at least one, each of its own name"
            )
        for column in self.columns:
            if not column.low < column.high:
                raise DetectorError(
                    f"phase space {self.name!r}: column {column.name} has range {column.low:g} … {column.high:g}"
                )

    @property
    def signed(self) -> bool:
        """Momenta and positions have signs."""
        return True

    @property
    def n_channels(self) -> int:
        """Number of columns."""
        return len(self.columns)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def limits(self) -> tuple[Floats, Floats]:
        """Ends of the columns' ranges, (n_columns,) each."""
        return np.array([column.low for column in self.columns]), np.array([column.high for column in self.columns])

    def incomparable_with(self, other: Detector) -> str | None:
        """The same columns in the same order."""
        if reason := super().incomparable_with(other):
            return reason
        if self.column_names != other.column_names:
            names = (", ".join(detector.column_names) for detector in (self, other))
            return f"{self.name} has columns {next(names)}, {other.name} {next(names)}"
        return None

    def describe(self) -> str:
        """A headline and a line a column."""
        lines = [f"{self.name}: phase space, {self.n_channels} columns", f"  {self.description}"]
        lines += [f"  {c.name} [{c.unit or '1'}]: {c.low:g} … {c.high:g}" for c in self.columns]
        return "\n".join(lines)
