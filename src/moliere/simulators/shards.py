"""One simulation cut into numbered shards: machines that share nothing but a folder do them, in any order, any number.

Shard k of n does the blocks k, k + n, k + 2 n, … and keeps each as it is done, so that a shard that was killed goes on
with the same call. Blocks have random streams of their own: what is joined at the end, by resuming the run, is the same
to the last byte as what one machine makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from moliere.errors import ConfigError, IncompleteRun
from moliere.files import check_free, locked, replacing, writing
from moliere.simulators.production import Production, check_described, described, simulate_blocks


def produce_shard(
    job: Production, number: int, of: int, *, workers: int = 1, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Do one shard; the output is written when the run is resumed, which also does what shards left out.

    Args:
        job: the whole simulation.
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
        IncompleteRun: interrupted, or a worker died; what is whole is kept.
    """
    if not 0 <= number < of:
        raise ConfigError(f"shard {number} of {of}; expected 0 to {of - 1}")
    check_free(job.output, overwrite=False)
    blocks = [block for block in range(job.n_blocks) if block % of == number]
    with writing(job.folder):
        _join_in(job)
        with locked(job.folder / f"shard-{number}-of-{of}"):
            progress(_events(job, [block for block in blocks if job.part(block).exists()]))
            _do(job, [block for block in blocks if not job.part(block).exists()], workers, progress)
    return _events(job, blocks)


def _join_in(job: Production) -> None:
    """Whoever comes first says what is simulated in the folder."""
    mark = job.folder / "run.json"
    job.folder.mkdir(parents=True, exist_ok=True)
    if not mark.exists():
        with replacing(mark, overwrite=True) as partial:  # shards that begin together write the same
            partial.write_text(json.dumps(described(job)))
    check_described(job, json.loads(mark.read_text()))


def _do(job: Production, waiting: list[int], workers: int, progress: Callable[[int], None]) -> None:
    try:
        problems = simulate_blocks(job, waiting, workers, progress)
    except KeyboardInterrupt:
        left = _events(job, [block for block in waiting if not job.part(block).exists()])
        raise IncompleteRun(f"interrupted; {left:,} events of the shard are left; the same command goes on") from None
    missing = [block for block in waiting if not job.part(block).exists()]
    if missing:
        why = next(iter(problems.values()), "")
        raise IncompleteRun(f"{_events(job, missing):,} events of the shard are missing: {why}; do the shard again")


def _events(job: Production, blocks: list[int]) -> int:
    return sum(rows.stop - rows.start for rows in map(job.rows, blocks))
