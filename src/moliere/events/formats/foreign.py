"""Content that a reader did not expect: whatever a library raises over it becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moliere.errors import FormatError, MoliereError

#: what a file may unpack to whatever its size, and how many times its own size beyond that: zeros pack a thousandfold
_BYTES, _TIMES = 2**28, 500


@contextmanager
def foreign(path: Path, kind: str) -> Iterator[None]:
    """Around everything that touches the content of a file.

    Libraries answer damaged files with nearly any exception (``TypeError``, ``RecursionError``, ``struct.error``), so
    all of them are caught here, at the one border between files and the package.

    Args:
        path: the file.
        kind: what it is read as.

    Raises:
        FormatError: anything went wrong that is not yet an error of moliere's.
    """
    try:
        yield
    except MoliereError:
        raise
    except Exception as error:
        raise FormatError(
            f"{path} cannot be read as {kind} ({_first_line(error)}); it is truncated, damaged or of another kind: "
            "copy or make it again",
            options=("--debug shows where that came from",),
        ) from error


def check_unpacked(path: Path, n_bytes: int) -> None:
    """Refuse files that unpack to far more than events can, before they fill the memory.

    Raises:
        FormatError: they do.
    """
    size = path.stat().st_size
    if n_bytes > max(_BYTES, _TIMES * size):
        raise FormatError(
            f"{path} has {size:,} bytes, but would unpack to {n_bytes:,}, which no events do; it is damaged or made to "
            "fill the memory"
        )


def printable(text: str) -> str:
    """Text of a file without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return printable(lines[0][:200]) if lines else type(error).__name__
