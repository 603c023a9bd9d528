"""One job cut into numbered shards: machines that share nothing but a folder do them, in any order, any number.

Shard k of n does the blocks k, k + n, k + 2 n, … and keeps each as it is done, so that a shard that was killed goes on
with the same call. Blocks have random streams of their own: what is joined at the end, by resuming the run, is the same
to the last byte as what one machine makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from moliere.errors import CheckpointError, ConfigError, IncompleteRun
from moliere.files import check_free, locked, replacing, writing
from moliere.production.blocks import do_blocks
from moliere.production.job import Job


def produce_shard(
    job: Job, number: int, of: int, *, workers: int = 1, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Do one shard; the output is written when the run is resumed, which also does what shards left out.

    Args:
        job: the whole work.
        number: of the shard, from 0.
        of: number of shards.
        workers: processes on this machine.
        progress: called with the number of events that were just finished.

    Returns:
        How many events the shard has.

    Raises:
        ConfigError: no such shard.
        OutputExists: the output is there already.
        CheckpointError: the folder holds parts of another run or of another version.
        IncompleteRun: interrupted, or workers died again and again; what is whole is kept.
    """
    if not 0 <= number < of:
        raise ConfigError(f"shard {number} of {of}; expected 0 to {of - 1}")
    check_free(job.output, overwrite=False)
    blocks = [block for block in range(job.n_blocks) if block % of == number]
    with writing(job.folder):
        _join_in(job)
        with locked(job.folder / f"shard-{number}-of-{of}"):
            progress(job.count([block for block in blocks if job.part(block).exists()]))
            _do(job, _missing(job, blocks), workers, progress)
    return job.count(blocks)


def _join_in(job: Job) -> None:
    """Whoever comes first says what is made in the folder."""
    job.folder.mkdir(parents=True, exist_ok=True)
    if not job.description.exists():
        with replacing(job.description, overwrite=True) as partial:  # shards that begin together write the same
            partial.write_text(json.dumps(job.describe()))
    try:
        job.check_folder()
    except CheckpointError as error:
        reason = str(error).partition(";")[0]
        raise CheckpointError(
            f"{reason}; a shard replaces nothing: give it what the run was begun with, or another output, or remove "
            "the folder"
        ) from error


def _do(job: Job, waiting: list[int], workers: int, progress: Callable[[int], None]) -> None:
    try:
        problems = do_blocks(job, waiting, workers, progress)
    except KeyboardInterrupt:
        left = job.count(_missing(job, waiting))
        raise IncompleteRun(f"interrupted; {left:,} events of the shard are left; the same command goes on") from None
    if missing := _missing(job, waiting):
        why = next(iter(problems.values()), "")
        raise IncompleteRun(f"{job.count(missing):,} events of the shard are missing: {why}; do the shard again")


def _missing(job: Job, blocks: list[int]) -> list[int]:
    return [block for block in blocks if not job.part(block).exists()]
