"""A whole job: its blocks are done, kept as they are done, and joined in order at the end."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import suppress

from moliere.errors import CheckpointError, IncompleteRun, MoliereError, OutputExists
from moliere.events.formats import open_events
from moliere.files import check_free, locked, replacing, writing
from moliere.production.blocks import Progress, do_blocks
from moliere.production.calls import Engine
from moliere.production.job import Job
from moliere.production.join import join, missing_words

_LOG = logging.getLogger("moliere")


def _ignore(n: int) -> None:
    del n


def produce(
    job: Job,
    *,
    workers: int = 1,
    engine: Engine | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = _ignore,
) -> None:
    """Make all events and write the file.

    Args:
        job: what to make.
        workers: processes on this machine; an isolated job always has at least one of its own.
        engine: makes the executor that does the blocks instead, on any machines that see the folder of the output.
        overwrite: replace the output, and start over where an interrupted run lies.
        resume: go on with an interrupted run, or fill in what dead workers left out.
        progress: called with the number of events that were just finished.

    Raises:
        OutputExists: the output, or an interrupted run, is there and neither ``overwrite`` nor ``resume`` is set.
        CheckpointError: the interrupted run is another one, or there is none; or a worker's version is another.
        IncompleteRun: interrupted, or workers died again and again; what is whole is kept.
        WriteError: another process is writing the same output, or the disk is full.
    """
    with locked(job.output), writing(job.output):
        _open_folder(job, overwrite=overwrite, resume=resume)
        _produce(job, workers, engine, progress)


def _produce(job: Job, workers: int, engine: Engine | None, progress: Progress) -> None:
    try:
        progress(len(job) - job.count(job.waiting))
        problems = do_blocks(job, job.waiting, workers, progress, engine)
    except KeyboardInterrupt:
        raise IncompleteRun(_interrupted(job), options=("--resume",) if job.folder.exists() else ()) from None
    except MoliereError:
        _drop_empty(job)
        raise
    missing = job.waiting
    join(job, missing)
    if missing:
        raise IncompleteRun(missing_words(job, missing, problems), options=("--resume",))
    shutil.rmtree(job.folder)
    job.incomplete.unlink(missing_ok=True)


def _open_folder(job: Job, *, overwrite: bool, resume: bool) -> None:
    if resume:
        if not job.description.exists():
            raise CheckpointError(
                f"there is no interrupted run in {job.folder}; start one, without resuming",
                options=("leave out --resume",),
            )
        job.check_folder()
        _drop_damaged(job)
        return
    if not overwrite and job.description.exists():
        raise OutputExists(
            f"{job.folder} holds an interrupted run; resume it, or overwrite it to start over",
            options=("--resume", "--overwrite"),
        )
    check_free(job.output, overwrite=overwrite)
    shutil.rmtree(job.folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    with replacing(job.description) as partial:
        partial.write_text(json.dumps(job.describe()))


def _drop_damaged(job: Job) -> None:
    """Remove finished blocks that cannot be read any more, so that they are made again, and say so."""
    for block in sorted({*range(job.n_blocks)} - {*job.waiting}):
        try:
            n = len(open_events(job.part(block)))
        except MoliereError:
            n = -1
        if n != job.count([block]):
            _LOG.warning("%s is damaged; its events are made again", job.part(block))
            job.part(block).unlink()


def _drop_empty(job: Job) -> None:
    """A run that failed before its first block leaves nothing behind."""
    if len(job.waiting) == job.n_blocks:
        with suppress(OSError):
            shutil.rmtree(job.folder)


def _interrupted(job: Job) -> str:
    done = len(job) - job.count(job.waiting)
    if not done:
        _drop_empty(job)
        return "interrupted before the first events were whole; nothing is kept"
    return f"interrupted; {done:,} of {len(job):,} events are kept in {job.folder}; resume the run"
