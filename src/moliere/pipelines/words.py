"""Times in words, and the words of logs."""

from __future__ import annotations

from pathlib import Path

#: bytes of the end of a log in which its last line is looked for
_END = 8192


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Example:
        >>> duration(3.14), duration(75), duration(7322)
        ('3.1 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def last_words(log: Path) -> str:
    """The last line of a log that is more than the name of a page."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _END))
        lines = file.read().decode(errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip() and not line.startswith(("page: ", "$ "))]
    return said[-1] if said else ""
