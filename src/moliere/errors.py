"""Every error a user can cause, in one tree; each message says what came, what was expected and what to do.

::

    MoliereError
    ├── InvalidQuantity          a number without its unit, or out of its domain
    ├── UnknownName              a registry, recipe or catalogue name that does not exist (also a KeyError)
    ├── ConfigError              a recipe that cannot be read or holds a wrong value
    ├── DetectorError            a detector description that makes no sense
    ├── InvalidEvents            events that fail validation (also a ValueError)
    ├── FormatError              a file that is not what its reader expects
    ├── DownloadError            a published file that could not be fetched, or is not what was published
    ├── OutputExists             an output that would be overwritten
    ├── WriteError               an output that could not be written whole: disk full, no permission
    ├── BundleError              a model file that is newer, truncated or tampered with
    ├── ExportError              a model, or a part of one, that cannot be exported to where a simulation runs
    ├── UnsupportedIncident      incident particles outside a model's or a simulator's range of validity
    ├── IncompleteRun            a simulation of which not all events are there; those that are, are kept
    ├── StepFailed               a step of a pipeline that ended with an error; those before it are kept
    ├── CheckpointError          a training or a simulation that cannot be resumed
    ├── TrainingDiverged         losses or weights that are no longer finite
    └── MissingExtra             an optional dependency that is not installed
"""

from __future__ import annotations

__all__ = [
    "BundleError",
    "CheckpointError",
    "ConfigError",
    "DetectorError",
    "DownloadError",
    "ExportError",
    "FormatError",
    "IncompleteRun",
    "InvalidEvents",
    "InvalidQuantity",
    "MissingExtra",
    "MoliereError",
    "OutputExists",
    "StepFailed",
    "TrainingDiverged",
    "UnknownName",
    "UnsupportedIncident",
    "WriteError",
    "did_you_mean",
]

from collections.abc import Iterable
from difflib import get_close_matches


class MoliereError(Exception):
    """Base of all errors that a user can cause; the command line prints them as one line and exits with 1.

    Args:
        message: what came, what was expected and what to do, in the library's words.
        options: what the command line adds: how that is written there, such as ``--overwrite``.
    """

    def __init__(self, *message: object, options: tuple[str, ...] = ()) -> None:
        super().__init__(*message)
        self.options = options

    def __str__(self) -> str:
        """The message itself, also where a built-in parent (KeyError) would print its repr."""
        return str(self.args[0]) if self.args else ""


class InvalidQuantity(MoliereError, ValueError):
    """A number came without its unit or outside its domain."""


class UnknownName(MoliereError, KeyError):
    """A name is not in the registry, the catalogue or the recipe."""


class ConfigError(MoliereError, ValueError):
    """A recipe cannot be read or holds a wrong value."""


class DetectorError(MoliereError, ValueError):
    """A detector description makes no sense."""


class InvalidEvents(MoliereError, ValueError):
    """Events fail validation: wrong shape, non-finite or negative values, wrong unit."""


class FormatError(MoliereError, ValueError):
    """A file is not what its reader expects."""


class DownloadError(MoliereError, OSError):
    """A published file could not be fetched, or what came is not what was published."""


class OutputExists(MoliereError, FileExistsError):
    """An output would be overwritten."""


class WriteError(MoliereError, OSError):
    """An output could not be written whole; what was there before is untouched."""


class BundleError(MoliereError):
    """A bundle is newer than this package, truncated or tampered with."""


class ExportError(MoliereError):
    """A model cannot be exported, or not to the target that was asked for."""


class UnsupportedIncident(MoliereError, ValueError):
    """Incident particles lie outside a model's or a simulator's range of validity."""


class IncompleteRun(MoliereError):
    """A simulation was interrupted, or a worker died; the events that are whole are kept."""


class StepFailed(MoliereError):
    """A step of a pipeline ended with an error; the steps before it are done and kept."""


class CheckpointError(MoliereError):
    """A training or a simulation cannot be resumed from what lies on disk."""


class TrainingDiverged(MoliereError, ArithmeticError):
    """Losses or weights are no longer finite; the last good checkpoint is untouched."""


class MissingExtra(MoliereError, ImportError):
    """An optional dependency is not installed."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an error message: the nearest known name, or all of them.

    Example:
        >>> did_you_mean("calochalenge-2", ["calochallenge-2", "calogan"])
        "did you mean 'calochallenge-2'?"
        >>> did_you_mean("x", ["b", "a"])
        'known: a, b'
    """
    known = sorted(known)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
