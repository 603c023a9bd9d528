from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere import samples
from moliere.events.formats import write_events

Run = Callable[..., Any]


@pytest.mark.slow
def test_two_samples_are_ranked_and_a_pipeline_can_stop(run: Run, files: Path, tmp_path: Path) -> None:
    one, two = files / "one.h5", tmp_path / "two.h5"
    write_events(two, samples.open("photons-mini")[200:320])
    few = ["--classifier-seeds", 0, "--threads", 1]
    stopped = run("compare", one, two, "-o", tmp_path / "c", *few, "--fail-if", "separation-mean>=0")
    assert stopped.code == 1
    assert (tmp_path / "c" / "compare.html").exists()
    assert "best first" in stopped.out
    assert f"failed: {two}: separation-mean>=0" in stopped.out
    assert run("compare", one, two, two, "-o", tmp_path / "d").code == 1
    stopped = run("evaluate", one, two, "-o", tmp_path / "r", *few, "--fail-if", "separation-mean>=0", "--suite",
                  "calochallenge")  # fmt: skip
    assert stopped.code == 1
    assert "failed: separation-mean>=0" in stopped.out
    assert "separation power E_tot / E_inc" in stopped.out
    assert (
        "did you mean 'calochallenge'" in run("evaluate", one, two, "-o", tmp_path / "q", "--suite", "calochalenge").err
    )


@pytest.mark.parametrize("verb", ["evaluate", "compare"])
def test_a_figure_that_nobody_has_is_refused_before_files_are_read(run: Run, tmp_path: Path, verb: str) -> None:
    outcome = run(verb, tmp_path / "not-there.h5", tmp_path / "nor-this.h5", "--fail-if", "separation-maen>0.1")
    assert outcome.code == 1
    assert "did you mean 'separation-mean'" in outcome.err
