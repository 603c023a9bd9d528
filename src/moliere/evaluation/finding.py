"""One thing that was looked at in two samples: its data, its numbers, its words and the papers that define it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from pydantic import TypeAdapter

from moliere.registry import Registry
from moliere.units import format_energy

if TYPE_CHECKING:
    from moliere.evaluation.samples import Samples

F = TypeVar("F", bound="Finding")
#: what JSON knows already
_PLAIN = {int, float, str, bool, type(None)}


@dataclass(frozen=True)
class Paper:
    """A paper that defines something that was looked at.

    Args:
        defines: what it defines.
        title: of the paper.
        author: the first.
        year: of publication.
        link: where it can be read.
    """

    defines: str
    title: str
    author: str
    year: int
    link: str


@dataclass(frozen=True)
class Metric:
    """One number of a comparison beside what the reference scores against itself.

    Args:
        name: stable identifier, for example ``auc-observables-boosting``.
        label: for people.
        group: where it belongs.
        value: generated against reference; ``None`` where it cannot be measured.
        error: one standard deviation.
        floor: reference against reference at the same sample sizes.
        floor_error: error of the floor.
        unit: of the value, empty where it has none.
        verdict: in words.
        note: how it was computed, one sentence.
        baseline: what a third sample scores, such as a classical parametrisation, where one was given.
        baseline_error: error of the baseline's value.
        larger_is_better: a share of what is right, not a distance.
        p_value: of a classifier's AUC, were both samples the same: by permutation of the held-out labels.
        reason: why the value cannot be measured.
        tolerance: the largest standard error at which a value near its floor says that nothing is wrong; ``None`` for
            any error.
    """

    name: str
    label: str
    group: str
    value: float | None
    error: float | None = None
    floor: float | None = None
    floor_error: float | None = None
    unit: str = ""
    verdict: str = ""
    note: str = ""
    baseline: float | None = None
    baseline_error: float | None = None
    larger_is_better: bool = False
    p_value: float | None = None
    reason: str = ""
    tolerance: float | None = None


@dataclass(frozen=True)
class Quantity:
    """A number in a listing or a headline.

    Args:
        value: the number; ``None`` where it cannot be measured.
        error: one standard deviation; 0 where none is known.
        unit: behind the number.
        before: words before the number, such as ``≥``.
        p_value: the probability that the number is coloured by.
    """

    value: float | None
    error: float = 0.0
    unit: str = ""
    before: str = ""
    p_value: float | None = None


Cell: TypeAlias = "str | int | Quantity"


@dataclass(frozen=True)
class Listing:
    """A table of a finding.

    Args:
        header: names of the columns.
        rows: as many cells each.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Headline:
    """The one number of a finding that is shown large.

    Args:
        number: the number.
        text: what stands behind the number.
    """

    number: Quantity
    text: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; a subclass is a frozen dataclass with its data and a :meth:`look`.

    A subclass is registered in :data:`findings`. Its fields are plain data (numbers, text, tuples, dataclasses) that go
    to JSON and back. Without a drawing of its own it is shown by its headline, words, metrics and listings.

    Args:
        metrics: its numbers with errors and floors.

    Example:
        >>> @dataclass(frozen=True)
        ... class Halo(Finding):
        ...     title = "Halo"
        ...     share: float = 0.0
        >>> Halo(share=0.25).title
        'Halo'
    """

    metrics: tuple[Metric, ...] = field(default=(), kw_only=True)

    #: the registry's name, set by :meth:`Findings.register`
    kind: ClassVar[str] = ""
    #: heading on the page
    title: ClassVar[str] = ""
    #: place among the findings; those of one place are in alphabetical order
    place: ClassVar[int] = 50
    #: papers that define what is shown
    citations: ClassVar[tuple[Paper, ...]] = ()
    #: names that its metrics can have, so that a condition on a metric is read before the samples are; ``*`` stands
    #: for what depends on the samples
    figures: ClassVar[Iterable[str]] = ()

    @classmethod
    def look(cls: type[F], samples: Samples) -> F | None:
        """Look at two samples; ``None`` where there is nothing to see, or there are too few events."""
        raise NotImplementedError(f"{cls.__name__} has no look(samples)")

    @classmethod
    def effort(cls, samples: Samples) -> float:
        """How long :meth:`look` takes: CPU seconds for 1,000 events of some hundred channels, roughly."""
        del samples
        return 0.1

    @property
    def words(self) -> str:
        """Some sentences below the heading."""
        return ""

    @property
    def headline(self) -> Headline | None:
        """The number that says most, if there is one."""
        return None

    @property
    def listings(self) -> tuple[Listing, ...]:
        """Tables."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the kind."""
        return {"kind": self.kind, **_plain(self)}


@dataclass(frozen=True)
class CutFinding(Finding):
    """A finding whose work falls into pieces, each with a seed of its own: any process can do any of them."""

    @classmethod
    def cut(cls, samples: Samples) -> Sequence[Any]:
        """Names of the pieces; none where there is nothing to see, or there are too few events."""
        raise NotImplementedError(f"{cls.__name__} has no cut(samples)")

    @classmethod
    def piece(cls, samples: Samples, name: Any) -> Any:
        """What comes of one piece; it travels from one process to another."""
        raise NotImplementedError(f"{cls.__name__} has no piece(samples, name)")

    @classmethod
    def joined(cls: type[F], samples: Samples, pieces: Mapping[Any, Any]) -> F | None:
        """The finding from all pieces by their names."""
        raise NotImplementedError(f"{cls.__name__} has no joined(samples, pieces)")

    @classmethod
    def look(cls: type[F], samples: Samples) -> F | None:
        """One piece after the other."""
        assert issubclass(cls, CutFinding)
        names = cls.cut(samples)
        return cls.joined(samples, {name: cls.piece(samples, name) for name in names}) if names else None


def _plain(value: Any) -> Any:
    """What ``dataclasses.asdict`` makes, which copies half a million numbers one by one."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        if all(type(each) in _PLAIN for each in value):
            return value
        return tuple(map(_plain, value)) if isinstance(value, tuple) else [*map(_plain, value)]
    return value


class _Findings(Registry[type[Finding]]):
    """Kind of finding → its class."""

    def register(self, name: str) -> Callable[[type[F]], type[F]]:
        """Decorator that files a class of findings under its kind."""

        def add(thing: type[F]) -> type[F]:
            super(_Findings, self).register(name)(thing)
            thing.kind = name
            return thing

        return add

    def in_order(self) -> list[type[Finding]]:
        """All classes, as the page shows them."""
        return sorted(self.values(), key=lambda thing: (thing.place, thing.kind))


#: kind → class, whose :meth:`Finding.look` every evaluation calls
findings: _Findings = _Findings("finding")


@findings.register("failed")
@dataclass(frozen=True)
class Failed(Finding):
    """What could not be looked at, because the code that looks raised an error.

    Args:
        failed: kind of the finding.
        error: the error's type and message.
    """

    failed: str
    error: str
    title: ClassVar[str] = "Not measured"

    @classmethod
    def look(cls, samples: Samples) -> None:
        """Nothing: what fails is met, not looked for."""

    @property
    def words(self) -> str:
        """The error."""
        return f"The finding {self.failed!r} could not be computed: {self.error}"


@dataclass(frozen=True)
class Unregistered(Finding):
    """A finding of a report whose class is not known here, kept as it was.

    Args:
        content: as it was read.
    """

    content: Mapping[str, Any]

    @property
    def words(self) -> str:
        """What to do."""
        return (
            f"Findings of the kind {self.content['kind']!r} are not registered here; import the module that registers "
            "them to see more."
        )

    def to_dict(self) -> dict[str, Any]:
        """As it was read."""
        return dict(self.content)


def finding_from_dict(content: Mapping[str, Any]) -> Finding:
    """The inverse of :meth:`Finding.to_dict`; what is not registered is kept as it is."""
    fields = dict(content)
    kind = str(fields.pop("kind"))
    if kind in findings:
        return TypeAdapter(findings[kind]).validate_python(fields)
    metrics = TypeAdapter(tuple[Metric, ...]).validate_python(fields.get("metrics", ()))
    return Unregistered(content, metrics=metrics)


def without_nan(content: Any) -> Any:
    """Plain data in which numbers that are not finite are ``None``, because JSON has no word for them.

    Example:
        >>> without_nan({"a": (1.0, float("nan")), "b": [float("inf")]})
        {'a': (1.0, None), 'b': [None]}
    """
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(map(without_nan, content))
    return None if isinstance(content, float) and not math.isfinite(content) else content


def beside(metrics: Sequence[Metric], third: Sequence[Metric]) -> tuple[Metric, ...]:
    """Metrics with those of a third sample of the same names beside them."""
    known = {metric.name: metric for metric in third}
    return tuple(
        replace(metric, baseline=known[metric.name].value, baseline_error=known[metric.name].error)
        if metric.name in known
        else metric
        for metric in metrics
    )


def largest(metrics: Sequence[Metric]) -> Metric | None:
    """The metric of the largest value among those that could be measured."""
    known = [metric for metric in metrics if metric.value is not None]
    return max(known, key=lambda metric: metric.value if metric.value is not None else -math.inf) if known else None


def interval_words(energy: tuple[float, float]) -> str:
    """An interval of incident energy; one number where its ends are one energy to rounding.

    Example:
        >>> interval_words((256.0, 256.0002)), interval_words((1e3, 2e3))
        ('256 MeV', '1 GeV – 2 GeV')
    """
    low, high = (format_energy(end) for end in energy)
    return low if low == high else f"{low} – {high}"
