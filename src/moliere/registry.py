"""Name → thing, with a helpful error: how models, detectors, formats, simulators and observables are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

from moliere.errors import UnknownName, did_you_mean

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """A read-only mapping that grows only by :meth:`register` and answers a wrong name with the nearest right one.

    Args:
        noun: what is registered, for the error message.

    Example:
        >>> solvers: Registry[object] = Registry("solver")
        >>> solvers.register("heun")(object())
        <object ...>
        >>> solvers["heunn"]
        Traceback (most recent call last):
            ...
        moliere.errors.UnknownName: unknown solver 'heunn'; did you mean 'heun'?
    """

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._entries: dict[str, T] = {}
        #: names that are no longer there → the name of what replaced them
        self.replaced: dict[str, str] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files a thing under a kebab-case name; a second use of the name is a programming error."""

        def add(thing: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.noun} {name!r} is registered twice")
            self._entries[name] = thing
            return thing

        return add

    def __getitem__(self, name: str) -> T:
        """The thing called ``name``; raises :class:`UnknownName` with the nearest name."""
        try:
            return self._entries[name]
        except KeyError:
            new = self.replaced.get(name)
            advice = did_you_mean(name, self._entries) if new is None else f"{new!r} replaced it"
            raise UnknownName(f"unknown {self.noun} {name!r}; {advice}") from None

    def __contains__(self, name: object) -> bool:
        """Whether the name is registered."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Names in alphabetical order."""
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        """Number of registered things."""
        return len(self._entries)


def import_modules(package: str, folders: Iterable[str]) -> None:
    """Import every module of a package, so that each registers what it holds and no list of them is kept.

    Args:
        package: its ``__name__``.
        folders: its ``__path__``.
    """
    for module in iter_modules(folders):
        import_module(f"{package}.{module.name}")
