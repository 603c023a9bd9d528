"""Response and resolution against incident energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moliere.evaluation.finding import Finding, Metric, findings
from moliere.evaluation.response import ResponsePoint, response_points
from moliere.evaluation.samples import Samples
from moliere.evaluation.verdicts import judge

#: what total over incident energy is called
_RESPONSES = ("response", "sampling_fraction")


@findings.register("response")
@dataclass(frozen=True)
class Response(Finding):
    """Mean and width of the response.

    Args:
        points: by incident energy.
    """

    points: tuple[ResponsePoint, ...]
    title = "Response and resolution"
    place = 30

    @classmethod
    def look(cls, samples: Samples) -> Response | None:
        """Where events have an incident energy and a response."""
        one, other = samples.reference, samples.generated
        name = next((name for name in _RESPONSES if name in one.observables), None)
        if name is None or not samples.mean_bins:
            return None
        points = response_points(one.scale, one.observables[name], other.scale, other.observables[name])
        return cls(points, metrics=tuple(response_metrics(points))) if points else None


def response_metrics(points: Sequence[ResponsePoint]) -> Iterator[Metric]:
    """Largest deviation of mean response and of its width over the incident energies, in percent."""
    for kind, label in (("mean", "mean response, worst energy"), ("width", "width of the response, worst energy")):
        rows = []
        for point in points:
            one, other = getattr(point, f"reference_{kind}"), getattr(point, f"generated_{kind}")
            one_error, other_error = (
                getattr(point, f"reference_{kind}_error"),
                getattr(point, f"generated_{kind}_error"),
            )
            if one > 0:
                rows.append((100 * abs(other / one - 1), 100 * np.hypot(other_error, one_error) / one, point.energy))
        if not rows:
            continue
        value, error, energy = max(rows)
        # the larger of k deviations of pure noise is about this many standard deviations
        floor = error * float(np.sqrt(2 * np.log(max(len(rows), 2))))
        yield Metric(
            f"response-{kind}", label, "energy", float(value), float(error), floor, float(error), "%",
            judge(value, error, floor, error), f"|generated / reference - 1| at {energy:.4g} MeV",
        )  # fmt: skip
