"""Dask as an engine: its client is an executor of the standard library's interface, with workers on any machine.

Dask itself does a block of a lost worker again. What each worker begins with travels as a plugin, which the scheduler
also gives to workers that come later.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any

import dask
from dask_jobqueue.htcondor import HTCondorCluster
from dask_jobqueue.pbs import PBSCluster
from dask_jobqueue.slurm import SLURMCluster
from distributed import Client, LocalCluster, Status
from distributed.diagnostics.plugin import WorkerPlugin

from moliere.cluster.knock import PATIENCE, in_time, nobody_there
from moliere.errors import ConfigError
from moliere.files import cache_folder
from moliere.version import installed_version

_LOG = logging.getLogger("moliere")
#: seconds in which a scheduler must accept a client: it may have much to do
_PATIENCE = 20.0
_CLUSTERS = {"slurm": SLURMCluster, "htcondor": HTCondorCluster, "pbs": PBSCluster}
#: of a job, where neither the user nor Dask's own configuration says it
_QUIET = {"dashboard_address": ":0"}
_JOB: dict[str, Any] = {"cores": 1, "processes": 1, "memory": "2GB"}


class _Beginning(WorkerPlugin):
    """What each worker begins with, and lets go of when the job is done."""

    def __init__(self, initializer: Callable[..., Any], initargs: tuple[Any, ...]) -> None:
        self.name = f"moliere-{initargs[0]}"  # that of a driver that was killed gives way to that of the resumed run
        self._initializer, self._initargs = initializer, initargs

    def setup(self, worker: Any) -> None:
        """Dask calls it once in each worker."""
        self._let_go = self._initializer(*self._initargs)

    def teardown(self, worker: Any) -> None:
        """Dask calls it when the plugin is taken away."""
        self._let_go()


def on_this_machine(workers: int, **beginning: Any) -> AbstractContextManager[Executor]:
    """Workers of one thread each, as long as the job lasts."""
    # without memory limits: Dask would pause, then kill workers whose memory is a share of the machine's
    how = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0, **_QUIET}
    return _own(lambda: LocalCluster(silence_logs=logging.CRITICAL, **how), **beginning)


def by_jobs(kind: str, jobs: int, settings: dict[str, Any], **beginning: Any) -> AbstractContextManager[Executor]:
    """Jobs of a batch system, one worker each; a job that ends before all is done is submitted again."""
    there = dask.config.get(f"jobqueue.{kind}")
    defaults = {**_JOB, "log_directory": str(cache_folder() / "cluster"), "scheduler_options": _QUIET}
    defaults |= {"disk": "1GB"} if kind == "htcondor" else {}
    how = {key: value for key, value in defaults.items() if not there.get(key.replace("_", "-"))} | settings

    def start() -> Any:
        try:
            cluster = _CLUSTERS[kind](python=sys.executable, **how)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{kind} does not take {settings}: {str(error).partition('. ')[0]}") from error
        _submit(cluster, kind, jobs)
        cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
        return cluster

    return _own(start, **beginning)


def _submit(cluster: Any, kind: str, jobs: int) -> None:
    """The first jobs, so that what the batch system refuses is heard.

    Raises:
        ConfigError: with the batch system's words.
    """

    said: list[str] = []

    def hear(record: logging.LogRecord) -> bool:
        said.append(str(record.exc_info[1] if record.exc_info else record.getMessage()))
        return False

    logs = [logging.getLogger(name) for name in ("tornado.application", "asyncio")]
    for log in logs:  # Dask tries for ever, and only its log says why
        log.addFilter(hear)
    cluster.scale(jobs=jobs)
    late = time.monotonic() + PATIENCE
    while not said and not any(getattr(job, "job_id", None) for job in cluster.workers.values()):
        time.sleep(0.1)
        if time.monotonic() > late:
            _LOG.warning("%s has not answered for %g s; if it is down, use workers of this machine", kind, PATIENCE)
            late = math.inf
    if said:
        for job in cluster.workers.values():
            job.status = Status.failed  # Dask does not close a cluster with jobs that never began
        cluster.close()
    for log in logs:
        log.removeFilter(hear)
    if said:
        words = said[0].rpartition("stderr:")[2].strip() or said[0].strip()
        raise ConfigError(
            f"{kind} refused a job: {words}; say what it needs, as in {kind}:queue=short,memory=1GB, or, if nobody "
            "answers, use workers of this machine",
            options=("--cluster dask", "--workers 8"),
        )


@contextmanager
def at_scheduler(address: str, **beginning: Any) -> Iterator[Executor]:
    """The workers of a scheduler that runs already.

    Raises:
        ConfigError: nothing answers there, or workers have another version of moliere.
    """
    with _client(address) as client, _executor(client, **beginning) as executor:
        yield executor


def _client(address: str) -> Any:
    """A connection; what answers as Dask does may be a worker, or say no more."""
    try:
        return in_time(_PATIENCE, partial(Client, timeout=_PATIENCE), address)
    except Exception as error:
        raise nobody_there(address, error) from error


@contextmanager
def _own(start: Callable[[], Any], **beginning: Any) -> Iterator[Executor]:
    with start() as cluster, Client(cluster) as client, _executor(client, **beginning) as executor:
        yield executor


@contextmanager
def _executor(
    client: Any, initializer: Callable[..., Any] | None = None, initargs: tuple[Any, ...] = ()
) -> Iterator[Executor]:
    _check_versions(client)
    beginning = None if initializer is None else _Beginning(initializer, initargs)
    if beginning is not None:
        client.register_plugin(beginning, name=beginning.name)
    executor: Executor = client.get_executor(pure=False)
    try:
        yield executor
    finally:
        with suppress(Exception):  # a scheduler that is gone has forgotten all of it
            executor.shutdown(wait=False)
            if beginning is not None:
                client.unregister_worker_plugin(beginning.name)


def _check_versions(client: Any) -> None:
    """Other versions may make other events, or none.

    Raises:
        ConfigError: workers that are there have another version; those that come later are asked with each block.
    """
    # a function of the standard library, which every worker can unpickle
    found = client.run(version, "moliere", on_error="return")
    said = {name: "(not installed)" if isinstance(one, Exception) else one for name, one in found.items()}
    other = [f"{name} has {one}" for name, one in said.items() if one != installed_version()]
    if other:
        raise ConfigError(
            f"this is moliere {installed_version()}, and of {len(said)} workers {len(other)} have another version: "
            f"{', '.join(other[:3])}; install the same on all of them"
        )
    if not said:
        _LOG.warning("no worker has come yet; the work begins when one does")
