"""Which runs are open: the numbers of whatever happens meanwhile belong to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moliere.tracking.trackers import Tracker, flat, is_number, trackers

_open: list[Tracker] = []


def number(name: str, value: float, step: int) -> None:
    """Tell all open runs a number after so many iterations."""
    for run in _open:
        if is_number(value):
            run.number(name, value, step)


class Run:
    """What a verb keeps of its results in the services that it was told of.

    Args:
        runs: one in each service.
    """

    def __init__(self, runs: Iterable[Tracker]) -> None:
        self._runs = tuple(runs)

    def settings(self, table: Mapping[str, Any]) -> None:
        """Settings, in tables."""
        for run in self._runs:
            run.settings(flat(table))

    def figures(self, values: Mapping[str, float | None]) -> None:
        """Figures by name; those that could not be measured are left out."""
        for name, value in values.items():
            for run in self._runs:
                if value is not None and is_number(value):
                    run.number(name, value, 0)

    def files(self, paths: Iterable[Path]) -> None:
        """Files and folders; those that are not there are left out."""
        for path in paths:
            for run in self._runs:
                if path.exists():
                    run.file(path)


@contextmanager
def tracked(services: Iterable[str], name: str, settings: Mapping[str, Any], *, hears: bool = True) -> Iterator[Run]:
    """A run in each of the services while the block runs; one that ends with an error is marked so.

    Args:
        services: ``mlflow``, ``mlflow:URI``, ``wandb`` or ``wandb:PROJECT``; none is fine.
        name: of the run.
        settings: in tables.
        hears: whether the losses of trainings belong to it.

    Raises:
        UnknownName: there is no such service.
        MissingExtra: it is not installed.
        ConfigError: it cannot be reached.
    """
    runs = [_begin(service, name) for service in services]
    run, failed = Run(runs), True
    _open.extend(runs if hears else ())
    try:
        run.settings(settings)
        yield run
        failed = False
    finally:
        for one in runs:
            if hears:
                _open.remove(one)
            one.close(failed=failed)


def _begin(service: str, name: str) -> Tracker:
    kind, _, where = service.partition(":")
    tracker: Tracker = trackers[kind](where, name)
    return tracker
