"""Response and resolution against incident energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moliere.evaluation.finding import Finding, Metric, findings
from moliere.evaluation.response import ResponsePoint, name_of_response, response_points
from moliere.evaluation.samples import Samples
from moliere.evaluation.verdicts import judged
from moliere.units import format_energy

#: percent; a larger error hides differences that matter
_TOLERANCE = 5.0
#: draws of noise that a floor is the mean of
_DRAWS = 2_000


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
    figures = ("response-mean", "response-width")

    @classmethod
    def look(cls, samples: Samples) -> Response | None:
        """Where events have an incident energy and a response."""
        one, other = samples.reference, samples.generated
        name = name_of_response(one.observables)
        if name is None or not samples.mean_bins:
            return None
        points = response_points(one.scale, one.observables[name], other.scale, other.observables[name])
        return cls(points, metrics=tuple(response_metrics(points))) if points else None


def response_metrics(points: Sequence[ResponsePoint]) -> Iterator[Metric]:
    """Largest deviation of mean response and of its width over the incident energies, in percent."""
    for kind, label in (("mean", "mean response, worst energy"), ("width", "width of the response, worst energy")):
        rows = [row for point in points if (row := _deviation(point, kind)) is not None]
        if not rows:
            reason = f"the {kind} of the reference's response is 0 at every energy"
            yield judged(Metric(f"response-{kind}", label, "energy", None, unit="%", reason=reason))
            continue
        value, error, energy = max(rows)
        floor, floor_error = _largest_of_noise([row[1] for row in rows])
        yield judged(Metric(
            f"response-{kind}", label, "energy", value, error, floor, floor_error, "%", tolerance=_TOLERANCE,
            note=f"|generated / reference - 1| at {format_energy(energy)}, the largest at {len(rows)} energies; floor: "
            f"the largest of {len(rows)} deviations that are only statistical",
        ))  # fmt: skip


def _deviation(point: ResponsePoint, kind: str) -> tuple[float, float, float] | None:
    """Percent, its error, and the energy; ``None`` where the reference has no response."""
    pairs = (
        (getattr(point, f"{who}_{kind}"), getattr(point, f"{who}_{kind}_error")) for who in ("reference", "generated")
    )
    (one, one_error), (other, other_error) = pairs
    row = (
        (100 * abs(other / one - 1), float(100 * np.hypot(other_error, one_error) / one), point.energy)
        if one > 0
        else ()
    )
    return (row[0], row[1], row[2]) if row and np.isfinite(row).all() else None


def _largest_of_noise(errors: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation of the largest of several deviations that are pure noise of these errors."""
    draws = np.abs(np.random.default_rng(0).normal(size=(_DRAWS, len(errors))) * errors).max(axis=1)
    return float(draws.mean()), float(draws.std())
