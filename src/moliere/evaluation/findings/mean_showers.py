"""Mean signals of every channel, over all events and energy by energy."""

from __future__ import annotations

from dataclasses import dataclass

from moliere.evaluation.finding import Finding, findings
from moliere.evaluation.findings.examples import short
from moliere.evaluation.samples import Samples


@dataclass(frozen=True)
class MeanShower:
    """Mean signal of every channel.

    Args:
        energy: incident energy in MeV, ``None`` for all events together.
        reference: (n_channels,) in MeV.
        generated: (n_channels,) in MeV.
    """

    energy: float | None
    reference: tuple[float, ...]
    generated: tuple[float, ...]


@findings.register("mean-showers")
@dataclass(frozen=True)
class MeanShowers(Finding):
    """Average events.

    Args:
        showers: over all events first, then by energy.
    """

    showers: tuple[MeanShower, ...]
    title = "Average showers"
    place = 35

    @classmethod
    def look(cls, samples: Samples) -> MeanShowers:
        """As the samples were read."""
        energies = [None, *((low * high) ** 0.5 for low, high in samples.mean_bins)]
        rows = zip(energies, samples.reference.mean_signals, samples.generated.mean_signals, strict=True)
        return cls(tuple(MeanShower(energy, short(a), short(b)) for energy, a, b in rows))
