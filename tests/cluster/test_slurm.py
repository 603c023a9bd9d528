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
from moliere.training.checkpoint import load_states

_SCRIPT = Path(__file__).parents[2] / "scripts" / "slurm_for_development.sh"
_PATH = f"{os.environ['PATH']}:/usr/sbin"
_MISSING = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name, path=_PATH) is None]
_WORDS = (
    "simulate gflash --detector calochallenge-1-photons --particle gamma --energy 1GeV:2GeV -n 30000 --seed 3 -o g.h5"
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
iterations = {iterations}
checkpoint_minutes = {minutes}
schedule = "constant"
batch_size = 16
threads = 1
validations = 1
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


def _until(what: Callable[[], object], seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"{_said('squeue')}\n{[path.name for path in Path.cwd().rglob('*')]}"
        time.sleep(0.05)


def _has_ended(job: str) -> bool:
    """Whether a job, or all of an array, will not run any more; it has other states on its way than running."""
    states = _said("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").split()
    return bool(states) and {"COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL"}.issuperset(states)


def _kill(job: str) -> None:
    """All processes of a job, or of one of an array, with -9; scancel would send SIGTERM first."""
    number = _said("squeue", "-h", "-j", job, "-o", "%A").strip()
    for line in _said("scontrol", "listpids", number).splitlines()[1:]:
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
    _until((parts / "000001.h5").exists)  # the first of the blocks 1, 4, …, 58, which are shard 1
    _kill(f"{job}_1")
    _until(lambda: _has_ended(job))
    assert not (parts / "000058.h5").exists()
    assert (parts / "000057.h5").exists()
    again = _said("sbatch", "--parsable", "--array=1", str(script)).strip()
    merge = re.search(r"afterany:\$job --wrap (.*)", script.read_text())
    assert merge
    joining = _said("sbatch", "--parsable", f"--dependency=afterany:{again}", "--wrap", shlex.split(merge[1])[0])
    _until(lambda: _has_ended(joining.strip()))
    assert (here / "g.h5").read_bytes() == _whole(here)
    assert not parts.exists()


def test_dask_submits_the_jobs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("MOLIERE_CACHE", str(here / "cache"))
    words = [sys.executable, "-m", "moliere.cli", *_COMMAND, "--cluster", "slurm:walltime=00:10:00", "--workers", "2"]
    with subprocess.Popen(words) as driver:
        _until((here / "g.h5.parts" / "000000.h5").exists)
        _kill(_said("squeue", "-h", "-t", "R", "-o", "%A").split()[0])
        assert driver.wait(200) == 0
    assert (here / "g.h5").read_bytes() == _whole(here)


def test_a_training_goes_on_after_every_kind_of_end(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed with -9 before its first checkpoint and after it, then warned as Slurm warns when the time ends."""
    words = ["train", "tiny.toml", "--devices", "2", "-o"]
    # endless until all has been done to it, whatever the pace of this machine; the rate does not follow the length
    _write_recipe(here, 1_000_000, minutes=60)
    assert main([*words, "run", "--print-job", "slurm"]) == 0
    script, checkpoint = here / "run.slurm", here / "run" / "checkpoint.pt"
    script.write_text(capsys.readouterr().out)
    for sign in (here / "run" / "metrics.csv", checkpoint):
        job = _said("sbatch", "--parsable", str(script)).strip()
        _until(sign.exists)
        _kill(job)
        _until(lambda job=job: _has_ended(job))
        _write_recipe(here, 1_000_000, minutes=0.01)
    before = _iteration(checkpoint)
    job = _said("sbatch", "--parsable", str(script)).strip()
    _until(lambda: _iteration(checkpoint) > before)
    _said("scancel", "--signal=USR1", "--batch", job)
    _until(lambda: "PENDING" in _said("squeue", "-h", "-o", "%T"))
    _write_recipe(here, _iteration(checkpoint) + 20, minutes=60)
    _said("scontrol", "update", f"JobId={job}", "StartTime=now+3")  # Slurm would wait for two minutes; in the
    # second in which the job was queued again, it would refuse to start it
    _until(lambda: _has_ended(job))
    assert (here / "run.log").read_text().count("stopped; the last checkpoint is in run") == 1
    how = [line.split("2")[-1].strip() for line in (here / "words").read_text().splitlines()]
    assert how == ["", "--overwrite", "--resume", "--resume"]
    assert main([*words, "undisturbed"]) == 0
    weights, same = (load_bundle(here / run / "tiny.bundle").model.state_dict() for run in ("run", "undisturbed"))
    for name, values in weights.items():
        torch.testing.assert_close(values, same[name], rtol=0, atol=0)


def _write_recipe(here: Path, iterations: int, minutes: float) -> None:
    (here / "tiny.toml").write_text(_RECIPE.format(iterations=iterations, minutes=minutes))


def _iteration(checkpoint: Path) -> int:
    progress: dict[str, int] = load_states(checkpoint)["progress"]
    return progress["iteration"]
