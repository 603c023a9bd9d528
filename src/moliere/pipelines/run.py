"""Running a pipeline: what is done is skipped, what was interrupted goes on, what changed is made again.

Every step is a process of its own, the command line that a user would type, and not a call: what crashes there (Geant4,
an allocation) does not end the pipeline, each step has its log, gives all its memory back and sets its own threads, and
a second run that skips everything imports neither torch nor matplotlib. The process holds a channel to this one and
ends with it, so that after kill -9 nothing goes on writing.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from moliere.errors import ConfigError, IncompleteRun, OutputExists, StepFailed
from moliere.files import working_in, writing
from moliere.pipelines.child import PROGRAM
from moliere.pipelines.manifest import Records
from moliere.pipelines.pipeline import Pipeline, Step

#: seconds between two looks at a running step, and seconds that one has to end after Ctrl-C
_LOOK, _PATIENCE = 0.2, 60.0
#: lines of a log that are shown of a step that failed
_LAST_LINES = 6


@dataclass(frozen=True)
class Planned:
    """A step, and why it runs.

    Args:
        step: the step.
        why: in words; None where it is done.
        forced: whether it starts over, whatever is there.
    """

    step: Step
    why: str | None
    forced: bool = False


class View(Protocol):
    """What is shown while a pipeline runs."""

    def skipped(self, step: Step) -> None:
        """A step is done already."""

    def began(self, step: Step, why: str, *, resumed: bool) -> None:
        """A step starts, or goes on where it was interrupted."""

    def moved(self, step: Step, fraction: float | None, words: str) -> None:
        """A step says how far it is."""

    def ended(self, step: Step, seconds: float) -> None:
        """A step is done."""


def plan(
    pipeline: Pipeline, records: Records, *, start: str | None = None, only: str | None = None
) -> tuple[Planned, ...]:
    """What would run now, in order.

    Args:
        pipeline: the steps.
        records: what was done before.
        start: this step and all after it are made again.
        only: nothing but this step.

    Raises:
        ConfigError: the one step that is asked for lacks what another one makes.
        UnknownName: there is no such step.
    """
    names = [step.name for step in pipeline.steps]
    first = names.index(pipeline.step(start).name) if start else len(names)
    planned: dict[str, Planned] = {}
    for position, step in enumerate(pipeline.steps):
        if only is None or pipeline.step(only) is step:
            why = _why(step, records, planned, forced=position >= first)
            planned[step.name] = Planned(step, why, position >= first)
    if only:
        _check_inputs(pipeline, pipeline.step(only))
    return tuple(planned.values())


def _why(step: Step, records: Records, planned: dict[str, Planned], *, forced: bool) -> str | None:
    if forced:
        return "asked for"
    before = [name for name in step.needs if name in planned and planned[name].why]
    return records.stale(step) or (f"if what {', '.join(before)} makes is different" if before else None)


def _check_inputs(pipeline: Pipeline, step: Step) -> None:
    for name in step.reads:
        if not (pipeline.base / name).exists():
            makers = [other.name for other in pipeline.steps if name in other.writes]
            raise ConfigError(f"step {step.name!r} reads {name}, which is not there; run step {makers[0]!r} first")


def run(
    pipeline: Pipeline, view: View, *, start: str | None = None, only: str | None = None, overwrite: bool = False
) -> int:
    """Run what is not done.

    Args:
        pipeline: the steps.
        view: what is shown meanwhile.
        start: this step and all after it are made again.
        only: nothing but this step.
        overwrite: replace outputs that the pipeline did not write itself.

    Returns:
        How many steps ran.

    Raises:
        StepFailed: a step ended with an error; those after it did not run.
        IncompleteRun: interrupted; the same call goes on.
        OutputExists: an output is there that the pipeline did not write.
        WriteError: the same pipeline is running already.
    """
    with working_in(pipeline.base / pipeline.folder):
        records = Records(pipeline)
        planned = plan(pipeline, records, start=start, only=only)
        _check_before(planned, records, overwrite=overwrite)
        try:
            return sum(_do(pipeline, records, entry, view) for entry in planned)
        finally:
            _write_page(pipeline, records, planned)


def _write_page(pipeline: Pipeline, records: Records, planned: Sequence[Planned]) -> None:
    """Unless it says already what there is to say: a run that skips everything imports nothing to draw with."""
    if any(entry.why for entry in planned) or not pipeline.index.exists():
        from moliere.pipelines.page import write_index

        write_index(pipeline, records)


def _check_before(planned: Sequence[Planned], records: Records, *, overwrite: bool) -> None:
    """Say what would go wrong after an hour before the hour."""
    for entry in planned:
        strangers = [] if overwrite else records.strangers(entry.step)
        if strangers:
            raise OutputExists(
                f"{strangers[0]} is not what step {entry.step.name!r} wrote; move it away, or overwrite it",
                options=("--overwrite",),
            )
    check_recipes(planned)


def check_recipes(planned: Sequence[Planned]) -> None:
    """Refuse steps whose recipe would be refused when their turn comes.

    Raises:
        ConfigError: an unknown key or a wrong value; of which step.
    """
    for entry in planned:
        if entry.why and entry.step.recipe:
            from moliere.training.recipe import parse_recipe

            try:
                parse_recipe(entry.step.recipe)
            except ConfigError as error:
                raise ConfigError(f"step {entry.step.name!r}: {error}") from None


def _do(pipeline: Pipeline, records: Records, entry: Planned, view: View) -> bool:
    """Run a step unless it is done, which may have become so since it was planned."""
    step = entry.step
    why = "asked for" if entry.forced else records.stale(step)
    if why is None:
        view.skipped(step)
        return False
    resumed = not entry.forced and records.is_resumable(step)
    view.began(step, why, resumed=resumed)
    begun = records.would_be(step)
    records.keep(step, begun)
    started = time.monotonic()
    _execute(pipeline, step, view, resumed=resumed)
    seconds = time.monotonic() - started
    outputs = records.prints(step.writes)
    for name in step.writes:
        if name not in outputs:
            raise StepFailed(f"step {step.name!r} ended without writing {name}; its log: {pipeline.log(step)}")
    finished = time.strftime("%Y-%m-%d %H:%M:%S")
    records.keep(step, replace(begun, outputs=outputs, seconds=seconds, done=True, finished=finished))
    view.ended(step, seconds)
    return True


def _execute(pipeline: Pipeline, step: Step, view: View, *, resumed: bool) -> None:
    words = [*step.command, "--resume"] if resumed else [*step.command, *_replacing(step)]
    with _process(pipeline, step, words, resumed=resumed) as (process, channel):
        try:
            _watch(process, channel, step, view)
        except KeyboardInterrupt:
            _stop(process)
            raise IncompleteRun(f"interrupted in step {step.name!r}; the same command goes on there") from None
    if process.returncode:
        raise StepFailed(_explain(pipeline, step, process.returncode))


def _replacing(step: Step) -> list[str]:
    """Whatever lies there was written by the pipeline, or may be replaced; a verb that writes nothing takes no word."""
    return ["--overwrite"] if step.writes else []


@contextmanager
def _process(
    pipeline: Pipeline, step: Step, words: list[str], *, resumed: bool
) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """The step's process and the channel to it; it is in a session of its own, so that Ctrl-C reaches it through us."""
    log = pipeline.log(step)
    ours, theirs = socket.socketpair()
    with ours, writing(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        with theirs, log.open("ab" if resumed else "wb") as file:
            file.write(f"$ cd {shlex.quote(str(pipeline.base))}\n$ {shlex.join(['moliere', *words])}\n".encode())
            file.flush()
            process = subprocess.Popen(
                [*PROGRAM, str(theirs.fileno()), *words],
                cwd=pipeline.base,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        try:
            yield process, ours
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _environment() -> dict[str, str]:
    """Ours; paths in it are absolute, as the process runs elsewhere, and its log has room for tables."""
    paths = [str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    more = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    return {**os.environ, **more, "PYTHONUNBUFFERED": "1", "COLUMNS": "120"}


def _watch(process: subprocess.Popen[bytes], channel: socket.socket, step: Step, view: View) -> None:
    channel.settimeout(_LOOK)
    rest = b""
    while process.poll() is None:
        try:
            data = channel.recv(65536)
        except (TimeoutError, ConnectionError):
            view.moved(step, None, "")
            continue
        if not data:  # it is about to end
            time.sleep(_LOOK / 10)
        *lines, rest = (rest + data).split(b"\n")
        for fraction, words in map(_message, lines[-1:]):
            view.moved(step, fraction, words)


def _message(line: bytes) -> tuple[float | None, str]:
    content: Any = json.loads(line)
    return content[0], content[1]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let it keep what it has; a second Ctrl-C does not wait."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        process.wait(_PATIENCE)


def _explain(pipeline: Pipeline, step: Step, code: int) -> str:
    log = pipeline.log(step)
    lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    first = next((k for k, line in enumerate(lines) if line.startswith("error:")), len(lines) - _LAST_LINES)
    said = "\n".join(lines[max(first, 2) :][:_LAST_LINES])
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"step {step.name!r} {how}; its log is {log}\n{said}\nmend that, and the same command goes on there"
