"""Numbers as people write them: a value with its error, a share, an energy range, a verdict's colour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from moliere.evaluation.finding import Metric, Quantity
from moliere.evaluation.result import Report, Sample, Timing
from moliere.evaluation.verdicts import AUC_GOOD, AUC_POOR, standing
from moliere.units import format_energy

Level = Literal["good", "fair", "poor"]
_WORST_FIRST: tuple[Level, ...] = ("poor", "fair", "good")


def measured(value: float | None, error: float | None) -> str:
    """A value with as many digits as its error allows.

    Example:
        >>> measured(0.98123, 0.0021), measured(1234.5, 60.0), measured(1.23e-5, 1.1e-6), measured(0.5, 0.0)
        ('0.9812 ± 0.0021', '1234 ± 60', '1.23e-05 ± 1.1e-06', '0.5')
        >>> measured(None, None)
        'not measurable'
    """
    if value is None:
        return "not measurable"
    if error is None:
        return number(value)
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return number(value)
    digits = 1 - math.floor(math.log10(error))
    if digits > 5:
        return f"{value:.3g} ± {error:.2g}"
    return f"{value:.{max(digits, 0)}f} ± {error:.{max(digits, 0)}f}"


def number(value: float | None) -> str:
    """Three digits that matter.

    Example:
        >>> number(0.0123456), number(1234567.0), number(None)
        ('0.0123', '1,234,567', 'unknown')
    """
    if value is None or not math.isfinite(value):
        return "unknown"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def quantity(shown: Quantity) -> str:
    """A number with its error, its unit, and what stands before it.

    Example:
        >>> quantity(Quantity(1234.0, before="≥")), quantity(Quantity(12.1, 0.4, "%"))
        ('≥ 1,234', '12.10 ± 0.40 %')
    """
    return " ".join(filter(None, (shown.before, measured(shown.value, shown.error), shown.unit)))


def small(p_value: float) -> str:
    """A p-value behind its letter; below a millionth its size says nothing.

    Example:
        >>> small(0.0312), small(1e-20)
        ('= 0.0312', '< 1e-6')
    """
    return f"= {number(p_value)}" if p_value > 1e-6 else "< 1e-6"


def sentence(text: str) -> str:
    """With a capital first and a full stop last."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def speed_up(timing: Timing) -> str:
    """How the cost compares with that of the reference simulation, and where that ran; empty where it is not known.

    Example:
        >>> speed_up(Timing(0.5, 1000, "CPU", reference_ms=1000.0, reference_on="one core"))
        '2,000 times faster than the reference (1,000 ms on one core)'
    """
    if timing.reference_ms is None:
        return ""
    factor = timing.reference_ms / timing.generated_ms
    words = f"{number(factor)} times faster" if factor >= 1 else f"{number(1 / factor)} times slower"
    where = f" on {timing.reference_on}" if timing.reference_on else "; its threads and machine were not said"
    return f"{words} than the reference ({number(timing.reference_ms)} ms{where})"


def energy_range(sample: Sample) -> str:
    """Incident energies of a sample."""
    low, high = (format_energy(energy) for energy in sample.energy_range)
    return low if low == high else f"{low} – {high}"


def level_of_p(p_value: float) -> Level:
    """How a p-value is coloured: one in a hundred happens, one in a hundred thousand does not."""
    return "good" if p_value > 1e-2 else "fair" if p_value > 1e-5 else "poor"


def level(metric: Metric) -> Level | None:
    """How a metric is coloured; the bounds are those at which the verdict's words change.

    A classifier that is wrong for every fifth pair still leaves a sample useful (fair); so does a distance of
    up to ten times what two halves of the reference show, or four fifths of the share that they have. What could not be
    measured, has no floor, or is too uncertain to tell has no colour.
    """
    value, floor, where = metric.value, metric.floor, standing(metric)
    if value is None or floor is None or where == "undecided":
        return None
    if where != "above":
        return "good" if where == "at" else "fair"
    if metric.larger_is_better:
        return "fair" if value > 0.8 * floor else "poor"
    good, fair = (AUC_GOOD, AUC_POOR) if metric.name.startswith("auc-") else (floor, 10 * floor)
    return "good" if value < good else "fair" if value < fair else "poor"


def overall(report: Report) -> Level | None:
    """The colour of the headline, which speaks of the worst classifier; none where there is no classifier."""
    scores = [metric for metric in report.metrics if metric.name.startswith("auc-")]
    levels = [level(metric) for metric in scores]
    if "poor" not in levels and any(standing(metric) == "undecided" for metric in scores):
        return None
    return next((worst for worst in _WORST_FIRST if worst in levels), None)


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted keys and text.

    Example:
        >>> list(flat({"seed": 3, "versions": {"numpy": "2.0"}}))
        [('seed', '3'), ('versions.numpy', '2.0')]
    """
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
