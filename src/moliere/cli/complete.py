"""What a shell offers for the word that a user has begun: names that the package knows, and files beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

Offer = Callable[[str], list[str]]


def _offer(known: Callable[[], Iterable[str]], *, files: bool = True) -> Offer:
    """Names that begin as the word does, and files where these may stand instead.

    Where no name fits, nothing is offered: shells complete files by themselves, and better.
    """

    def offer(incomplete: str) -> list[str]:
        names = [name for name in known() if name.startswith(incomplete)]
        return [*names, *_files(incomplete)] if names and files else names

    return offer


def _files(begun: str) -> list[str]:
    """Files and folders of the working folder, as a word without a slash begins them."""
    found = sorted(path for path in Path().iterdir() if path.name.startswith(begun) and not path.name.startswith("."))
    return [f"{path}/" if path.is_dir() else str(path) for path in found]


# a tabulator must be answered in a moment: only the room that is asked is imported
def _recipes() -> Iterable[str]:
    from importlib import resources

    files = (Path(file.name) for file in resources.files("moliere.recipes").iterdir())
    return sorted(path.stem for path in files if path.suffix == ".toml")


def _bundles() -> Iterable[str]:
    from moliere.weights import bundle_paths

    return bundle_paths()


def _detectors() -> Iterable[str]:
    from moliere.detectors import catalog

    return catalog.names()


def _samples() -> Iterable[str]:
    from moliere import samples

    return samples.names()


def _simulators() -> Iterable[str]:
    from moliere.simulators import simulators

    return simulators


def _formats() -> Iterable[str]:
    from moliere.events.formats import formats

    return formats


def _physics() -> Iterable[str]:
    from moliere.simulators.geant4.physics import PHYSICS_LISTS

    return PHYSICS_LISTS


def _published() -> Iterable[str]:
    from moliere.samples.fetch import published

    return published()


recipes, bundles, detectors, samples = map(_offer, (_recipes, _bundles, _detectors, _samples))
simulators = _offer(_simulators, files=False)
formats = _offer(_formats, files=False)
physics = _offer(_physics, files=False)
published = _offer(_published, files=False)


def anything(incomplete: str) -> list[str]:
    """What has content to show: samples, bundles, detectors and files."""
    return list(dict.fromkeys(name for offer in (samples, bundles, detectors) for name in offer(incomplete)))
