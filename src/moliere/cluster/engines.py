"""Engines by name: who does the blocks of a long job when that is not the machine's own processes.

Everything here is Dask's and dask-jobqueue's; the package only says which of their classes a name means.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

from moliere.cluster.knock import scheduler_at
from moliere.errors import ConfigError, MissingExtra, did_you_mean
from moliere.production import Engine, Workers
from moliere.threads import idle_threads

#: batch system → the program that submits to it
SUBMITTERS: Mapping[str, str] = {"slurm": "sbatch", "htcondor": "condor_submit", "pbs": "qsub"}
#: settings of dask-jobqueue that are lists
_LISTS = {"job_extra_directives", "job_script_prologue", "worker_extra_args"}
_SPELLINGS = (
    "dask (workers of this machine), dask:ADDRESS (a scheduler's address or its file), slurm, htcondor, pbs (jobs of a "
    "batch system, with settings as in slurm:queue=short,walltime=02:00:00)"
)


def find_engine(name: str, workers: int) -> Engine:
    """The engine that a user means.

    Args:
        name: ``dask``, ``dask:tcp://host:8786``, ``dask:scheduler.json``, ``slurm``, ``htcondor``, ``pbs``; the batch
            systems with settings of dask-jobqueue: ``slurm:queue=short,memory=4GB``.
        workers: processes or jobs to start, where the engine starts them.

    Raises:
        ConfigError: no such engine, nobody who answers as a scheduler, or the batch system is not here.
        MissingExtra: Dask is not installed.
    """
    kind, _, rest = name.partition(":")
    if kind != "dask" and kind not in SUBMITTERS:
        near = did_you_mean(kind, ["dask", *SUBMITTERS])
        raise ConfigError(f"there is no cluster {name!r}; {near}\nexpected {_SPELLINGS}")
    if find_spec("distributed") is None or find_spec("dask_jobqueue") is None:
        raise MissingExtra('clusters come with Dask: pip install "moliere[cluster]"')
    address = scheduler_at(rest) if kind == "dask" and rest else ""
    from moliere.cluster import dask

    if kind == "dask":
        make: Callable[..., Any] = dask.at_scheduler if address else dask.on_this_machine
        return partial(make, address or workers)
    if shutil.which(SUBMITTERS[kind]) is None:
        raise ConfigError(
            f"{kind} is not on this machine: there is no program {SUBMITTERS[kind]}; start where jobs are submitted, "
            "or use workers of this machine",
            options=("--cluster dask", "--workers 8"),
        )
    return partial(dask.by_jobs, kind, workers, _settings(name, rest))


def engine_of(cluster: str | Engine | None, workers: int) -> Engine | None:
    """Who does the work: a cluster by its name, or as an engine; else so many processes of this machine.

    Args:
        cluster: see :func:`find_engine`.
        workers: how many; 0 takes as many as there are idle cores.

    Returns:
        ``None`` where one process does it, this one.
    """
    workers = workers or idle_threads()
    if isinstance(cluster, str):
        return find_engine(cluster, workers)
    return cluster or (partial(Workers, workers) if workers > 1 else None)


def _settings(name: str, text: str) -> dict[str, Any]:
    """``queue=short,cores=2`` as keywords."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if strange := [key for key, equals, value in pairs if not (key and equals and value)]:
        raise ConfigError(f"{strange[0]!r} in {name!r} is no setting; expected such as queue=short,walltime=02:00:00")
    given = {key.strip().replace("-", "_"): value.strip() for key, _, value in pairs}
    return {key: [value] if key in _LISTS else _number(value) for key, value in given.items()}


def _number(value: str) -> int | str:
    return int(value) if value.isdecimal() else value
