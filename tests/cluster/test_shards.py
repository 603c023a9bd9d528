"""Shards on any machine, in any order, killed or not, make the same file as one machine."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moliere.cli import main
from moliere.detectors import Calorimeter, Layer, Plate, PolarGrid
from moliere.errors import CheckpointError, ConfigError, IncompleteRun, OutputExists
from moliere.production import produce, produce_shard
from moliere.simulators import Gflash, Production

PLATES = (Plate("G4_Pb", 5.0), Plate("G4_Si", 5.0, 0, active=True)) * 10
DETECTOR = Calorimeter("toy", (Layer(0, PolarGrid((0.0, 10.0, 50.0), 2)),), PLATES, particles=(11,))
COMMAND = [
    "simulate",
    "gflash",
    "--detector",
    "calochallenge-1-photons",
    "--particle",
    "gamma",
    "--energy",
    "1GeV:2GeV",
]


@pytest.fixture
def job(tmp_path: Path) -> Production:
    """Five blocks."""
    return Production(Gflash(DETECTOR), {"energy": np.full(2100, 2e3)}, 1, tmp_path / "events.h5")


def test_the_joined_file_is_the_same_to_the_last_byte(job: Production, tmp_path: Path) -> None:
    whole = Production(job.simulator, job.incident, job.seed, tmp_path / "whole.h5")
    produce(whole)
    assert [produce_shard(job, number, 3, workers=1 + number % 2) for number in (2, 0, 1)] == [500, 1000, 600]
    assert not job.output.exists()
    produce(job, resume=True)
    assert job.output.read_bytes() == whole.output.read_bytes()
    assert not job.folder.exists()


def test_a_shard_that_was_interrupted_goes_on(job: Production) -> None:
    def interrupt(n: int) -> None:
        if n == 500:
            raise KeyboardInterrupt

    with pytest.raises(IncompleteRun, match="500 events of the shard are left; the same command goes on"):
        produce_shard(job, 0, 3, progress=interrupt)
    done: list[int] = []
    produce_shard(job, 0, 3, progress=done.append)
    assert done == [500, 500]


def test_joining_does_what_shards_left(job: Production, tmp_path: Path) -> None:
    whole = Production(job.simulator, job.incident, job.seed, tmp_path / "whole.h5")
    produce(whole)
    produce_shard(job, 1, 3)
    produce(job, resume=True)
    assert job.output.read_bytes() == whole.output.read_bytes()


def test_parts_of_another_run_or_version_are_refused(job: Production) -> None:
    produce_shard(job, 0, 5)
    with pytest.raises(CheckpointError, match=r"another seed, .*; a shard replaces nothing: .* or remove the folder"):
        produce_shard(Production(job.simulator, job.incident, 2, job.output), 1, 5)
    mark = job.folder / "run.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "moliere": "0.0.1"}))
    with pytest.raises(CheckpointError, match=r"begun with moliere 0\.0\.1, this is .*; a shard replaces nothing"):
        produce_shard(job, 1, 5)


@pytest.mark.parametrize("text", ["", '{"mark": ', "[]", "{}", '"mark"'])
def test_a_folder_that_says_no_more_what_run_it_holds_can_be_begun_anew(job: Production, text: str) -> None:
    produce_shard(job, 0, 5)
    (job.folder / "run.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"run\.json is damaged, .*; a shard replaces nothing: .*"):
        produce_shard(job, 1, 5)
    with pytest.raises(CheckpointError, match=r"run\.json is damaged, .*; overwrite the run to start over"):
        produce(job, resume=True)
    produce(job, overwrite=True)
    assert job.output.exists()


@pytest.mark.parametrize("left", [b"", b"half a part", None])
def test_a_damaged_part_is_made_again(
    job: Production, tmp_path: Path, left: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    whole = Production(job.simulator, job.incident, job.seed, tmp_path / "whole.h5")
    produce(whole)
    produce_shard(job, 0, 2)
    content = job.part(2).read_bytes()
    job.part(2).write_bytes(content[: len(content) // 2] if left is None else left)
    produce(job, resume=True)
    assert "000002.h5 is damaged; its events are made again" in caplog.text
    assert job.output.read_bytes() == whole.output.read_bytes()


def test_shards_that_do_not_exist_and_outputs_that_do(job: Production) -> None:
    for number in (-1, 5):
        with pytest.raises(ConfigError, match="expected 0 to 4"):
            produce_shard(job, number, 5)
    job.output.write_text("whole and old")
    with pytest.raises(OutputExists):
        produce_shard(job, 0, 5)


@pytest.mark.parametrize("text", ["5/5", "1", "a/b", "-1/5", "1/0", "1/2/3"])
def test_what_is_no_shard(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "-n", "9", "-o", str(tmp_path / "e.h5"), f"--shard={text}"]) == 2
    assert "such as 0/100" in capsys.readouterr().err.replace("\n", " ")


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The job of 1,100 photons, in a folder with a blank."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)

    return lambda system: _print(system, capsys)


def _print(system: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main([*COMMAND, "-n", "1100", "-o", "g.h5", "--seed", "3", "--print-job", system]) == 0
    return capsys.readouterr().out


def test_the_array_of_slurm_does_it(printed: Callable[..., str], tmp_path: Path) -> None:
    """Bash runs the script as Slurm does: once for each number of the array, in another folder."""
    script = printed("slurm")
    assert "#SBATCH --array=0-2\n" in script
    folder, program = Path.cwd(), tmp_path / "bin" / "moliere"
    assert list(folder.iterdir()) == []
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m moliere.cli "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    for number in ("2", "0", "1"):
        subprocess.run(
            ["bash"], input=script, text=True, check=True, cwd=tmp_path, capture_output=True,
            env={**environment, "SLURM_ARRAY_TASK_ID": number},
        )  # fmt: skip
    merge = next(line for line in script.splitlines() if "--wrap" in line).split("--wrap ")[1]
    subprocess.run(shlex.split(merge)[0], shell=True, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert main([*COMMAND, "-n", "1100", "-o", "whole.h5", "--seed", "3"]) == 0
    assert (folder / "g.h5").read_bytes() == (folder / "whole.h5").read_bytes()


def test_the_jobs_of_htcondor_are_those_of_the_command(printed: Callable[..., str]) -> None:
    """As text only: there is no HTCondor here."""
    text = printed("htcondor")
    assert text.rstrip().endswith("queue 3")
    arguments = next(line for line in text.splitlines() if line.startswith("arguments = "))
    assert arguments.startswith('arguments = "moliere simulate gflash --output=g.h5 ')
    assert arguments.endswith('--shard=$(Process)/3"')
    assert f"initialdir = {Path.cwd()}" in text


def test_a_job_that_cannot_run_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "gflash", "--detector", "calogann", "-o", str(tmp_path / "g.h5"), "--print-job", "slurm"]
    assert main(words) == 1
    assert "did you mean 'calogan'" in capsys.readouterr().err


def test_a_shard_replaces_nothing(tmp_path: Path) -> None:
    for word in ("--resume", "--overwrite"):
        assert main([*COMMAND, "-o", str(tmp_path / "g.h5"), "--shard=0/2", word]) == 2


def test_words_with_blanks_and_quotes_in_htcondor() -> None:
    from moliere.cluster import array_job

    text = array_job("htcondor", ["moliere", "simulate", "it's", 'say "x"'], 2, Path("o.h5"), Path("/here"))
    assert "arguments = \"moliere simulate 'it''s' 'say \"\"x\"\"' --shard=$(Process)/2\"" in text
