"""Who scores generated events: registered by the room that compares samples, asked by the room that trains.

The room that compares samples stands above the room that trains and knows no models; so both meet here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping

from moliere.events.events import Events
from moliere.registry import Registry

#: reference events × generated events → named numbers, of which ``score`` is to be small
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
