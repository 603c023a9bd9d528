"""Blocks of a job, done here or by any executor of the standard library's interface; which one is not known here."""

from __future__ import annotations

import os
import platform
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from moliere.errors import CheckpointError, IncompleteRun, WriteError
from moliere.production.job import Job, installed_version
from moliere.production.worker import Workers, is_worker

#: makes an executor, as ``functools.partial(ProcessPoolExecutor, 4)`` does: called with ``initializer`` and
#: ``initargs``, which each of its processes begins with
Engine = Callable[..., AbstractContextManager[Executor]]
Progress = Callable[[int], None]

#: a block that was lost so often would be lost again
_TRIES = 3
#: so many losses in a row, with no block that was done between them, mean that the next ones would be lost, too
_PATIENCE = 8
#: blocks that an executor has at once; more only make lists longer
_AT_ONCE = 1000

#: what this process was told to work on: a job, or processes that do it
_held: dict[str, Job | Workers] = {}


@dataclass(frozen=True)
class Failure:
    """What a block itself raised; what an executor raises, on the other hand, is its own trouble.

    Args:
        error: as raised.
    """

    error: Exception


def do_blocks(
    job: Job, blocks: list[int], workers: int, progress: Progress, engine: Engine | None = None
) -> dict[int, str]:
    """Do blocks and keep each as it is done; returns what went wrong, by block.

    Args:
        job: the whole work.
        blocks: numbers.
        workers: processes on this machine, where no engine is given.
        progress: called with the number of events that were just finished.
        engine: who does it.

    Raises:
        MoliereError: whatever a block raised, but for one that was lost, which is tried again.
    """
    if engine is None and (workers > 1 or job.isolated):
        engine = partial(Workers, max(workers, 1))
    if engine is not None:
        return _do_elsewhere(job, blocks, engine, progress) if blocks else {}
    for block in blocks:
        progress(job.make_part(block))
    return {}


def hold(name: str, job: Job) -> Callable[[], None]:
    """Make a process ready to do blocks of a job; returns what ends it."""
    _held[name] = job
    if job.isolated and not is_worker():  # the process belongs to somebody else, and must not crash
        _held[name] = Workers(os.cpu_count() or 1, hold, (name, job))
    return partial(_let_go, name)


def _let_go(name: str) -> None:
    held = _held.pop(name, None)
    if isinstance(held, Workers):
        held.shutdown(wait=False)


def perform(name: str, moliere: str, block: int) -> int | Failure:
    """Do a block of a job that this process holds; how many events it has."""
    if moliere != installed_version():
        return Failure(
            CheckpointError(
                f"{platform.node()} has moliere {installed_version()}, this is {moliere}; all machines need the same "
                "version"
            )
        )
    held = _held[name]
    if isinstance(held, Workers):
        answer: int | Failure = held.submit(perform, name, moliere, block).result()
        return answer
    try:
        return held.make_part(block)
    except WriteError as error:
        return Failure(WriteError(f"{platform.node()}: {error}"))
    except Exception as error:
        return Failure(error)


def _do_elsewhere(job: Job, blocks: list[int], engine: Engine, progress: Progress) -> dict[int, str]:
    line, running = _Line(blocks), dict[Future[Any], int]()
    with engine(initializer=hold, initargs=(job.mark, job.elsewhere)) as executor:
        try:
            while True:
                while len(running) < _AT_ONCE and (block := line.next()) is not None:
                    running[_submit(executor, job.mark, block)] = block
                if not running:
                    return line.problems
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    block = running.pop(future)
                    try:
                        progress(_events_of(future))
                        line.done()
                    except (IncompleteRun, WriteError) as error:
                        line.lost(block, error)
        finally:
            for future in running:
                future.cancel()


def _submit(executor: Executor, name: str, block: int) -> Future[Any]:
    try:
        return executor.submit(perform, name, installed_version(), block)
    except Exception as error:  # an executor that is broken says so in words of its own
        broken = Future[Any]()
        broken.set_exception(error)
        return broken


def _events_of(future: Future[Any]) -> int:
    try:
        answer: int | Failure = future.result()
    except IncompleteRun:
        raise
    except Exception as error:
        raise IncompleteRun(f"the executor lost it: {type(error).__name__} {error}".strip()) from error
    if isinstance(answer, Failure):
        raise answer.error
    return answer


class _Line:
    """Blocks that wait; those that were lost stand in line again, at its end."""

    def __init__(self, blocks: list[int]) -> None:
        self._waiting, self._losses, self._in_a_row = deque(blocks), Counter[int](), 0
        self.problems: dict[int, str] = {}

    def next(self) -> int | None:
        """The first in line; nobody where all are done, or where the next would be lost, too."""
        return self._waiting.popleft() if self._waiting and self._in_a_row < _PATIENCE else None

    def done(self) -> None:
        """A block is whole."""
        self._in_a_row = 0

    def lost(self, block: int, error: IncompleteRun | WriteError) -> None:
        """A block was not kept.

        Raises:
            WriteError: there is no space for it, again and again.
        """
        self._losses[block] += 1
        self._in_a_row += 1
        hope = isinstance(error, WriteError) or self._losses[block] < _TRIES  # another worker's disk may have space
        if hope and self._in_a_row < _PATIENCE:
            self._waiting.append(block)
        elif isinstance(error, WriteError):
            raise error
        else:
            self.problems[block] = str(error)
