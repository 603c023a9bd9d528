from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere.models import load_bundle

Run = Callable[..., Any]


def test_a_training_leaves_a_bundle_and_its_logs(trained: Path) -> None:
    assert {"tiny.bundle", "checkpoint.pt", "recipe.toml", "metrics.csv"} <= {path.name for path in trained.iterdir()}
    bundle = load_bundle(trained / "tiny.bundle")
    assert bundle.provenance["iterations"] == 5
    assert bundle.recipe["training"]["batch_size"] == 16


def test_a_dry_run_checks_and_writes_nothing(run: Run, files: Path, tmp_path: Path) -> None:
    before = sorted(files.iterdir())
    outcome = run("train", files / "tiny.toml", "-o", tmp_path / "run", "--dry-run", "--set", "model.width=16")
    assert outcome.code == 0
    assert "width = 16" in outcome.out
    assert re.search(r"split +\d+ train, \d+ validation, \d+ test", outcome.out)
    assert not (tmp_path / "run").exists()
    assert sorted(files.iterdir()) == before


def test_a_run_that_exists_is_refused_resumed_or_replaced(run: Run, files: Path, tmp_path: Path) -> None:
    def train(*more: str) -> Any:
        return run("train", files / "tiny.toml", "-o", tmp_path, "--set", "training.iterations=2", *more)

    assert train().code == 0
    refused = train()
    assert refused.code == 1
    assert "--resume" in refused.err
    assert "--overwrite" in refused.err
    assert "3 iterations" in train("--resume", "--set", "training.iterations=3").out
    assert "2 iterations" in train("--overwrite").out


def test_resuming_with_another_model_is_refused_and_changes_nothing(run: Run, files: Path, trained: Path) -> None:
    before = (trained / "recipe.toml").read_text()
    outcome = run("train", files / "tiny.toml", "-o", trained, "--resume", "--set", "model.width=9")
    assert outcome.code == 1
    assert "model.width" in outcome.err
    assert (trained / "recipe.toml").read_text() == before


def test_nothing_to_resume_is_said(run: Run, files: Path, tmp_path: Path) -> None:
    outcome = run("train", files / "tiny.toml", "-o", tmp_path / "none", "--resume")
    assert outcome.code == 1
    assert "start a new training" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photon"], "did you mean 'photons'"),
        (["photons", "--set", "model.widht=8"], "model.widht: unknown key; did you mean 'width'"),
        (["photons", "--set", "trainig.batch_size=8"], "did you mean 'training'"),
        (["photons", "--set", "model.kind=calorimeter-flaw"], "did you mean 'calorimeter-flow'"),
        (["photons", "--set", "training.batch_size=-1"], "training.batch_size"),
        (["photons", "--set", "nonsense"], "expected key=value"),
        (["photons", "--set", "data.events=nowhere.h5"], "no file nowhere.h5"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_named(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    outcome = run("train", *arguments, "-o", tmp_path / "run", "--dry-run")
    assert outcome.code == 1
    assert message in outcome.err


@pytest.mark.parametrize(
    ("own", "setting"), [("iterations = {n}", "training.minutes=0.002"), ("minutes = 60", "training.iterations=3")]
)
def test_a_recipe_by_iterations_takes_minutes_and_the_reverse(
    run: Run, files: Path, tmp_path: Path, own: str, setting: str
) -> None:
    text = (files / "tiny.toml").read_text().replace("iterations = 5\n", own.format(n=1_000_000) + "\n")
    (tmp_path / "other.toml").write_text(text)
    outcome = run("train", tmp_path / "other.toml", "-o", tmp_path / "run", "--set", setting)
    assert outcome.code == 0, outcome.err
    cut = "minutes" in setting
    assert ("of 1,000,000 iterations: undertrained" in " ".join(outcome.out.split())) == cut


def test_the_advice_for_an_undertrained_run_works_when_followed(run: Run, files: Path, tmp_path: Path) -> None:
    arguments = ["train", files / "tiny.toml", "-o", tmp_path, "--set", "training.iterations=30", "--set"]
    cut = run(*arguments, "training.minutes=0.0001")
    assert "of 30 iterations: undertrained" in cut.out
    assert "--resume and a larger --set training.minutes" in " ".join(cut.out.split())
    more = run(*arguments, "training.minutes=10", "--resume")
    assert more.code == 0, more.err
    assert "undertrained" not in more.out
    assert load_bundle(tmp_path / "tiny.bundle").provenance["iterations"] == 30


def test_overwriting_that_fails_keeps_the_old_bundle(run: Run, files: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.bundle").write_bytes(b"the old bundle")
    arguments = ["train", files / "tiny.toml", "-o", tmp_path, "--overwrite", "--set"]
    assert run(*arguments, "data.events=/no/such.h5").code == 1
    assert run(*arguments, "training.devices=0").code == 1
    assert (tmp_path / "tiny.bundle").read_bytes() == b"the old bundle"
    assert run(*arguments, "training.iterations=2").code == 0
    assert load_bundle(tmp_path / "tiny.bundle").provenance["iterations"] == 2


def test_ctrl_c_keeps_a_good_checkpoint_and_says_how_to_go_on(run: Run, files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = ["-m", "moliere.cli", "train", str(files / "tiny.toml"), "-o", str(folder)]
    command += ["--set", "training.iterations=1000000", "--set", "training.validations=1000000"]
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # whoever runs the tests in the background may have told their children to ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(folder / "metrics.csv", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "--resume" in out
    assert str(folder) in out.replace("\n", "")
    assert err.rstrip().endswith("error: interrupted")
    assert "Traceback" not in err
    done = iterations(folder)
    assert done > 0
    more = run("train", files / "tiny.toml", "-o", folder, "--resume", "--set", f"training.iterations={done + 2}",
               "--set", "training.validations=1000000")  # fmt: skip
    assert more.code == 0
    assert f"{done + 2:,} iterations" in more.out


def wait_for(metrics: Path, process: subprocess.Popen[str]) -> None:
    """Until the first validation is logged, so that iterations have been done."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if metrics.exists() and len(metrics.read_text().splitlines()) > 1:
            return
        time.sleep(0.05)
    raise AssertionError(f"the training did not start: {process.poll()}")


def iterations(folder: Path) -> int:
    import torch

    return int(torch.load(folder / "checkpoint.pt", weights_only=True)["progress"]["iteration"])


def test_the_words_of_the_command_line_change_the_recipe(run: Run, files: Path, tmp_path: Path) -> None:
    outcome = run(
        "train", files / "tiny.toml", files / "other.h5", "--iterations", 3, "--seed", 7, "--threads", 1,
        "--device", "cpu", "-o", tmp_path,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    recipe = tomllib.loads((tmp_path / "recipe.toml").read_text())
    assert recipe["data"]["events"].endswith("other.h5")
    assert {key: recipe["training"][key] for key in ("iterations", "seed", "threads")} == {
        "iterations": 3,
        "seed": 7,
        "threads": 1,
    }


@pytest.mark.parametrize("device", ["mps", "nosuch", "cuda:7"])
def test_devices_that_are_not_there_are_refused_in_a_sentence(
    run: Run, files: Path, tmp_path: Path, device: str
) -> None:
    outcome = run("train", files / "tiny.toml", "--device", device, "-o", tmp_path / "run")
    assert outcome.code == 1
    assert "training.accelerator" in outcome.err
    assert "bug in moliere" not in outcome.err
