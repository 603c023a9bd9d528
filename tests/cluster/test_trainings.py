"""Jobs that train: bash runs what Slurm runs; HTCondor's file is only looked at."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moliere.cli import main

RECIPE = """
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
iterations = 1_000_000
batch_size = 16
threads = 1
validations = 1_000_000
accelerator = "cpu"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the job, with a blank."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["train", "tiny.toml", "-o", "a run", *words]) == 0
    return capsys.readouterr().out


def program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_job_of_slurm_saves_queues_itself_again_and_goes_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bash stands for the batch system: it runs the script, warns it, and runs it again."""
    script, tools = folder / "job.slurm", tmp_path / "bin"
    script.write_text(printed(capsys, "--print-job", "slurm"))
    assert not (folder / "a run").exists()
    program(tools / "moliere", f'echo "$@" >> words; exec {shlex.quote(sys.executable)} -m moliere.cli "$@"')
    program(tools / "srun", 'shift; trap "kill -KILL $$" TERM; "$@" & echo $! > pid; wait $!; wait $!')
    program(tools / "scancel", '[ "$*" = "--signal=TERM 7" ] && kill -TERM $(cat pid)')
    program(tools / "scontrol", 'echo "$@" >> scontrol')
    own = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "here", "SLURM_CPUS_PER_TASK": "1"}
    environment = {**os.environ, **own, "PATH": f"{tools}:{os.environ['PATH']}"}
    checkpoint, metrics = (folder / "a run" / name for name in ("checkpoint.pt", "metrics.csv"))
    written = [0.0]
    for _ in range(2):
        metrics.unlink(missing_ok=True)
        with subprocess.Popen(["bash", str(script)], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as job:
            deadline = time.monotonic() + 100
            while not metrics.exists() or len(metrics.read_text().splitlines()) < 2:
                assert time.monotonic() < deadline
                assert job.poll() is None
                time.sleep(0.05)
            job.send_signal(signal.SIGUSR1)
        assert checkpoint.stat().st_mtime > written[-1]
        written.append(checkpoint.stat().st_mtime)
    assert (folder / "scontrol").read_text().count("requeue 7\n") == 2
    first, again = (folder / "words").read_text().splitlines()
    assert again == f"{first} --resume"


def test_what_is_asked_of_slurm(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = printed(capsys, "--devices", "4", "--nodes", "2", "--device", "cuda", "--print-job", "slurm")
    for line in ("--nodes=2", "--ntasks-per-node=1", "--gpus-per-node=4", "--signal=B:USR1@120", "--requeue"):
        assert f"#SBATCH {line}\n" in script
    assert "moliere train tiny.toml '--output=a run' --device=cuda --devices=4 --nodes=2 $resume" in script
    assert "#SBATCH --cpus-per-task=3\n" in printed(capsys, "--devices", "3", "--print-job", "slurm")
    assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0


def test_what_is_asked_of_htcondor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = printed(capsys, "--devices", "2", "--device", "cuda", "--print-job", "htcondor")
    assert "request_gpus = 2\n" in job
    assert f"initialdir = {folder}\n" in job
    assert "exec moliere train tiny.toml ''--output=a run'' --device=cuda --devices=2 $resume'\"\n" in job
    assert main(["train", "tiny.toml", "--nodes", "2", "--print-job", "htcondor"]) == 1
    assert "one node" in capsys.readouterr().err
