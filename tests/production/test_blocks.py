"""The production loop takes any executor of the standard library's interface, and does what one loses again."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.detectors import Calorimeter, Layer, Plate, PolarGrid
from moliere.errors import CheckpointError, IncompleteRun, WriteError
from moliere.production import Workers, produce
from moliere.production.calls import Failure, Lost, answers_of, attempt
from moliere.simulators import Gflash, Production

PLATES = (Plate("G4_Pb", 5.0), Plate("G4_Si", 5.0, 0, active=True)) * 10
DETECTOR = Calorimeter("toy", (Layer(0, PolarGrid((0.0, 10.0, 50.0), 2)),), PLATES, particles=(11,))


@pytest.fixture
def job(tmp_path: Path) -> Production:
    """Five blocks."""
    return Production(Gflash(DETECTOR), {"energy": np.full(2100, 2e3)}, 1, tmp_path / "events.h5")


@pytest.fixture
def whole(job: Production, tmp_path: Path) -> bytes:
    produce(replace(job, output=tmp_path / "whole.h5"))
    return (tmp_path / "whole.h5").read_bytes()


def test_any_executor_makes_the_same_file(job: Production, whole: bytes) -> None:
    done: list[int] = []
    produce(job, engine=partial(ThreadPoolExecutor, 3), progress=done.append)
    assert sorted(done) == [0, 100, 500, 500, 500, 500]
    assert job.output.read_bytes() == whole


def test_what_is_lost_twice_is_done_again(job: Production, whole: bytes, losing: Callable[..., Any]) -> None:
    produce(job, engine=partial(losing, {0, 1, 5, 6}.__contains__, BrokenExecutor("gone")))
    assert job.output.read_bytes() == whole


def test_an_executor_that_is_broken_ends_the_run_and_what_is_whole_is_kept(
    job: Production, whole: bytes, losing: Callable[..., Any]
) -> None:
    with pytest.raises(IncompleteRun, match=r"events 1000-1499 .* missing: the executor lost it: BrokenExecutor gone"):
        produce(job, engine=partial(losing, lambda call: call > 1, BrokenExecutor("gone")))
    assert [path.name for path in sorted(job.folder.glob("0*"))] == ["000000.h5", "000001.h5"]
    produce(job, engine=partial(ThreadPoolExecutor, 2), resume=True)
    assert job.output.read_bytes() == whole


def test_a_part_that_cannot_be_written_says_so_and_the_others_are_kept(job: Production, whole: bytes) -> None:
    done: list[int] = []

    def block(n: int) -> None:
        done.append(n)
        if n == 0:
            job.part(2).symlink_to("/dev/null/x")  # leads nowhere, so that nothing can be written

    with pytest.raises(WriteError, match=r"cannot write .*000002\.h5"):
        produce(job, engine=partial(ThreadPoolExecutor, 1), overwrite=True, progress=block)
    assert done == [0, 500, 500, 500, 100]
    job.part(2).unlink()
    produce(job, resume=True)
    assert job.output.read_bytes() == whole


def test_another_version_and_a_folder_that_is_not_seen(job: Production) -> None:
    answer = attempt("0.0.1", abs, -1)
    assert isinstance(answer, Failure)
    assert isinstance(answer.error, CheckpointError)
    assert "has moliere" in str(answer.error)
    assert "this is 0.0.1; all machines need the same version" in str(answer.error)
    with pytest.raises(CheckpointError, match=r"events\.h5\.parts is not there, seen from"):
        job.make_part(0)
    assert not job.folder.exists()


def test_answers_come_in_the_order_of_the_calls_and_what_is_lost_three_times_is_a_failure(
    losing: Callable[..., Any],
) -> None:
    dead = IncompleteRun("a worker process died")
    with losing({0, 2}.__contains__, dead) as executor:
        done: list[int] = []
        answers = answers_of(executor, [(abs, -1), (abs, -2), (divmod, 1, 0)], done.append)
        assert answers[:2] == [1, 2]
        assert isinstance(answers[2].error, ZeroDivisionError)
        assert sorted(done) == [0, 1, 2]
    with losing({0, 2, 3}.__contains__, dead) as executor:
        assert answers_of(executor, [(abs, -1), (abs, -2)]) == [Failure(dead), 2]
    with losing({0, 2, 3}.__contains__, BrokenExecutor("gone")) as executor, pytest.raises(Lost, match="gone"):
        answers_of(executor, [(abs, -1), (abs, -2)])


def test_workers_answer_raise_and_die() -> None:
    with Workers(2) as workers:
        assert list(workers.map(abs, [-1, -2, -3])) == [1, 2, 3]
        with pytest.raises(ZeroDivisionError):
            workers.submit(divmod, 1, 0).result()
        with pytest.raises(IncompleteRun, match="exit code 3"):
            workers.submit(os._exit, 3).result()
        assert workers.submit(abs, -4).result() == 4
