"""Judges that score generated events: registered by the package that compares samples, used by the one that trains.

The two packages must not import each other, so they meet here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping

from moliere.events.events import Events
from moliere.registry import Registry

#: reference events × generated events → named numbers; the one called ``score`` is the better the smaller it is
Judge = Callable[[Events, Events], Mapping[str, float]]

#: modules that register judges; importing them takes half a second, so it is done when a judge is asked for
_MODULES = ("moliere.evaluation.scores",)


class _Judges(Registry[Judge]):
    """A registry that is filled when it is first looked into."""

    def __getitem__(self, name: str) -> Judge:
        _load()
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        _load()
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        _load()
        return super().__iter__()


def _load() -> None:
    for module in _MODULES:
        importlib.import_module(module)


#: name → judge
judges: Registry[Judge] = _Judges("score")
