"""Outputs that are either whole or not there: written beside, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moliere.errors import OutputExists, WriteError


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse to overwrite, before any work is done for the output.

    Raises:
        OutputExists: ``path`` exists and ``overwrite`` is not set.
    """
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} exists; choose another name or pass --overwrite (overwrite=True)")


@contextmanager
def replacing(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block ends well, and goes when it does not.

    Raises:
        OutputExists: ``path`` exists and ``overwrite`` is not set.
        WriteError: the disk is full, or the folder cannot be written; ``path`` is as it was.
    """
    check_free(path, overwrite=overwrite)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.chmod(0o666 & ~_umask())  # some writers make their files private
        os.replace(partial, path)
    except OSError as error:
        if isinstance(error, OutputExists | WriteError):
            raise
        kept = "; the old file is untouched" if path.exists() else ""
        raise WriteError(
            f"cannot write {path}: {error.strerror or error}{kept}; free some space or choose another place"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def cache_folder() -> Path:
    """Where files are kept that can be made or fetched again: ``$MOLIERE_CACHE``, else the user's cache."""
    own = os.environ.get("MOLIERE_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "moliere"


def _umask() -> int:
    """The permissions that new files do not get; reading them means setting them for a moment."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
