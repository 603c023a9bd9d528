"""A real Slurm on this machine runs what is printed; jobs are killed, and what they make is what one process makes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from moliere.cli import main
from moliere.models.bundle import load_bundle

_SCRIPT = Path(__file__).parents[2] / "scripts" / "slurm_for_development.sh"
_PATH = f"{os.environ['PATH']}:/usr/sbin"
_MISSING = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name, path=_PATH) is None]
_WORDS = (
    "simulate gflash --detector calochallenge-1-photons --particle gamma --energy 1GeV:2GeV -n 4500 --seed 3 -o g.h5"
)
_COMMAND = _WORDS.split(" ")
_RECIPE = """
name = "tiny"

[data]
events = "photons-mini"

[model]
kind = "calorimeter-flow"
width = 8
global_width = 8
blocks = 1
layer_width = 8
layer_blocks = 1
knots = 4

[training]
iterations = 1_500
batch_size = 16
threads = 1
validations = 2
checkpoint_minutes = 0.05
accelerator = "cpu"
"""

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(_MISSING), reason=f"no {', '.join(_MISSING)}: apt-get install slurm-wlm munge"),
]


def _said(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    """Its daemons, as long as the tests run."""
    said = _said(str(_SCRIPT), "start")
    os.environ["SLURM_CONF"] = said.strip().partition("SLURM_CONF=")[2]
    try:
        yield
    finally:
        subprocess.run([str(_SCRIPT), "stop"], check=True, timeout=60)
        del os.environ["SLURM_CONF"]


@pytest.fixture
def here(slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which ``moliere`` is this very package."""
    program = tmp_path / "bin" / "moliere"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> words\nexec {shlex.quote(sys.executable)} -m moliere.cli "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{_PATH}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _until(what: Callable[[], object], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"{_said('squeue')}\n{[path.name for path in Path.cwd().rglob('*')]}"
        time.sleep(0.2)


def _kill(job: str) -> None:
    """All of its processes with -9; scancel would send SIGTERM first."""
    for line in _said("scontrol", "listpids", job).splitlines()[1:]:
        with suppress(ProcessLookupError):
            os.kill(int(line.split()[0]), signal.SIGKILL)


def _whole(here: Path) -> bytes:
    assert main([*_COMMAND[:-1], "whole.h5"]) == 0
    return (here / "whole.h5").read_bytes()


def test_a_job_that_is_killed_is_submitted_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*_COMMAND, "--print-job", "slurm", "--shards", "3"]) == 0
    script = here / "g.slurm"
    script.write_text(capsys.readouterr().out)
    job = _said("sbatch", "--parsable", str(script)).strip()
    parts = here / "g.h5.parts"
    _until((parts / "000001.h5").exists)  # the first of the blocks 1, 4 and 7, which are shard 1
    _said("scancel", "--signal=KILL", "--full", f"{job}_1")
    _until(lambda: not _said("squeue", "-h", "-j", job).strip())
    assert not (parts / "000007.h5").exists()
    assert (parts / "000006.h5").exists()
    again = _said("sbatch", "--parsable", "--array=1", str(script)).strip()
    merge = re.search(r"afterany:\$job --wrap (.*)", script.read_text())
    assert merge
    joining = _said("sbatch", "--parsable", f"--dependency=afterany:{again}", "--wrap", shlex.split(merge[1])[0])
    _until(lambda: not _said("squeue", "-h", "-j", joining.strip()).strip())
    assert (here / "g.h5").read_bytes() == _whole(here)
    assert not parts.exists()


def test_dask_submits_the_jobs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("MOLIERE_CACHE", str(here / "cache"))
    words = [sys.executable, "-m", "moliere.cli", *_COMMAND, "--cluster", "slurm:walltime=00:10:00", "--workers", "2"]
    with subprocess.Popen(words) as driver:
        _until((here / "g.h5.parts" / "000000.h5").exists)
        running = _said("squeue", "-h", "-t", "R", "-o", "%A").split()
        _said("scancel", "--signal=KILL", "--full", running[0])
        assert driver.wait(300) == 0
    assert (here / "g.h5").read_bytes() == _whole(here)


def test_a_training_goes_on_after_every_kind_of_end(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed with -9 before its first checkpoint and after it, then warned as Slurm warns when the time ends."""
    (here / "tiny.toml").write_text(_RECIPE)
    words = ["train", "tiny.toml", "--devices", "2", "-o"]
    assert main([*words, "run", "--print-job", "slurm"]) == 0
    script, checkpoint = here / "run.slurm", here / "run" / "checkpoint.pt"
    script.write_text(capsys.readouterr().out)
    for sign in (here / "run" / "metrics.csv", checkpoint):
        job = _said("sbatch", "--parsable", str(script)).strip()
        _until(sign.exists)
        _kill(job)
        _until(lambda job=job: not _said("squeue", "-h", "-j", job).strip())
        assert not (here / "run" / "tiny.bundle").exists()
    before = checkpoint.stat().st_mtime
    job = _said("sbatch", "--parsable", str(script)).strip()
    _until(lambda: checkpoint.stat().st_mtime > before)
    _said("scancel", "--signal=USR1", "--batch", job)
    _until(lambda: "PENDING" in _said("squeue", "-h", "-o", "%T"))
    assert not (here / "run" / "tiny.bundle").exists()
    _said("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm would wait for two minutes
    _until(lambda: not _said("squeue", "-h", "-t", "PENDING,RUNNING,COMPLETING", "-j", job).strip())
    how = [line.split("2")[-1].strip() for line in (here / "words").read_text().splitlines()]
    assert how == ["", "--overwrite", "--resume", "--resume"]
    assert main([*words, "undisturbed"]) == 0
    weights, same = (load_bundle(here / run / "tiny.bundle").model.state_dict() for run in ("run", "undisturbed"))
    for name, values in weights.items():
        torch.testing.assert_close(values, same[name], rtol=0, atol=0)
