"""Calls that any executor makes: what a call itself raises comes back, and what the executor loses is told from it."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from moliere.errors import CheckpointError, IncompleteRun, WriteError
from moliere.version import installed_version

#: makes an executor, as ``functools.partial(ProcessPoolExecutor, 4)`` does; called with ``initializer`` and
#: ``initargs`` where each of its processes begins with something
Engine = Callable[..., AbstractContextManager[Executor]]

#: how often a call is made whose process dies, or that an executor loses
TRIES = 3


class Lost(IncompleteRun):
    """An executor gave a call up, for reasons of its own."""


@dataclass(frozen=True)
class Failure:
    """What a call itself raised.

    Args:
        error: as raised.
    """

    error: Exception


class Here(Executor):
    """Calls at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that is done; what interrupts, such as Ctrl-C, goes through."""
        future = Future[Any]()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def submit(executor: Executor, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Have an executor call a function; :func:`answer_of` says what came of it."""
    try:
        return executor.submit(attempt, installed_version(), function, *arguments)
    except Exception as error:  # an executor that is broken says so in words of its own
        broken = Future[Any]()
        broken.set_exception(error)
        return broken


def attempt(moliere: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """In the executor's process: what a function gives, or how it failed.

    Args:
        moliere: version of the process that asks.
        function: to be called.
        arguments: of the call.
    """
    try:
        _check_version(moliere)
        return function(*arguments)
    except WriteError as error:
        return Failure(WriteError(f"{platform.node()}: {error}"))
    except Exception as error:
        return Failure(error)


def _check_version(moliere: str) -> None:
    if moliere != installed_version():
        raise CheckpointError(
            f"{platform.node()} has moliere {installed_version()}, this is {moliere}; all machines need the same "
            "version"
        )


def answer_of(future: Future[Any]) -> Any:
    """What a call gave.

    Raises:
        Lost: the executor gave it up.
        IncompleteRun: the process that made the call died.
        Exception: whatever the call raised.
    """
    try:
        answer = future.result()
    except IncompleteRun:
        raise
    except Exception as error:
        raise Lost(f"the executor lost it: {type(error).__name__} {error}".strip()) from error
    if isinstance(answer, Failure):
        raise answer.error
    return answer


def answers_of(
    executor: Executor, calls: Sequence[tuple[Any, ...]], done: Callable[[int], object] = lambda call: None
) -> list[Any]:
    """What many calls gave, in their order; those that were lost are made again.

    Args:
        executor: makes them.
        calls: function and arguments of each.
        done: called with the position of each as it ends.

    Returns:
        What each gave, or a :class:`Failure`.

    Raises:
        Lost: the executor gives one up again and again.
        CheckpointError: a process has another version, or does not see what it needs.
    """
    answers: list[Any] = [None] * len(calls)
    tries = Counter[int]()
    running = {submit(executor, *call): k for k, call in enumerate(calls)}
    try:
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                k = running.pop(future)
                try:
                    answers[k] = answer_of(future)
                except IncompleteRun as error:
                    tries[k] += 1
                    if tries[k] < TRIES:
                        running[submit(executor, *calls[k])] = k
                        continue
                    if isinstance(error, Lost):
                        raise
                    answers[k] = Failure(error)
                except CheckpointError:
                    raise
                except Exception as error:
                    answers[k] = Failure(error)
                done(k)
    finally:
        for future in running:
            future.cancel()
    return answers
