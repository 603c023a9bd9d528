"""What is done is skipped, what changed runs again, and nothing is lost when a run is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.events.formats import read_events
from moliere.pipelines import Option, Records, Verb, load_pipeline

from .conftest import DETECTOR, start

#: a verb as the command line describes it
CONVERT = Verb("convert", {"files": Option(is_many=True), "output": Option()}, {}, lambda words: None)

Run = Callable[..., Any]


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A pipeline that has run; its files are copies, whose times and inodes are new."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy" / "small.toml"


def test_one_page_links_every_log_and_file(made: Path) -> None:
    page = (made / "small" / "index.html").read_text()
    assert "2 of 2 steps are done." in page
    assert 'href="steps/convert.log"' in page
    assert 'href="showers.npz"' in page
    assert "nothing is lost" in page  # what the step said
    assert len(read_events(made / "small" / "showers.npz")) == 30


def test_a_second_run_skips_everything_within_two_seconds(run: Run, made: Path) -> None:
    started = time.monotonic()
    outcome = run("run", made / "small.toml")
    assert time.monotonic() - started < 2
    assert outcome.code == 0
    assert not outcome.ran
    assert outcome.out.count("done already") == 2


def test_copied_files_are_the_same(run: Run, copy: Path) -> None:
    assert not run("run", copy).ran


def test_a_setting_that_changed_runs_its_step_and_those_after(run: Run, copy: Path) -> None:
    outcome = run("run", copy, "--set", "simulate.events=31")
    assert outcome.code == 0, outcome.err
    assert "runs: events was 30 and is 31" in outcome.out
    assert "runs: small/simulate.h5 has changed" in outcome.out
    assert len(read_events(copy.parent / "small" / "simulate.h5")) == 31


def test_a_file_that_changed_runs_its_step_again(run: Run, copy: Path) -> None:
    (copy.parent / "toy.toml").write_text(DETECTOR.replace("10.0]", "11.0]"))
    plan = run("run", copy, "--dry-run").out
    assert "runs: toy.toml has changed" in plan
    assert "runs: if what simulate makes is different" in plan


def test_what_comes_out_the_same_runs_nothing_after_it(run: Run, copy: Path) -> None:
    (copy.parent / "toy.toml").write_text(DETECTOR + "\n# the same detector\n")
    assert run("run", copy).ran == ["simulate"]


def test_the_number_of_workers_does_not_matter(run: Run, copy: Path) -> None:
    assert not run("run", copy, "--set", "simulate.workers=2").ran


def test_an_output_that_is_missing_is_made_again(run: Run, copy: Path) -> None:
    (copy.parent / "small" / "showers.npz").unlink()
    assert run("run", copy).ran == ["convert"]


def test_another_version_makes_everything_again(run: Run, copy: Path) -> None:
    manifest = copy.parent / "small" / "steps" / "simulate.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "moliere": "0.0.1"}))
    assert "runs: it was made with moliere 0.0.1" in run("run", copy, "--dry-run").out


def test_a_manifest_that_cannot_be_read_is_none(run: Run, copy: Path) -> None:
    (copy.parent / "small" / "steps" / "convert.json").write_text('{"moliere": ')
    assert "is not what step 'convert' wrote" in run("run", copy).err
    assert run("run", copy, "--overwrite").ran == ["convert"]


def test_a_file_that_someone_else_wrote_is_not_replaced(run: Run, copy: Path) -> None:
    mine = copy.parent / "small" / "showers.npz"
    mine.write_bytes(b"mine")
    outcome = run("run", copy)
    assert outcome.code == 1
    assert "is not what step 'convert' wrote" in outcome.err
    assert "--overwrite" in outcome.err
    assert mine.read_bytes() == b"mine"
    assert run("run", copy, "--overwrite").ran == ["convert"]


def test_a_step_alone_and_all_from_one_on(run: Run, copy: Path) -> None:
    assert run("run", copy, "--only", "convert").ran == []
    assert run("run", copy, "--from", "convert").ran == ["convert"]
    assert run("run", copy, "--from", "simulate", "--only", "simulate").ran == ["simulate"]


def test_a_step_that_fails_stops_the_pipeline_and_is_shown(run: Run, small: Path) -> None:
    text = small.read_text().replace("1GeV:2GeV", "2GeV:1GeV")
    small.write_text(text)
    outcome = run("run", small)
    assert outcome.code == 1
    assert "step 'simulate' ended with exit code 1" in outcome.err
    assert "expected 0 < lowest <= highest" in outcome.err
    page = (small.parent / "small" / "index.html").read_text()
    assert "0 of 2 steps are done." in page
    assert "did not end" in page
    assert "not reached" in page
    small.write_text(text.replace("2GeV:1GeV", "1GeV:2GeV"))
    assert run("run", small).ran == ["simulate", "convert"]


def test_a_wrong_recipe_is_said_before_the_simulation(run: Run, small: Path) -> None:
    small.write_text(small.read_text() + '[train]\nrecipe = "photons"\nevents = "simulate"\nset.model.widht = 8\n')
    outcome = run("run", small)
    assert "step 'train': model.widht: unknown key; did you mean 'width'?" in outcome.err
    assert not outcome.ran


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def writers(path: Path) -> list[int]:
    """Processes that have a part of the path on their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(path).encode() in (folder / "cmdline").read_bytes() or os.readlink(folder / "cwd") == str(path):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_who_was_killed_goes_on_and_makes_the_same(run: Run, small: Path, how: signal.Signals) -> None:
    """Thirty blocks of 500 showers; it is killed after some of them."""
    small.write_text(small.read_text().replace("events = 30", "events = 15_000"))
    parts = small.parent / "small" / "simulate.h5.parts"
    process = start(small)
    wait_for(lambda: parts.exists() and len(list(parts.glob("*.h5"))) > 2)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (-9 if how == signal.SIGKILL else 1)
    if how == signal.SIGINT:
        assert "interrupted in step 'simulate'; the same command goes on there" in said
    wait_for(lambda: not writers(small.parent), 5)
    kept = len(list(parts.glob("*.h5")))
    assert 2 < kept < 30
    outcome = run("run", small)
    assert outcome.code == 0, outcome.err
    assert "simulate        goes on where it was interrupted" in outcome.out
    killed = read_events(small.parent / "small" / "simulate.h5")
    assert run("run", small, "--from", "simulate", "--only", "simulate").code == 0
    whole = read_events(small.parent / "small" / "simulate.h5")
    assert np.array_equal(killed.signals, whole.signals)


@pytest.mark.slow
def test_one_at_a_time(small: Path, run: Run) -> None:
    small.write_text(small.read_text().replace("events = 30", "events = 15_000"))
    process = start(small)
    try:
        wait_for(lambda: (small.parent / "small" / "steps" / "simulate.log").exists())
        assert "another process" in run("run", small).err
    finally:
        process.kill()
        process.communicate()


def test_a_folder_is_what_is_in_it(tmp_path: Path) -> None:
    """As an input: a folder that was copied is the same, one with another file is not."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    (tmp_path / "p.toml").write_text('[convert]\nfiles = "tables"\n')
    pipeline = load_pipeline(tmp_path / "p.toml", {"convert": CONVERT})
    before = Records(pipeline).would_be(pipeline.steps[0])
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    assert Records(pipeline).would_be(pipeline.steps[0]).same_making(before)
    (folder / "b.csv").write_text("2")
    assert not Records(pipeline).would_be(pipeline.steps[0]).same_making(before)
