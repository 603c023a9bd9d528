"""Which moliere this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """The installed version; a source tree that nobody installed has none."""
    try:
        return version("moliere")
    except PackageNotFoundError:
        return "(not installed)"
