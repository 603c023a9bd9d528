"""Dask's workers do the blocks of a job: the file is that of one process, whatever is killed, and refusals say why."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from moliere.cluster import find_engine
from moliere.detectors import Calorimeter, Layer, Plate, PolarGrid
from moliere.errors import ConfigError, WriteError
from moliere.production import produce
from moliere.simulators import Gflash, Production

distributed = pytest.importorskip("distributed")
PLATES = (Plate("G4_Pb", 5.0), Plate("G4_Si", 5.0, 0, active=True)) * 10
DETECTOR = Calorimeter("toy", (Layer(0, PolarGrid((0.0, 10.0, 50.0), 2)),), PLATES, particles=(11,))


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """A scheduler and two workers that were there before."""
    how = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    with distributed.LocalCluster(silence_logs=50, **how) as cluster:
        yield cluster


@pytest.fixture
def job(tmp_path: Path) -> Production:
    """Five blocks."""
    return Production(Gflash(DETECTOR), {"energy": np.full(2100, 2e3)}, 1, tmp_path / "events.h5")


def whole(job: Production, tmp_path: Path) -> bytes:
    alone = Production(job.simulator, job.incident, job.seed, tmp_path / "whole.h5")
    produce(alone)
    return alone.output.read_bytes()


def test_a_worker_is_killed_and_the_file_is_that_of_one_process(
    cluster: distributed.LocalCluster, job: Production, tmp_path: Path
) -> None:
    with distributed.Client(cluster) as client:
        victims = [next(iter(client.run(os.getpid).values()))]

        def kill(n: int) -> None:
            if n and victims:
                os.kill(victims.pop(), signal.SIGKILL)

        produce(job, engine=find_engine(f"dask:{cluster.scheduler_address}", 1), progress=kill)
        assert not victims
        client.wait_for_workers(2)
    assert job.output.read_bytes() == whole(job, tmp_path)
    assert not job.folder.exists()


def test_a_disk_that_is_full_on_one_worker(cluster: distributed.LocalCluster, job: Production, tmp_path: Path) -> None:
    """A limit on the size of files is the full disk that needs no root; many losses in a row end the run."""
    engine = find_engine(f"dask:{cluster.scheduler_address}", 1)
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2)
        workers = list(client.scheduler_info()["workers"])
        _limit(client, workers, 1000)
        with pytest.raises(WriteError, match=r"File too large.*free some space"):
            produce(job, engine=engine)
        _limit(client, workers[1:], resource.RLIM_INFINITY)
        done: list[int] = []
        with suppress(WriteError):  # the last block may come to the same worker again and again
            produce(job, engine=engine, progress=done.append)
        assert sum(done) >= 1600
        _limit(client, workers, resource.RLIM_INFINITY)
        if job.folder.exists():
            produce(job, engine=engine, resume=True)
    assert job.output.read_bytes() == whole(job, tmp_path)


def _limit(client: distributed.Client, workers: list[str], limit: int) -> None:
    client.run(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY), workers=workers)


def test_workers_of_another_version_are_refused(
    cluster: distributed.LocalCluster, job: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moliere.cluster.dask.installed_version", lambda: "99.1")
    with pytest.raises(ConfigError, match=r"is moliere 99\.1, and of 2 workers 2 have another version: tcp://.* has"):
        produce(job, engine=find_engine(f"dask:{cluster.scheduler_address}", 1))


def test_a_scheduler_that_does_not_answer(job: Production) -> None:
    start = time.monotonic()
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1: .* use workers of"):
        produce(job, engine=find_engine("dask:tcp://127.0.0.1:1", 1))
    assert time.monotonic() - start < 60  # 10 on a machine that does nothing else
    assert not job.folder.exists()


def test_what_listens_and_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moliere.cluster.dask._PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        engine = find_engine(f"dask:tcp://127.0.0.1:{mute.getsockname()[1]}", 1)
        with pytest.raises(ConfigError, match=r"no Dask scheduler answers .* use workers of this machine"), engine():
            pass


def test_a_batch_system_that_nobody_answers_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\necho 'sbatch: error: Unable to contact slurm controller' >&2; exit 1\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    engine = find_engine(f"slurm:log_directory={tmp_path}", 1)
    with pytest.raises(ConfigError, match=r"refused a job: .*contact slurm controller; .* of this machine"), engine():
        pass


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dsk", "did you mean 'dask'"),
        ("slurm:walltime", "'walltime' in 'slurm:walltime' is no setting"),
        ("pbs", "there is no program qsub"),
    ],
)
def test_what_is_no_cluster(name: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sbatch = tmp_path / "sbatch"
    sbatch.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=words):
        find_engine(name, 1)
