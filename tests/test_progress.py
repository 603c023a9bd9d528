"""A bar that moves forward only, through every step of the work, to its end."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

import moliere
from moliere.cli.options import follow, progress_console
from moliere.events import Events
from moliere.progress import parts


class Watcher:
    """What was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.shares: list[float] = []

    def __call__(self, step: str, share: float) -> None:
        self.steps.append(step)
        self.shares.append(share)


def test_parts_share_the_work_by_their_efforts() -> None:
    watch = Watcher()
    for k, part in enumerate(parts(watch, (1, 0, 3))):
        part(f"{k}", 0.0)
        part(f"{k}", 1.0)
    assert watch.shares == [0, 0.25, 0.25, 0.25, 0.25, 1]
    assert [part("nothing", 0.5) for part in parts(watch, (0, 0))] == [None, None]


@pytest.mark.slow
def test_an_evaluation_tells_how_far_it_is(polar_events: Events, tmp_path: Path) -> None:
    first, second = polar_events[:300], polar_events[300:]
    watch = Watcher()
    moliere.evaluate(
        first, second, tmp_path / "page", classifier_seeds=1, threads=1, baseline=first[:250], progress=watch
    )
    assert watch.steps[0] == "observables"
    assert "classifier: mlp on voxels" in watch.steps
    assert watch.steps[-1] == "writing figures"
    assert watch.shares == sorted(watch.shares)
    assert watch.shares[0] == 0
    assert 0.95 < watch.shares[-1] < 1
    assert max(later - sooner for sooner, later in pairwise(watch.shares)) < 0.2


def test_the_bar_shows_the_step_and_the_time_left() -> None:
    with progress_console.capture() as shown, follow("evaluating"):
        pass
    assert "evaluating" not in shown.get()  # what is refused at once shows no bar
    with progress_console.capture() as shown, follow("evaluating") as watch:
        watch("observables [1]", 0.5)
    assert "evaluating" in shown.get()
    assert "0:00:0" in shown.get()
