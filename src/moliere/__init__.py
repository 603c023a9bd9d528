"""Fast detector simulation with generative models: shower data in, a trained and proven fast simulation out.

>>> import moliere
>>> bundle = moliere.load("photons")
>>> len(bundle.generate(energy="50 GeV", n=3, outside="extrapolate"))
3
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from moliere import notebook

if TYPE_CHECKING:
    from moliere import samples as samples
    from moliere.detectors import catalog as catalog
    from moliere.events import Events as Events
    from moliere.front import check, compare, evaluate, generate, load, open, simulate, train

    __version__: str

# this file stands above all rooms and is read before them: here the ground learns who draws, without importing it
notebook.drawn_by(lambda: import_module("moliere.report.notebook").html_of)

#: the front door: what ``dir(moliere)`` shows
__all__ = ["check", "compare", "evaluate", "generate", "load", "open", "simulate", "train"]

#: other names that are reached from here → the module that holds them
_BESIDE = {"Events": "moliere.events", "catalog": "moliere.detectors"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that ``import moliere`` costs next to nothing."""
    if name in __all__:
        _load_plugins()
        return getattr(import_module("moliere.front"), name)
    if name in _BESIDE:
        _load_plugins()
        return getattr(import_module(_BESIDE[name]), name)
    if name == "samples":
        return import_module("moliere.samples")
    if name == "__version__":
        from importlib.metadata import version

        return version("moliere")
    raise AttributeError(f"module 'moliere' has no attribute {name!r}")


def _load_plugins() -> None:
    import warnings

    from moliere.plugins import load_plugins

    for sentence in load_plugins():
        warnings.warn(sentence, stacklevel=3)


def __dir__() -> list[str]:
    """The eight verbs."""
    return sorted(__all__)
