"""What was recorded: the event container, its checks, its splits and its files."""

from __future__ import annotations

from moliere.events.events import Events, EventSource
from moliere.events.split import Split, split_events

__all__ = ["EventSource", "Events", "Split", "split_events"]
