"""The command line: thin commands over the rooms, one module a verb."""

from __future__ import annotations

from moliere.cli.app import main

__all__ = ["main"]
