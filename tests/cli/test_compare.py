from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere.events import Events
from moliere.events.formats import write_events

Run = Callable[..., Any]


@pytest.mark.slow
def test_two_samples_are_ranked_and_a_pipeline_can_stop(run: Run, polar_events: Events, tmp_path: Path) -> None:
    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    write_events(one, polar_events[:120])
    write_events(two, polar_events[120:240])
    few = ["--classifier-seeds", 0, "--threads", 1, "--fail-if", "separation-mean>=0"]
    stopped = run("compare", one, two, "-o", tmp_path / "c", *few)
    assert stopped.code == 1
    assert (tmp_path / "c" / "compare.html").exists()
    assert "best first" in stopped.out
    assert "warning: two: 120 events are too few" in " ".join(stopped.out.split())
    assert f"failed: {two}: separation-mean>=0" in stopped.out
    assert run("compare", one, two, two, "-o", tmp_path / "d").code == 1


@pytest.mark.parametrize("verb", ["evaluate", "compare"])
def test_a_figure_that_nobody_has_is_refused_before_files_are_read(run: Run, tmp_path: Path, verb: str) -> None:
    outcome = run(verb, tmp_path / "not-there.h5", tmp_path / "nor-this.h5", "--fail-if", "separation-maen>0.1")
    assert outcome.code == 1
    assert "did you mean 'separation-mean'" in outcome.err
