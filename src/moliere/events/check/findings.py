"""The result of checks: findings with the events that they concern, and the report of all findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Ints
from moliere.events.quality import list_events

Severity = Literal["fault", "warning", "note"]


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that was found.

    Args:
        check: name of the check.
        severity: ``fault`` for what must not reach a training, ``warning`` for what should be looked at, ``note``.
        text: what was found, with numbers.
        advice: what to do.
        events: positions of the events, increasing; empty where it is about the whole file.
    """

    check: str
    severity: Severity
    text: str
    advice: str = ""
    events: Ints = field(default_factory=_none)

    @property
    def listed(self) -> str:
        """The first events by number."""
        return list_events(self.events)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        events = self.events.tolist()
        return {
            "check": self.check,
            "severity": self.severity,
            "text": self.text,
            "advice": self.advice,
            "events": events,
        }


def about_events(check: str, severity: Severity, mask: NDArray[np.bool_], text: str, advice: str) -> Iterator[Finding]:
    """A finding about the events of a mask, if there are any."""
    events = np.flatnonzero(mask)
    if len(events):
        yield Finding(check, severity, f"{len(events):,} of {len(mask):,} events {text}", advice, events)


@dataclass(frozen=True, eq=False)
class LayerRow:
    """One layer at one incident energy.

    Args:
        energy: lower and upper end of the group in MeV.
        layer: label.
        n_events: in the group.
        share: mean energy of the layer over the incident energy.
        empty: fraction of events without energy in the layer.
        brightest: largest signal of a cell over the incident energy.
    """

    energy: tuple[float, float]
    layer: str
    n_events: int
    share: float
    empty: float
    brightest: float


@dataclass(frozen=True, eq=False)
class CheckReport:
    """Everything that was found in a file.

    Args:
        name: of the file.
        detector: name of what was read out.
        n_events: how many there are.
        findings: faults first.
        table: a row a layer and energy.
        energy: incident energies in MeV, (n,); empty where there are none.
        response: total signal over incident energy, (n,).
    """

    name: str
    detector: str
    n_events: int
    findings: tuple[Finding, ...]
    table: tuple[LayerRow, ...]
    energy: NDArray[np.float64]
    response: NDArray[np.float64]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that must not reach a training."""
        return tuple(finding for finding in self.findings if finding.severity == "fault")

    @property
    def reasons(self) -> dict[int, str]:
        """Event → name of the first check that faults it."""
        found: dict[int, str] = {}
        for finding in self.faults:
            for event in finding.events.tolist():
                found.setdefault(event, finding.check)
        return dict(sorted(found.items()))

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.faults:
            return f"no fault in {self.n_events:,} events"
        whole = sum(1 for finding in self.faults if not len(finding.events))
        about = f", and {whole} fault{'s' * (whole > 1)} of the file as a whole" if whole else ""
        return f"{len(self.reasons):,} of {self.n_events:,} events are faulty{about}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the columns."""
        findings = [finding.to_dict() for finding in self.findings]
        head = {"name": self.name, "detector": self.detector, "n_events": self.n_events, "verdict": self.verdict}
        return {**head, "findings": findings, "table": [vars(row) for row in self.table]}
