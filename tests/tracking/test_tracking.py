from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from moliere.cli import main
from moliere.errors import MissingExtra, UnknownName
from moliere.events import Events
from moliere.events.formats import write_events
from moliere.tracking import number, tracked

RECIPE = """
name = "toy"

[data]
events = "{events}"

[model]
kind = "calorimeter-flow"
width = 8
global_width = 8
blocks = 1
layer_width = 8
layer_blocks = 1
knots = 4

[training]
iterations = 4
batch_size = 32
validations = 2
threads = 1
accelerator = "cpu"
"""


@pytest.fixture
def recipe(polar_events: Events, tmp_path: Path) -> Path:
    write_events(tmp_path / "toy.h5", polar_events[:100])
    (tmp_path / "toy.toml").write_text(RECIPE.format(events=tmp_path / "toy.h5"))
    return tmp_path / "toy.toml"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "mlruns").as_uri()


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of MLflow, of its own folders
def test_a_training_is_a_run_of_mlflow_with_settings_losses_and_the_bundle(
    recipe: Path, store: str, tmp_path: Path
) -> None:
    assert main(["train", str(recipe), "-o", str(tmp_path / "run"), "--track", f"mlflow:{store}"]) == 0
    from mlflow import MlflowClient

    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("moliere")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "toy"
    assert run.info.status == "FINISHED"
    assert run.data.params["model.width"] == "8"
    assert run.data.params["training.iterations"] == "4"
    losses = client.get_metric_history(
        run.info.run_id, next(n for n in run.data.metrics if n.startswith("validation/"))
    )
    assert [entry.step for entry in losses] == [2, 4]
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "recipe.toml",
        "metrics.csv",
        "toy.bundle",
    }


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_training_that_fails_is_a_failed_run(recipe: Path, store: str, tmp_path: Path) -> None:
    words = ["train", str(recipe), "-o", str(tmp_path / "run"), "--set", "training.learning_rate=1e30"]
    assert main([*words, "--set", "training.iterations=50", "--track", f"mlflow:{store}"]) == 1
    from mlflow import MlflowClient

    client = MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("moliere").experiment_id])
    assert run.info.status == "FAILED"


def test_a_service_that_does_not_exist_is_refused_before_anything_is_done(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(recipe), "-o", str(tmp_path / "run"), "--track", "mlfow"]) == 1
    assert "did you mean 'mlflow'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    with pytest.raises(UnknownName), tracked(["neptun"], "a", {}):
        pass


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtra, match=r"moliere\[wandb\]"), tracked(["wandb"], "a", {}):
        pass


def test_a_run_of_wandb_gets_settings_numbers_files_and_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[tuple[Any, ...]] = []

    class Artifact:
        def __init__(self, name: str, type: str) -> None:
            self.name, self.type = name, type

        def add_file(self, path: str) -> None:
            calls.append(("add_file", self.name, path))

        def add_dir(self, path: str) -> None:
            calls.append(("add_dir", self.name, path))

    run = SimpleNamespace(
        config=SimpleNamespace(update=lambda values: calls.append(("config", values))),
        log=lambda values, step: calls.append(("log", values, step)),
        log_artifact=lambda artefact: calls.append(("artefact", artefact.type)),
        finish=lambda exit_code: calls.append(("finish", exit_code)),
    )
    module = ModuleType("wandb")
    module.Artifact = Artifact  # type: ignore[attr-defined]
    module.init = lambda **words: calls.append(("init", words)) or run  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.setitem(sys.modules, "wandb", module)
    (tmp_path / "a model.bundle").write_bytes(b"")
    with tracked(["wandb:showers"], "toy", {"model": {"width": 8}}) as kept:
        number("train/loss", 0.5, 7)
        number("train/loss", float("nan"), 8)
        kept.figures({"fpd": 0.25, "kpd": None})
        kept.files([tmp_path / "a model.bundle", tmp_path / "missing"])
    number("train/loss", 0.1, 9)  # nobody listens any more
    assert calls == [
        ("init", {"project": "showers", "name": "toy", "reinit": "create_new"}),
        ("config", {"model.width": 8}),
        ("log", {"train/loss": 0.5}, 7),
        ("log", {"fpd": 0.25}, 0),
        ("add_file", "a-model.bundle", str(tmp_path / "a model.bundle")),
        ("artefact", "file"),
        ("finish", 0),
    ]
    with pytest.raises(ZeroDivisionError), tracked(["wandb"], "toy", {}):
        raise ZeroDivisionError
    assert calls[-1] == ("finish", 1)
