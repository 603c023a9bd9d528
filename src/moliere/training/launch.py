"""Starts the processes that train one model together, hears how far they are, and ends them together."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from rich.console import Console

from moliere.audience import tell
from moliere.errors import ConfigError, IncompleteRun
from moliere.training.logs import Watch
from moliere.training.recipe import Recipe

#: what ends this process ends those that it started
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
#: of the rendezvous, where the environment names none
_PORT = 29400
#: seconds in which the last words of a process that has ended arrive
_LAST_WORDS = 5


def launch(
    recipe: Recipe, folder: Path, *, resume: bool, overwrite: bool, console: Console | None, watch: Watch | None
) -> None:
    """Run :func:`moliere.training.fit` in as many processes as the recipe asks for, and wait for them.

    They are started as ``torchrun`` starts them. On several nodes the same command runs on each; ``MASTER_ADDR`` names
    the node where they meet, and the folder is one that all nodes see.

    Args:
        recipe: its ``training.devices`` and ``training.nodes`` say how many processes.
        folder: of the run.
        resume: go on from the folder's checkpoint.
        overwrite: start again where a run is.
        console: where a bar is drawn, by the first process; ``None`` draws none.
        watch: called with the share of the training that is done.

    Raises:
        ConfigError: several nodes, and no place to meet.
        IncompleteRun: a process ended without saying why.
        KeyboardInterrupt: the processes were asked to end, and have.
        MoliereError: what one of the processes raised.
    """
    with tempfile.TemporaryDirectory() as scratch, _Ear(Path(scratch) / "ear", watch) as ear:
        order = Path(scratch) / "order"
        words = {"resume": resume, "overwrite": overwrite, "bar": console is not None}
        order.write_bytes(pickle.dumps((recipe.to_table(), folder, words, ear.address)))
        failure = _run_processes(recipe.training.devices, recipe.training.nodes, order)
    if ear.errors:
        # what the others say is that one has ended
        raise min(ear.errors, key=lambda error: isinstance(error, IncompleteRun))
    if failure:
        raise IncompleteRun(f"{failure}; go on from the last checkpoint")


def _run_processes(devices: int, nodes: int, order: Path) -> str | None:
    """Start the processes and wait; returns what went wrong, if something did."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=nodes,
        max_nodes=nodes,
        nproc_per_node=devices,
        run_id=os.environ.get("SLURM_JOB_ID", "moliere"),
        rdzv_backend="c10d",
        rdzv_endpoint=_meeting_place(nodes),
        max_restarts=0,
    )
    command = ("-P", "-m", "moliere.training.rank", str(order))
    with _own_signals(), _quiet():
        try:
            elastic_launch(config, sys.executable)(*command)
        except SignalException as error:
            raise KeyboardInterrupt from error
        except ChildFailedError as error:
            rank, first = error.get_first_failure()
            how = signal.Signals(-first.exitcode).name if first.exitcode < 0 else f"exit code {first.exitcode}"
            return f"process {rank} of the training died ({how})"
    return None


def _meeting_place(nodes: int) -> str:
    if nodes == 1:
        return "localhost:0"
    if "MASTER_ADDR" not in os.environ:
        raise ConfigError(
            f"training on {nodes} nodes needs a place to meet: set MASTER_ADDR to the name of one of them, on all of "
            "them, and start the same command on each; a job for Slurm does this",
            options=("--print-job slurm",),
        )
    return f"{os.environ['MASTER_ADDR']}:{os.environ.get('MASTER_PORT', _PORT)}"


class _Ear:
    """Hears the processes: ``(fraction, words)`` while they train, and what they raise.

    Args:
        path: of the socket.
        watch: told of the fraction; ``None`` tells the audience.
    """

    def __init__(self, path: Path, watch: Watch | None) -> None:
        self.errors: list[BaseException] = []
        self._watch = watch
        self._key = os.urandom(16)
        self._listener = Listener(str(path), "AF_UNIX", authkey=self._key)
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> tuple[str, bytes]:
        """What a process needs to speak to this one."""
        return str(self._listener.address), self._key

    def __enter__(self) -> _Ear:
        """Begin to hear."""
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        """Hear the last words of processes that have ended."""
        self._closed.set()
        with suppress(OSError, EOFError), Client(self.address[0], "AF_UNIX", authkey=self._key):
            pass  # whoever waits for a process to speak up waits no more
        for thread in self._threads:
            thread.join(_LAST_WORDS)
        self._listener.close()

    def _start(self, task: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=task, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            with suppress(OSError, EOFError, AuthenticationError):
                self._start(self._hear, self._listener.accept())

    def _hear(self, line: Connection) -> None:
        with line, suppress(OSError, EOFError):
            while True:
                said: Any = line.recv()
                if isinstance(said, BaseException):
                    self.errors.append(said)
                elif self._watch is not None:
                    self._watch(said[0])
                else:
                    tell(*said)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Put back how this process hears signals, which torch changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """What torch says of a process that ended is said in one sentence elsewhere."""
    logger = logging.getLogger("torch.distributed.elastic")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
