"""The services: MLflow and Weights & Biases, behind the four calls that a run needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from moliere.errors import ConfigError, MissingExtra
from moliere.registry import Registry

#: experiment of MLflow, project of Weights & Biases, where the user names none
_PROJECT = "moliere"
#: letters of a setting that MLflow takes
_LONGEST = 5_000


class Tracker(Protocol):
    """A run in a service."""

    def settings(self, values: Mapping[str, Any]) -> None:
        """Settings, by dotted names."""

    def number(self, name: str, value: float, step: int) -> None:
        """A number after so many iterations."""

    def file(self, path: Path) -> None:
        """A file, or a folder with all that is in it."""

    def close(self, *, failed: bool) -> None:
        """The run is over."""


#: name of the service → what opens a run in it, from what the user wrote behind the colon and the run's name
trackers: Registry[Any] = Registry("tracking service")


@trackers.register("mlflow")
class MLflowRun:
    """A run in MLflow; several may be open at the same time.

    Args:
        uri: of the server, or of a folder; MLflow's own choice (``MLFLOW_TRACKING_URI``, else ``mlruns``) without one.
        name: of the run.
    """

    def __init__(self, uri: str, name: str) -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError as error:
            raise MissingExtra('runs are tracked with MLflow: pip install "moliere[mlflow]"') from error
        try:
            self._client = MlflowClient(uri or None)
            found = self._client.get_experiment_by_name(_PROJECT)
            experiment = found.experiment_id if found else self._client.create_experiment(_PROJECT)
            self._id = self._client.create_run(experiment, run_name=name).info.run_id
        except MlflowException as error:
            reason = str(error).strip().split("\n")[0][:300]
            raise ConfigError(f"MLflow cannot be used{f' at {uri}' if uri else ''}: {reason}") from error

    def settings(self, values: Mapping[str, Any]) -> None:
        """As parameters; MLflow cuts none, so that long ones are cut here."""
        for name, value in values.items():
            self._client.log_param(self._id, name, str(value)[:_LONGEST])

    def number(self, name: str, value: float, step: int) -> None:
        """As a metric."""
        self._client.log_metric(self._id, name, value, step=step)

    def file(self, path: Path) -> None:
        """As an artefact."""
        if path.is_dir():
            self._client.log_artifacts(self._id, str(path), path.name)
        else:
            self._client.log_artifact(self._id, str(path))

    def close(self, *, failed: bool) -> None:
        """Finished or failed."""
        self._client.set_terminated(self._id, "FAILED" if failed else "FINISHED")


@trackers.register("wandb")
class WandbRun:
    """A run in Weights & Biases, which its own environment variables configure.

    Args:
        project: ``moliere`` without one.
        name: of the run.
    """

    def __init__(self, project: str, name: str) -> None:
        try:
            import wandb
        except ImportError as error:
            raise MissingExtra('runs are tracked with Weights & Biases: pip install "moliere[wandb]"') from error
        self._wandb: Any = wandb
        self._run: Any = wandb.init(project=project or _PROJECT, name=name, reinit="create_new")

    def settings(self, values: Mapping[str, Any]) -> None:
        """As the run's configuration."""
        self._run.config.update(dict(values))

    def number(self, name: str, value: float, step: int) -> None:
        """As a point of a curve."""
        self._run.log({name: value}, step=step)

    def file(self, path: Path) -> None:
        """As an artefact; its name has only letters that the service takes."""
        name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in path.name)
        artefact = self._wandb.Artifact(name, type="folder" if path.is_dir() else "file")
        (artefact.add_dir if path.is_dir() else artefact.add_file)(str(path))
        self._run.log_artifact(artefact)

    def close(self, *, failed: bool) -> None:
        """Finished, or with an exit code."""
        self._run.finish(exit_code=1 if failed else 0)


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings in tables as dotted names.

    Example:
        >>> flat({"name": "a", "model": {"width": 8, "betas": [0.9]}})
        {'name': 'a', 'model.width': 8, 'model.betas': [0.9]}
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def is_number(value: float | None) -> bool:
    """Whether a service can show it."""
    return value is not None and math.isfinite(value)
