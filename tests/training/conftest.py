"""What the tests of training learn from."""

from __future__ import annotations

from pathlib import Path

import pytest

from moliere.events import Events
from moliere.events.formats import write_events


@pytest.fixture(scope="module")
def file(polar_events: Events, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "toy.h5"
    write_events(path, polar_events)
    return path
