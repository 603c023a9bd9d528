"""The loop: resumes to the last bit, loses nothing, stops when told."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from moliere.errors import (
    CheckpointError,
    ConfigError,
    InvalidEvents,
    MoliereError,
    OutputExists,
    TrainingDiverged,
    WriteError,
)
from moliere.events import Events
from moliere.events.formats import write_events
from moliere.generation import generate
from moliere.models import load_bundle
from moliere.models.base import Batch, Loss
from moliere.models.flow.calorimeter_flow import CalorimeterFlow
from moliere.training import Recipe, fit, load_recipe
from moliere.training.batches import batch_positions
from moliere.training.fit import prepare
from moliere.training.loop import _Run, _Stop, _stop_asked
from moliere.training.optim import learning_rate
from moliere.training.recipe import parse_recipe

SMALL = {"width": 8, "global_width": 8, "blocks": 1, "layer_width": 8, "layer_blocks": 1, "knots": 4}


def recipe(file: Path, **training: Any) -> Recipe:
    settings = {"iterations": 12, "batch_size": 32, "warmup": 3, "validations": 2, "threads": 1, "accelerator": "cpu"}
    return parse_recipe(
        {
            "name": "toy",
            "data": {"events": str(file)},
            "model": {"kind": "calorimeter-flow", **SMALL},
            "training": {**settings, **training},
        }
    )


def weights(folder: Path, name: str = "model") -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    return dict(content["states"][name])


def test_what_is_not_trained_by_gradients_is_calibrated_at_the_end(file: Path, tmp_path: Path) -> None:
    fitted = prepare(recipe(file), tmp_path).model.state_dict()
    trained = fit(recipe(file), tmp_path / "run")[0].model.state_dict()
    for name, changed in {"lit_change": True, "move": False, "lit": False}.items():
        assert torch.equal(fitted[f"tables.cells.0.{name}"], trained[f"tables.cells.0.{name}"]) is not changed


def test_a_resumed_run_is_the_same_to_the_last_bit(file: Path, tmp_path: Path) -> None:
    straight, _ = fit(recipe(file), tmp_path / "straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Run, "is_done", lambda run: run.progress.iteration >= 5)  # the power fails here
        fit(recipe(file), tmp_path / "broken")
    resumed, trained = fit(recipe(file), tmp_path / "broken", resume=True)
    assert trained.progress.iteration == 12
    one, two = straight.model.state_dict(), resumed.model.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    for state in ("model", "average"):
        a, b = weights(tmp_path / "straight", state), weights(tmp_path / "broken", state)
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_seed_decides(file: Path, tmp_path: Path) -> None:
    runs = [fit(recipe(file, seed=seed), tmp_path / f"{k}")[0] for k, seed in enumerate((1, 1, 2))]
    one, same, other = (run.model.state_dict()["layer_velocity.network.inward.weight"] for run in runs)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = CalorimeterFlow._cell_loss
    calls = []

    def interrupted(self: CalorimeterFlow, batch: Batch, rng: torch.Generator) -> Loss:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return whole(self, batch, rng)

    monkeypatch.setattr(CalorimeterFlow, "_cell_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe(file, validations=0), tmp_path)
    _, trained = fit(recipe(file, validations=0), tmp_path, resume=True)
    assert trained.progress.iteration == 12


def test_losses_are_written(file: Path, tmp_path: Path) -> None:
    fit(recipe(file, validations=3), tmp_path)
    with (tmp_path / "metrics.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert {row["name"] for row in rows} == {
        "train/layers",
        "train/voxels",
        "validation/layers",
        "validation/voxels",
    }
    assert [row["iteration"] for row in rows if row["name"] == "validation/voxels"] == ["4", "8", "12"]


def test_patience_ends_a_run_that_gets_no_better(file: Path, tmp_path: Path) -> None:
    _, trained = fit(recipe(file, iterations=400, validations=400, patience=3, learning_rate=3.0, ema=0.0), tmp_path)
    assert trained.progress.iteration < 400
    assert trained.progress.stale == 3


def test_a_run_by_the_clock_ends_by_the_clock(file: Path, tmp_path: Path) -> None:
    _, trained = fit(recipe(file, iterations=None, minutes=0.01), tmp_path)
    assert trained.progress.seconds >= 0.6
    assert trained.progress.iteration > 1


def test_resume_needs_a_checkpoint_of_the_same_recipe(file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="start a new training"):
        fit(recipe(file), tmp_path / "empty", resume=True)
    fit(recipe(file), tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"other settings \(training\.batch_size\)"):
        fit(recipe(file, batch_size=64), tmp_path / "run", resume=True)
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"half a checkpoint")
    with pytest.raises(CheckpointError, match="is damaged"):
        fit(recipe(file), tmp_path / "run", resume=True)


def test_the_bundle_remembers_what_made_it(file: Path, tmp_path: Path, polar_events: Events) -> None:
    bundle, _ = fit(recipe(file), tmp_path)
    assert bundle.provenance["n_training_events"] == 420
    assert bundle.provenance["iterations"] == 12
    low, high = bundle.validity["energy"]
    assert (low, high) == (polar_events.energy.min(), polar_events.energy.max())
    assert bundle.recipe["training"]["batch_size"] == 32
    assert bundle.gaps == {}


def test_the_bundle_remembers_energies_between_which_nothing_was_learned(tmp_path: Path, polar_events: Events) -> None:
    two = np.where(np.arange(len(polar_events)) % 2, 1e3, 1e4)
    write_events(tmp_path / "two.h5", replace(polar_events, incident={"energy": two}))
    fit(recipe(tmp_path / "two.h5", iterations=1), tmp_path / "run")
    assert load_bundle(tmp_path / "run" / "toy.bundle").gaps == {"energy": [[1e3, 1e4]]}


def test_every_epoch_visits_every_event_once() -> None:
    positions = torch.cat([batch_positions(10, 5, seed=1, step=k) for k in range(4)])
    assert sorted(positions[:10].tolist()) == list(range(10))
    assert sorted(positions[10:].tolist()) == list(range(10))
    assert positions[:10].tolist() != positions[10:].tolist()
    assert len(batch_positions(3, 5, seed=1, step=7)) == 3


def test_windows_visit_every_event_once_and_read_neighbours_together() -> None:
    """3000 events in blocks of 256: a window of 512 holds at most three blocks, from anywhere in the file."""
    positions = torch.cat([batch_positions(3000, 100, seed=1, step=k, window=512) for k in range(30)])
    assert sorted(positions.tolist()) == list(range(3000))
    for window in positions.split(512):
        assert len(torch.unique(window // 256)) <= 4
        assert (window.diff() != 1).float().mean() > 0.9
    assert (positions[:512] // 256).unique().tolist() != [0, 1]


def test_shipped_recipes_are_sound() -> None:
    from moliere.training.recipe import recipe_paths

    assert "photons" in recipe_paths()
    for name in recipe_paths():
        assert load_recipe(name).name == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trainng": {}}, "trainng: unknown key; did you mean 'training'"),
        ({"model": {"kind": "calorimeter-flow", "widht": 3}}, "model.widht: unknown key; did you mean 'width'"),
        ({"model": {"width": 3}}, "model.kind is missing"),
        ({"model": {"kind": "calorimeter-flw"}}, "did you mean 'calorimeter-flow'"),
        ({"training": {}}, "give iterations, or minutes"),
        ({"training": {"iterations": 3, "devices": 0}}, "training.devices"),
        ({"training": {"iterations": 3, "learning_rate": -1}}, "training.learning_rate"),
    ],
)
def test_wrong_recipes_say_what_is_wrong(change: dict[str, Any], message: str) -> None:
    table = {
        "name": "toy",
        "data": {"events": "x.h5"},
        "model": {"kind": "calorimeter-flow"},
        "training": {"iterations": 3},
    }
    with pytest.raises((ConfigError, KeyError), match=message.replace(".", r"\.")):
        parse_recipe({**table, **change})


def stop_after(monkeypatch: pytest.MonkeyPatch, iterations: int) -> None:
    monkeypatch.setattr(_Run, "is_done", lambda run: run.progress.iteration >= iterations)


def spoil(monkeypatch: pytest.MonkeyPatch, value: float, call: int) -> None:
    """A loss of another value in one call."""
    whole, calls = CalorimeterFlow._cell_loss, count(1)

    def spoilt(self: CalorimeterFlow, batch: Batch, rng: torch.Generator) -> Loss:
        loss = whole(self, batch, rng)
        return Loss(loss.total * value) if next(calls) == call else loss

    monkeypatch.setattr(CalorimeterFlow, "_cell_loss", spoilt)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_stops_the_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        fit(recipe(file, validations=0), tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with monkeypatch.context() as patch:
        spoil(patch, value, 3)
        pattern = r"'voxels' is -?(nan|inf) in iteration 8, on a batch of 32 events .*holds the last good checkpoint"
        with pytest.raises(TrainingDiverged, match=pattern):
            fit(recipe(file, validations=0), tmp_path, resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert fit(recipe(file, validations=0), tmp_path, resume=True)[1].progress.iteration == 12


def test_no_checkpoint_is_praised_that_does_not_exist(file: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TrainingDiverged, match=r"written yet: try a smaller training\.learning_rate, or a training\.clip_norm of 1$"
    ):
        fit(recipe(file, learning_rate=1e30, clip_norm=0.0, validations=0), tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_run_saves_its_bundle_and_its_recipe(file: Path, tmp_path: Path) -> None:
    bundle, _ = fit(recipe(file), tmp_path)
    again = load_bundle(tmp_path / "toy.bundle")
    assert again.n_parameters == bundle.n_parameters
    assert again.undertrained is None
    assert load_recipe(tmp_path / "recipe.toml") == recipe(file)
    with pytest.raises(OutputExists, match="resume that training, overwrite it, or choose another folder"):
        fit(recipe(file), tmp_path)
    assert fit(recipe(file, iterations=3), tmp_path, overwrite=True)[1].progress.iteration == 3


def test_two_trainings_in_one_folder_do_not_mix(file: Path, tmp_path: Path) -> None:
    """Another process holds the folder: nothing of it is touched, whatever is asked for."""
    fit(recipe(file), tmp_path)
    holder = (
        "import sys; from pathlib import Path; from moliere.files import working_in\n"
        "with working_in(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        before = (tmp_path / "toy.bundle").read_bytes()
        for how in ({"overwrite": True}, {"resume": True}, {}):
            with pytest.raises(WriteError):
                fit(recipe(file), tmp_path, **how)
        assert (tmp_path / "toy.bundle").read_bytes() == before
        other.communicate()
    fit(recipe(file), tmp_path, overwrite=True)


def test_a_bundle_names_no_folder_of_who_trained_it(file: Path, tmp_path: Path) -> None:
    fit(recipe(file), tmp_path)
    bundle = load_bundle(tmp_path / "toy.bundle")
    assert bundle.recipe["data"]["events"] == bundle.provenance["events"] == "toy.h5"
    assert str(file.parent).encode() not in (tmp_path / "toy.bundle").read_bytes()


@pytest.mark.parametrize("change", [{"events": "/no/such.h5"}, {"detector": "nosuch"}, {"condition": ("eta",)}])
def test_an_old_bundle_stays_until_the_new_one_is_whole(file: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    fit(recipe(file), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    table = recipe(file).to_table()
    with pytest.raises(MoliereError):
        fit(parse_recipe({**table, "data": {**table["data"], **change}}), tmp_path, overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_time_limit_cuts_iterations_and_the_bundle_says_so(file: Path, tmp_path: Path) -> None:
    bundle, outcome = fit(recipe(file, iterations=5_000_000, minutes=0.005), tmp_path)
    assert outcome.stopped_by == "minutes"
    assert bundle.undertrained == f"{outcome.progress.iteration:,} of 5,000,000 iterations: undertrained"
    made = generate(bundle, {"energy": np.array([1000.0])})
    assert made.metadata["undertrained"] == bundle.undertrained
    whole, _ = fit(recipe(file, minutes=60), tmp_path / "whole")
    assert whole.undertrained is None
    assert whole.provenance["stopped_by"] == "iterations"


def test_a_sample_of_one_energy_trains_and_generates(polar_events: Events, tmp_path: Path) -> None:
    one = polar_events[np.flatnonzero(polar_events.energy == polar_events.energy[0])]
    write_events(tmp_path / "one.h5", one)
    bundle, outcome = fit(recipe(tmp_path / "one.h5"), tmp_path / "run")
    assert all(np.isfinite(loss) for loss in outcome.losses.values())
    made = generate(bundle, {"energy": np.full(20, one.energy[0])})
    assert np.isfinite(made.signals).all()


def test_the_rate_warms_up_and_falls_along_a_cosine(file: Path) -> None:
    config = recipe(file, iterations=100, warmup=10, learning_rate=1.0).training
    rates = [learning_rate(config, config.stages[0], "layers", k, k / 100) for k in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[50] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0, abs=1e-3)
    assert max(rates) == pytest.approx(max(rates[9:11]))


def test_a_split_without_training_events_is_refused(file: Path, tmp_path: Path) -> None:
    table = recipe(file).to_table()
    table["data"]["split"] = (0.0, 0.5, 0.5)
    with pytest.raises(ConfigError, match="leaves none of 600 events"):
        fit(parse_recipe(table), tmp_path)


def test_events_in_which_a_model_sees_nothing_are_refused(file: Path, tmp_path: Path, polar_events: Events) -> None:
    blind = recipe(file)
    blind = replace(blind, model=blind.model.model_copy(update={"threshold": 1e9}))
    with pytest.raises(
        InvalidEvents, match=r"none of \d+ training events has a signal above 1e\+09 MeV; .*lower model"
    ):
        fit(blind, tmp_path / "blind")
    write_events(tmp_path / "dark.h5", replace(polar_events, signals=np.zeros_like(polar_events.signals)))
    with pytest.raises(InvalidEvents, match="the largest is 0: look for what went wrong"):
        fit(recipe(tmp_path / "dark.h5"), tmp_path / "dark")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_a_training_waits_until_a_line_of_its_log_is_whole(number: signal.Signals) -> None:
    """A queue that is interrupted in the middle of a line is never unlocked, and its log cannot be closed."""
    lines = []

    def write(stop: _Stop) -> None:
        with stop.later():
            signal.raise_signal(number)
            lines.append("whole")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with _stop_asked(at_once=True) as stop:
            with pytest.raises(KeyboardInterrupt):
                write(stop)
            assert lines == ["whole"]
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            assert stop.asked
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
