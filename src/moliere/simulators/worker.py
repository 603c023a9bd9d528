"""A simulator in a process of its own: what crashes there does not crash here, and what can be set up once is.

The process is a fresh interpreter, not forked and not started by ``multiprocessing``, so that it works from scripts
without a main guard, from notebooks, and beside threads.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from moliere.errors import IncompleteRun
from moliere.events import Events
from moliere.simulators.base import Simulator

#: so much of what a dead worker said last is shown
_LAST_WORDS = 600


class Worker:
    """Simulates blocks of events elsewhere.

    Args:
        simulator: sent over once.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.connection, theirs = Pipe()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the worker
        with theirs:
            command = [sys.executable, "-c", f"from moliere.simulators import worker; worker.main({theirs.fileno()})"]
            # Geant4 talks on standard output; what it says last on standard error explains a crash
            self._process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=self._words, pass_fds=[theirs.fileno()], env=_environment()
            )
        self._send(simulator)

    def __enter__(self) -> Self:
        """The worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self.close()

    def begin(self, incident: Mapping[str, NDArray[Any]], seed: int) -> None:
        """Start on a block; :meth:`finish` waits for it."""
        self._send((dict(incident), seed))

    def finish(self) -> Events:
        """The events of the block.

        Raises:
            IncompleteRun: the process died; with its last words.
            MoliereError: whatever the simulator raised there.
        """
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError):
            raise IncompleteRun(self._obituary()) from None
        if isinstance(answer, BaseException):
            raise answer
        events: Events = answer
        return events

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.connection.close()
        self._process.kill()
        self._process.wait()
        self._words.close()

    def _send(self, message: Any) -> None:
        # a worker that is dead already says so when it is asked for its events
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def _obituary(self) -> str:
        code = self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip()[-_LAST_WORDS:]
        reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"a worker process died ({reason})" + (f"; it said last:\n{words}" if words else "")


def _environment() -> dict[str, str]:
    """One thread each: the cores are shared out among workers."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def serve(connection: Connection) -> None:
    """Simulate what comes until the other side hangs up."""
    simulator: Simulator = connection.recv()
    while True:
        try:
            incident, seed = connection.recv()
        except EOFError:
            return
        try:
            answer: Any = simulator.simulate_here(incident, np.random.default_rng(seed))
        except Exception as error:
            answer = error
        connection.send(answer)


def main(descriptor: int) -> None:
    """The process itself; Ctrl-C reaches the whole group, and the one that started this decides what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError, ConnectionResetError, EOFError):
        serve(Connection(descriptor))
