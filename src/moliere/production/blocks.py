"""Blocks of a job, done here or by any executor of the standard library's interface; which one is not known here."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any

from moliere.errors import IncompleteRun, WriteError
from moliere.production.calls import TRIES, Engine, answer_of, submit
from moliere.production.job import Job
from moliere.production.worker import Workers, is_worker

Progress = Callable[[int], None]

#: so many losses in a row, with no block that was done between them, mean that the next ones would be lost, too
_PATIENCE = 8
#: blocks that an executor has at once; more only make lists longer
_AT_ONCE = 1000

#: what this process was told to work on: a job, or processes that do it
_held: dict[str, Job | Workers] = {}


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


def perform(name: str, block: int) -> int:
    """Do a block of a job that this process holds; how many events it has."""
    held = _held[name]
    if isinstance(held, Workers):
        n: int = held.submit(perform, name, block).result()
        return n
    return held.make_part(block)


def _do_elsewhere(job: Job, blocks: list[int], engine: Engine, progress: Progress) -> dict[int, str]:
    line, running = _Line(blocks), dict[Future[Any], int]()
    with engine(initializer=hold, initargs=(job.mark, job.elsewhere)) as executor:
        try:
            while True:
                while len(running) < _AT_ONCE and (block := line.next()) is not None:
                    for _ in range(line.copies(block)):
                        running[submit(executor, perform, job.mark, block)] = block
                if not running:
                    return line.problems
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    block = running.pop(future)
                    try:
                        n = answer_of(future)
                    except (IncompleteRun, WriteError) as error:
                        if block not in running.values():
                            line.lost(block, error)
                    else:
                        if line.done(block):
                            progress(n)
        finally:
            for future in running:
                future.cancel()


class _Line:
    """Blocks that wait; those that were lost stand in line again, at its end."""

    def __init__(self, blocks: list[int]) -> None:
        self._waiting, self._losses, self._in_a_row = deque(blocks), Counter[int](), 0
        self._done, self._unwritten = set[int](), set[int]()
        self.problems: dict[int, str] = {}

    def next(self) -> int | None:
        """The first in line; nobody where all are done, or where the next would be lost, too."""
        return self._waiting.popleft() if self._waiting and self._in_a_row < _PATIENCE else None

    def copies(self, block: int) -> int:
        """How often a block is submitted: twice where a disk was full, or the last would go to that worker every time.

        Two workers at the same block write the same, each beside what is there.
        """
        return 2 if block in self._unwritten else 1

    def done(self, block: int) -> bool:
        """A block is whole; whether it was not before."""
        self._in_a_row = 0
        new = block not in self._done
        self._done.add(block)
        return new

    def lost(self, block: int, error: IncompleteRun | WriteError) -> None:
        """A block was not kept.

        Raises:
            WriteError: there is no space for it, again and again.
        """
        if block in self._done:
            return
        self._losses[block] += 1
        self._in_a_row += 1
        full = isinstance(error, WriteError)  # another worker's disk may have space
        if (full or self._losses[block] < TRIES) and self._in_a_row < _PATIENCE:
            self._waiting.append(block)
            self._unwritten |= {block} if full else set()
        elif isinstance(error, WriteError):
            raise error
        else:
            self.problems[block] = str(error)
