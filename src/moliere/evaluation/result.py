"""What an evaluation returns: a header and findings, as plain data that goes to JSON and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any, TypeVar, overload

from pydantic import TypeAdapter

from moliere.errors import FormatError, UnknownName, did_you_mean
from moliere.evaluation.finding import Finding, Metric, finding_from_dict, largest, without_nan
from moliere.notebook import Shown

#: raised when a key of the JSON changes its meaning or goes; new keys do not raise it
SCHEMA = 2

F = TypeVar("F", bound=Finding)


@dataclass(frozen=True)
class Sample:
    """One of the two samples that were compared.

    Args:
        name: file name or what the caller calls it.
        n_events: in the source.
        n_used: of them, chosen with the seed in the settings.
        energy_range: smallest and largest incident energy in MeV.
        metadata: provenance, as the file gives it.
    """

    name: str
    n_events: int
    n_used: int
    energy_range: tuple[float, float]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    """What an event costs.

    Args:
        generated_ms: milliseconds a generated shower.
        batch_size: at this batch size.
        device: in words, threads included.
        reference_ms: milliseconds a shower of the reference simulation, where known.
        reference_on: threads and machine of the reference simulation, in words; empty where nobody said it.
        training_minutes: what the model's training took, where known.
        training_memory_mb: largest memory of the process that trained it, in MB.
        n_parameters: of the model.
    """

    generated_ms: float
    batch_size: int
    device: str
    reference_ms: float | None = None
    reference_on: str = ""
    training_minutes: float | None = None
    training_memory_mb: float | None = None
    n_parameters: int | None = None


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """Reference events × generated events → a header and what was found.

    Args:
        verdict: the whole in words.
        detector: dictionary form, see :func:`moliere.detectors.from_spec`.
        reference: one sample.
        generated: the other.
        findings: everything that was looked at, in the order of the page.
        settings: seeds, threshold, versions: what is needed to get the same numbers again.
        warnings: what the reader must know.
        timing: what an event costs, where it was measured.
        baseline: the third sample that metrics stand beside, where one was given.
        schema: version of this structure; ``docs/report.md`` describes it.
    """

    verdict: str
    detector: Mapping[str, Any]
    reference: Sample
    generated: Sample
    findings: tuple[Finding, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    timing: Timing | None = None
    baseline: Sample | None = None
    schema: int = SCHEMA

    def __repr__(self) -> str:
        """The verdict, of what, and how many numbers it rests on."""
        samples = f"{self.generated.name} against {self.reference.name}"
        return f"Report({samples}: {self.verdict}; {len(self.metrics)} metrics in {len(self.findings)} findings)"

    @overload
    def find(self, kind: type[F]) -> F | None: ...
    @overload
    def find(self, kind: str) -> Finding | None: ...
    def find(self, kind: str | type[Finding]) -> Finding | None:
        """The finding of a kind, by its name or its class; ``None`` where the samples gave none."""
        name = kind if isinstance(kind, str) else kind.kind
        return next((found for found in self.findings if found.to_dict()["kind"] == name), None)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The numbers of all findings."""
        return tuple(metric for found in self.findings for metric in found.metrics)

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        Raises:
            UnknownName: with the nearest name.
        """
        found = {metric.name: metric for metric in self.metrics}
        if name not in found:
            raise UnknownName(f"the report has no metric {name!r}; {did_you_mean(name, found)}")
        return found[name]

    def worst(self, prefix: str) -> Metric | None:
        """The largest of the metrics whose names begin so: of several classifiers the one that tells most."""
        return largest([metric for metric in self.metrics if metric.name.startswith(prefix)])

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, which has no NaN: what is not finite is ``None``."""
        content = {**asdict(replace(self, findings=())), "findings": [found.to_dict() for found in self.findings]}
        plain: dict[str, Any] = without_nan(content)
        return plain

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Report:
        """The inverse of :meth:`to_dict`.

        Raises:
            FormatError: the report was written by another version, whose structure was different.
        """
        if content.get("schema") != SCHEMA:
            raise FormatError(
                f"the report has schema {content.get('schema')!r}, expected {SCHEMA}: another version of moliere wrote "
                "it; evaluate the two samples again"
            )
        header = TypeAdapter(Report).validate_python({**content, "findings": ()})
        return replace(header, findings=tuple(_findings(content)))


def _findings(content: Mapping[str, Any]) -> Iterator[Finding]:
    for found in content["findings"]:
        yield finding_from_dict(found)


def measure(
    generate: Callable[[int], object],
    batch_size: int,
    device: str,
    *,
    repeats: int = 5,
    reference_ms: float | None = None,
) -> Timing:
    """Median wall time a shower over a few batches, after one that is not counted.

    Args:
        generate: makes so many showers.
        batch_size: showers a call.
        device: in words, threads included.
        repeats: counted calls.
        reference_ms: milliseconds a shower of the reference simulation, where known.
    """
    generate(batch_size)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        generate(batch_size)
        seconds.append(time.perf_counter() - start)
    return Timing(1e3 * median(seconds) / batch_size, batch_size, device, reference_ms)
