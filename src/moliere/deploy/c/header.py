"""What a C program must know of a model besides its graph: names, ranges, the latent's law."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moliere.deploy.card import Card
from moliere.deploy.philox import Part
from moliere.detectors import Calorimeter, Detector
from moliere.errors import ExportError

#: relative slack at both ends of a range: files hold energies in float32
_SLACK = 1e-4
#: places around a ring that is not divided
_AROUND = 8
#: numbers of the laws in ``pieces/draw_part.c``
LAWS = ("normal", "half-normal", "logistic", "uniform", "sign")


@dataclass(frozen=True)
class Column:
    """One number of the condition.

    Args:
        name: of the incident column, ``energy`` in MeV.
        low: smallest value of the training; ``None`` where there is no range.
        high: largest value of the training.
        values: the only values that the column may have, for identifiers.
    """

    name: str
    low: float | None = None
    high: float | None = None
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Spot:
    """A place where a part of a channel's energy is put.

    Args:
        channel: its number.
        share: of the channel's energy.
        place: x, y, z in mm; z along the particle, from where it enters.
    """

    channel: int
    share: float
    place: tuple[float, float, float]


@dataclass(frozen=True)
class Header:
    """What stands in the header.

    Args:
        name: of the model.
        columns: of the condition, in their order.
        latent: parts of the latent, in their order.
        threshold: smallest signal that is not zero, in the detector's unit; 0 where there is none.
        unit: of the signals.
        detector: its name.
        citation: what to cite.
        version: of moliere.
        particles: PDG identifiers of the training sample.
        spots: where the energy of the channels is put; none where the detector does not say it.
    """

    name: str
    columns: tuple[Column, ...]
    latent: tuple[Part, ...]
    threshold: float = 0.0
    unit: str = "MeV"
    detector: str = ""
    citation: str = ""
    version: str = ""
    particles: tuple[int, ...] = ()
    spots: tuple[Spot, ...] = ()

    @property
    def prefix(self) -> str:
        """The name as the beginning of C names.

        Raises:
            ExportError: nothing of it can be used in C.
        """
        text = re.sub(r"\W+", "_", self.name, flags=re.ASCII).strip("_")
        if not text or text[0].isdigit():
            raise ExportError(
                f"model name {self.name!r} cannot begin a name in C; choose one that begins with a letter"
            )
        return text

    @property
    def is_drawable(self) -> bool:
        """Whether the latent can be drawn without the model's own sampler."""
        return all(part.law in LAWS for part in self.latent)

    @property
    def latent_size(self) -> int:
        """How many numbers a shower is made from."""
        return sum(part.size for part in self.latent)


def header_of(card: Card, detector: Detector) -> Header:
    """What stands in the header of an exported model.

    Args:
        card: of the graph.
        detector: of the signals.
    """
    particles = card.particles or tuple(int(card.fixed[name]) for name in ("pdg_id",) if name in card.fixed)
    return Header(
        card.name,
        tuple(_column(name, card) for name in card.columns),
        card.latent,
        card.threshold,
        card.unit,
        detector.name,
        card.citation,
        card.moliere,
        particles,
        spots_of(detector),
    )


def _column(name: str, card: Card) -> Column:
    if name == "pdg_id" and card.particles:
        return Column(name, values=tuple(map(float, card.particles)))
    if name not in card.validity:
        return Column(name)
    low, high = card.validity[name]
    return Column(name, low - _SLACK * abs(low), high + _SLACK * abs(high))


def spots_of(detector: Detector) -> tuple[Spot, ...]:
    """The centres of a calorimeter's cells; a ring that is not divided has several places around its circle.

    Returns:
        None where the detector is no calorimeter, or does not say how deep its layers lie.
    """
    if not isinstance(detector, Calorimeter) or np.isnan(detector.depths).any():
        return ()
    whole = np.concatenate(
        [np.full(grid.n_cells, grid.kind == "polar" and grid.shape[0] == 1) for grid in detector.grids]
    )
    spots: list[Spot] = []
    for channel, (x, y, z) in enumerate(detector.centres.tolist()):
        turns = _AROUND if whole[channel] else 1
        for k in range(turns):
            turn = 2 * math.pi * k / turns
            place = (x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn), z)
            spots.append(Spot(channel, 1 / turns, place))
    return tuple(spots)


def one_line(texts: Sequence[str]) -> str:
    """Texts in a comment of C: nothing ends it early."""
    return " ".join(" ".join(texts).split()).replace("*/", "* /").replace("/*", "/ *")
