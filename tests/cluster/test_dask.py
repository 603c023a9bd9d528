"""Dask's workers do the blocks of a job: the file is that of one process, whatever is killed, and refusals say why."""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from moliere.cli import main
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
        produce(job, engine=engine, progress=done.append)
        assert sum(done) == 2100
        _limit(client, workers, resource.RLIM_INFINITY)
    assert job.output.read_bytes() == whole(job, tmp_path)


def _limit(client: distributed.Client, workers: list[str], limit: int) -> None:
    client.run(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY), workers=workers)


def test_workers_of_another_version_are_refused(
    cluster: distributed.LocalCluster, job: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moliere.cluster.dask.installed_version", lambda: "99.1")
    with pytest.raises(ConfigError, match=r"is moliere 99\.1, and of 2 workers 2 have another version: tcp://.* has"):
        produce(job, engine=find_engine(f"dask:{cluster.scheduler_address}", 1))


@contextmanager
def listening(words: bytes) -> Iterator[str]:
    """The address of somebody who says the same to all, and nothing more."""
    lines: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                lines.append(listener.accept()[0])
                lines[-1].sendall(words)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for line in lines:
                line.close()


def refusal(address: str) -> str:
    """What is said of a scheduler that is none, without the advice."""
    advice = "; start one, or use workers of this machine"
    with pytest.raises(ConfigError, match=advice) as caught, find_engine(f"dask:{address}", 1)():
        pass
    head, _, reason = str(caught.value).partition(advice)[0].partition(f"answers at {address}: ")
    assert head == "no Dask scheduler "
    return reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"", "no answer in 0.3 s"),
        (b"HTTP/1.1 400 Bad Request\r\n", "what is there is no scheduler, and says b'HTTP/1.1'"),
        (b"220", "no answer in 0.3 s"),
        ((100).to_bytes(8, "little"), "no answer in 0.3 s"),
    ],
    ids=["silence", "web", "few", "greeting"],
)
def test_what_listens_and_is_no_scheduler(words: bytes, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moliere.cluster.knock.PATIENCE", 0.3)
    monkeypatch.setattr("moliere.cluster.dask._PATIENCE", 0.3)
    with listening(words) as address:
        assert refusal(address) == reason


def test_a_worker_s_address_is_no_scheduler(cluster: distributed.LocalCluster) -> None:
    assert refusal(next(iter(cluster.scheduler_info["workers"]))).startswith("Dask is there, but no scheduler (")


def test_addresses_where_nobody_is(tmp_path: Path) -> None:
    assert refusal("tcp://127.0.0.1:1") == "Connection refused"
    assert "neither a file nor an address" in refusal("localhost")
    assert "neither a file nor an address" in refusal(str(tmp_path / "scheduler.json"))
    for text in ('{"type": "Scheduler"}', "[]", "no"):
        (tmp_path / "scheduler.json").write_text(text)
        assert refusal(str(tmp_path / "scheduler.json")) == "the file is none that a scheduler has written"


def test_the_command_line_says_it_before_anything_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "no-simulator", "-o", str(tmp_path / "a.h5"), "--cluster", "dask:tcp://127.0.0.1:1"]
    assert main(words) == 1
    assert "Connection refused; start one, or use workers of this machine (--cluster" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


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
