"""Whether footprints that were made for an energy have it, as an independent constrainer reads it.

References:
    Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from moliere.evaluation.reconstruction import Quality, QualityPoint


@dataclass(frozen=True)
class ExampleFootprint:
    """One footprint.

    Args:
        energy: that was asked for, or that the shower had, in MeV.
        signals: of the stations in the detector's unit.
    """

    energy: float
    signals: tuple[float, ...]


@dataclass(frozen=True)
class Epoch:
    """Footprints of a generator after some epochs, or real ones.

    Args:
        whole: what the witness makes of them, relative to the energies that were asked for.
        points: the same by energy.
        total_ks: Kolmogorov-Smirnov distance of their total signals from those of real footprints.
        examples: some of them.
    """

    whole: Quality
    points: tuple[QualityPoint, ...]
    total_ks: float
    examples: tuple[ExampleFootprint, ...]


@dataclass(frozen=True)
class Curve:
    """Something over a training.

    Args:
        epochs: when it was looked at.
        values: what it was.
    """

    epochs: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class FootprintResult:
    """All that the study finds out.

    Args:
        real: real footprints, with what the witness makes of them.
        epochs: number of epochs → footprints of a generator after so many.
        curves: ``train`` and ``validation`` → the critic's loss in the longer training.
        detector: that recorded the footprints, as a table.
        settings: of the study.
        short: why the study is too short to prove anything; empty where it is not.
    """

    real: Epoch
    epochs: Mapping[int, Epoch]
    curves: Mapping[str, Curve]
    detector: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    short: str = ""

    @property
    def last(self) -> Epoch:
        """Of the longest training."""
        return self.epochs[max(self.epochs)]

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return asdict(self)
