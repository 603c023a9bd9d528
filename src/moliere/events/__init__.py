"""What was recorded: the event container, its checks, its splits and its files."""

from __future__ import annotations

from moliere.events.events import Events, EventSource

__all__ = ["EventSource", "Events"]
