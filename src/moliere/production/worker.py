"""Processes that do what they are sent: what crashes there does not crash here, and what can be set up once is.

Such a process is a fresh interpreter, not forked and not started by ``multiprocessing``, so that it works from scripts
without a main guard, from notebooks, and beside threads.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Any, Self

from moliere.errors import IncompleteRun

#: so much of what a dead worker said last is shown
_LAST_WORDS = 600
#: processes that were started to be workers
_workers: set[int] = set()


class Worker:
    """One process.

    Args:
        initializer: called there once, before anything else.
        initargs: what it is called with.
    """

    def __init__(self, initializer: Callable[..., Any] | None = None, initargs: tuple[Any, ...] = ()) -> None:
        self._connection, theirs = Pipe()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the worker
        with theirs:
            command = [sys.executable, "-c", f"from moliere.production import worker; worker.main({theirs.fileno()})"]
            # Geant4 talks on standard output; what it says last on standard error explains a crash
            self._process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=self._words, pass_fds=[theirs.fileno()], env=_environment()
            )
        self._send((initializer, initargs))

    def __enter__(self) -> Self:
        """The worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self.close()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives there.

        Raises:
            IncompleteRun: the process died; with its last words.
            Exception: whatever the function raised there.
        """
        self._send((function, arguments))
        try:
            answer = _receive(self._connection)
        except (EOFError, ConnectionResetError):
            raise IncompleteRun(self._obituary()) from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def kill(self) -> None:
        """End the process, whatever it is doing; who waits for an answer hears of it."""
        self._process.kill()

    def close(self) -> None:
        """End the process, and let go of what belongs to it."""
        self.kill()
        self._process.wait()
        self._connection.close()
        self._words.close()

    def _send(self, message: Any) -> None:
        # a worker that is dead already says so when it is asked for its answer
        with suppress(BrokenPipeError, ConnectionResetError):
            _give(self._connection, message)

    def _obituary(self) -> str:
        code = self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip()[-_LAST_WORDS:]
        reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"a worker process died ({reason})" + (f"; it said last:\n{words}" if words else "")


class Workers(Executor):
    """The standard library's executor over worker processes; one that dies takes only its own call with it.

    Args:
        n: processes at most; each is started when it has something to do.
        initializer: called once in each process.
        initargs: what it is called with.
    """

    def __init__(self, n: int, initializer: Callable[..., Any] | None = None, initargs: tuple[Any, ...] = ()) -> None:
        self._threads = ThreadPoolExecutor(n, "worker")
        self._initial = (initializer, initargs)
        self._mine = threading.local()
        self._lock, self._alive, self._ended = threading.Lock(), set[Worker](), False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in one of the processes; keywords are not sent."""
        if kwargs:
            raise TypeError(f"unexpected keywords {sorted(kwargs)}")
        return self._threads.submit(self._call, fn, args)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes: when all is done, or at once where nobody waits."""
        if wait:
            self._threads.shutdown(cancel_futures=cancel_futures)
        with self._lock:
            self._ended = True
            for worker in self._alive:
                worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._alive:
            worker.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """After an error nobody waits."""
        self.shutdown(wait=kind is None)

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        worker = getattr(self._mine, "worker", None) or self._start()
        try:
            return worker.call(function, *arguments)
        except IncompleteRun:
            self._mine.worker = None  # another process takes the next call
            raise

    def _start(self) -> Worker:
        worker = self._mine.worker = Worker(*self._initial)
        with self._lock:
            self._alive.add(worker)
            if self._ended:
                worker.kill()
        return worker


def is_worker() -> bool:
    """Whether this process was started to be a worker."""
    return os.getpid() in _workers


def _give(connection: Connection, message: Any) -> None:
    # a connection's own way to send would make torch share the memory of tensors, which strangers may not
    connection.send_bytes(pickle.dumps(message))


def _receive(connection: Connection) -> Any:
    return pickle.loads(connection.recv_bytes())


def _environment() -> dict[str, str]:
    """One thread each: the cores are shared out among workers."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def serve(connection: Connection) -> None:
    """Do what comes until the other side hangs up."""
    initializer, initargs = _receive(connection)
    if initializer is not None:
        initializer(*initargs)
    while True:
        try:
            function, arguments = _receive(connection)
        except EOFError:
            return
        try:
            answer: Any = function(*arguments)
        except Exception as error:
            answer = error
        _give(connection, answer)


def main(descriptor: int) -> None:
    """The process itself; Ctrl-C reaches the whole group, and the one that started this decides what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _workers.add(os.getpid())
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()
    with suppress(BrokenPipeError, ConnectionResetError, EOFError):
        serve(Connection(descriptor))


def _end_with(descriptor: int) -> None:
    """End in the middle of a call when the other side dies: a run that goes on would be beside one that writes, too."""
    other = select.poll()
    other.register(descriptor, 0)  # nothing but that it hung up
    other.poll()
    os._exit(1)
