"""Long runs give the same events with any number of workers, and lose nothing that is whole."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import Calorimeter, Layer, Plate, PolarGrid
from moliere.errors import CheckpointError, IncompleteRun, OutputExists
from moliere.events.formats import read_events
from moliere.production import produce
from moliere.simulators import Geant4, Gflash, Production

PLATES = (Plate("G4_Pb", 5.0), Plate("G4_Si", 5.0, 0, active=True)) * 10
DETECTOR = Calorimeter("toy", (Layer(0, PolarGrid((0.0, 10.0, 50.0), 2)),), PLATES, particles=(11,))


@pytest.fixture
def job(tmp_path: Path) -> Production:
    """Seven blocks of Geant4."""
    energy = np.random.default_rng(0).uniform(200, 400, 65)
    return Production(Geant4(DETECTOR), {"energy": energy}, 5, tmp_path / "events.h5")


def children() -> list[int]:
    """Processes that this thread started."""
    return [int(word) for path in Path("/proc/self/task").glob("*/children") for word in path.read_text().split()]


def test_the_result_does_not_depend_on_the_number_of_workers(job: Production, tmp_path: Path) -> None:
    produce(job)
    produce(Production(job.simulator, job.incident, job.seed, tmp_path / "two.h5"), workers=2)
    one, two = read_events(job.output), read_events(tmp_path / "two.h5")
    assert np.array_equal(one.signals, two.signals)
    assert np.array_equal(one.extras["passive"], two.extras["passive"])
    assert np.array_equal(one.energy, job.incident["energy"])
    assert one.metadata["seed"] == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.h5", "two.h5"]


def test_an_interrupted_run_goes_on_where_it_was(job: Production, tmp_path: Path) -> None:
    whole = Production(job.simulator, job.incident, job.seed, tmp_path / "whole.h5")
    produce(whole)
    counts = iter(range(100))

    def interrupt(n: int) -> None:
        if next(counts) == 4:
            raise KeyboardInterrupt

    with pytest.raises(IncompleteRun, match=r"interrupted; 40 of 65 events are kept .*; resume the run"):
        produce(job, progress=interrupt)
    assert not job.output.exists()
    with pytest.raises(OutputExists, match="resume it"):
        produce(job)
    other = Production(job.simulator, job.incident, 6, job.output)
    with pytest.raises(CheckpointError, match="another seed"):
        produce(other, resume=True)
    done: list[int] = []
    produce(job, resume=True, progress=done.append)
    assert done == [40, 10, 10, 5]
    assert np.array_equal(read_events(job.output).signals, read_events(whole.output).signals)
    assert not job.folder.exists()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes in Linux's /proc")
def test_the_block_of_a_worker_that_dies_is_done_again(job: Production, tmp_path: Path) -> None:
    whole = Production(job.simulator, job.incident, job.seed, tmp_path / "whole.h5")
    produce(whole)
    before, counts = set(children()), iter(range(100))

    def kill(n: int) -> None:
        if next(counts) == 3:
            os.kill(next(iter(set(children()) - before)), signal.SIGKILL)

    produce(job, progress=kill)
    assert next(counts) == 1 + job.n_blocks
    assert job.output.read_bytes() == whole.output.read_bytes()


def test_a_run_that_cannot_begin_leaves_nothing(job: Production, tmp_path: Path) -> None:
    strange = {**job.incident, "pdg_id": np.full(len(job), 9999)}
    with pytest.raises(Exception, match="9999"):
        produce(Production(job.simulator, strange, 1, job.output))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_interrupted_at_once_leaves_nothing(job: Production, tmp_path: Path) -> None:
    def interrupt(n: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(IncompleteRun, match="nothing is kept"):
        produce(job, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_resuming_nothing_is_refused(job: Production) -> None:
    with pytest.raises(CheckpointError, match="no interrupted run"):
        produce(job, resume=True)


@pytest.fixture
def gflash(tmp_path: Path) -> Production:
    return Production(Gflash(DETECTOR), {"energy": np.full(1100, 2e3)}, 1, tmp_path / "gflash.h5")


def test_simulators_that_need_no_process_work_in_any_number(gflash: Production, tmp_path: Path) -> None:
    produce(gflash)
    produce(Production(gflash.simulator, gflash.incident, 1, tmp_path / "two.h5"), workers=2)
    assert np.array_equal(read_events(gflash.output).signals, read_events(tmp_path / "two.h5").signals)
