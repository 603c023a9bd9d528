"""Long simulations: blocks of events spread over processes, kept as they are done, joined in order at the end.

Every block has a random stream of its own that follows from the seed and the block's number, so that the result depends
neither on the number of workers nor on interruptions.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.errors import CheckpointError, IncompleteRun, MoliereError, OutputExists
from moliere.events import Events
from moliere.events.formats import create_events, open_events, read_events
from moliere.events.formats.calochallenge import create
from moliere.files import check_free, locked, writing
from moliere.seeding import derive_seed
from moliere.simulators.base import Simulator
from moliere.simulators.worker import Worker

#: so many blocks in a row whose worker dies mean that the next ones would, too
_PATIENCE = 3

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Production:
    """One simulation to be written to one file.

    Args:
        simulator: makes the events.
        incident: columns of all events.
        seed: of the whole run.
        output: HDF5 file; finished blocks lie beside it in a folder ``<output>.parts`` until it is whole.
    """

    simulator: Simulator
    incident: Mapping[str, NDArray[Any]]
    seed: int
    output: Path

    def __len__(self) -> int:
        """Number of events."""
        return len(self.incident["energy"])

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-len(self) // self.simulator.block_size)

    @property
    def folder(self) -> Path:
        """Where finished blocks are kept."""
        return self.output.with_name(f"{self.output.name}.parts")

    def rows(self, block: int) -> slice:
        """The events of a block."""
        size = self.simulator.block_size
        return slice(block * size, min((block + 1) * size, len(self)))

    def incident_of(self, block: int) -> dict[str, NDArray[Any]]:
        """Incident columns of a block."""
        return {name: column[self.rows(block)] for name, column in self.incident.items()}

    def part(self, block: int) -> Path:
        """File of a finished block."""
        return self.folder / f"{block:06d}.h5"

    @property
    def incomplete(self) -> Path:
        """Where events are written of which some are missing: never under the name of the whole output."""
        return self.output.with_name(f"{self.output.stem}.incomplete{self.output.suffix}")

    @property
    def waiting(self) -> list[int]:
        """Blocks that are still to be done."""
        return [block for block in range(self.n_blocks) if not self.part(block).exists()]

    @cached_property
    def mark(self) -> str:
        """What decides the result; a run that is resumed must have the same."""
        digest = hashlib.sha256(repr((self.simulator, self.seed)).encode())
        for name in sorted(self.incident):
            digest.update(name.encode() + np.ascontiguousarray(self.incident[name]).tobytes())
        return digest.hexdigest()


def _ignore(n: int) -> None:
    del n


def produce(
    job: Production,
    *,
    workers: int = 1,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = _ignore,
) -> None:
    """Simulate all events and write the file.

    Args:
        job: what to simulate.
        workers: processes; an isolated simulator always has at least one of its own.
        overwrite: replace the output, and start over where an interrupted run lies.
        resume: go on with an interrupted run, or fill in what dead workers left out.
        progress: called with the number of events that were just finished.

    Raises:
        OutputExists: the output, or an interrupted run, is there and neither ``overwrite`` nor ``resume`` is set.
        CheckpointError: the interrupted run is another one, or there is none.
        IncompleteRun: interrupted, or a worker died; what is whole is kept.
        WriteError: another process is writing the same output, or the disk is full.
    """
    with locked(job.output), writing(job.output):
        _produce(job, workers, progress, overwrite=overwrite, resume=resume)


def _produce(job: Production, workers: int, progress: Progress, *, overwrite: bool, resume: bool) -> None:
    _open_folder(job, overwrite=overwrite, resume=resume)
    try:
        progress(len(job) - _count(job, job.waiting))
        problems = simulate_blocks(job, job.waiting, workers, progress)
    except KeyboardInterrupt:
        raise IncompleteRun(_interrupted(job), options=("--resume",) if job.folder.exists() else ()) from None
    except MoliereError:
        _drop_empty(job)
        raise
    missing = job.waiting
    _join(job, missing)
    if missing:
        raise IncompleteRun(_explain(job, missing, problems), options=("--resume",))
    shutil.rmtree(job.folder)
    job.incomplete.unlink(missing_ok=True)


def _open_folder(job: Production, *, overwrite: bool, resume: bool) -> None:
    mark = job.folder / "run.json"
    if resume:
        _check_same(job, mark)
        return
    if not overwrite and mark.exists():
        raise OutputExists(
            f"{job.folder} holds an interrupted run; resume it, or overwrite it to start over",
            options=("--resume", "--overwrite"),
        )
    check_free(job.output, overwrite=overwrite)
    shutil.rmtree(job.folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    mark.write_text(json.dumps(described(job)))


def described(job: Production) -> dict[str, Any]:
    """What the folder of parts says of a run; all who add to it must say the same."""
    return {"mark": job.mark, "seed": job.seed, "events": len(job), "moliere": _version()}


def _version() -> str:
    try:
        return version("moliere")
    except PackageNotFoundError:  # a source tree that nobody installed
        return "(not installed)"


def _check_same(job: Production, mark: Path) -> None:
    if not mark.exists():
        raise CheckpointError(
            f"there is no interrupted run in {job.folder}; start one, without resuming", options=("leave out --resume",)
        )
    check_described(job, json.loads(mark.read_text()))


def check_described(job: Production, there: Mapping[str, Any]) -> None:
    """Refuse to add to the parts of another run, or to those of another version, which may be other events.

    Raises:
        CheckpointError: with what is different.
    """
    mine = described(job)
    if there.get("moliere", mine["moliere"]) != mine["moliere"]:
        raise CheckpointError(
            f"{job.folder} was begun with moliere {there['moliere']}, this is {mine['moliere']}; all machines need the "
            "same version"
        )
    if there["mark"] != job.mark:
        raise CheckpointError(
            f"{job.folder} holds a run with another seed, incident particles or settings; resume it with "
            "what it was started with, or overwrite it to start over",
            options=("--resume", "--overwrite"),
        )


def simulate_blocks(job: Production, blocks: list[int], workers: int, progress: Progress) -> dict[int, str]:
    """Do blocks and keep each as it is done; returns what went wrong, by block."""
    if workers > 1 or job.simulator.isolated:
        return _simulate_elsewhere(job, blocks, max(workers, 1), progress)
    for block in blocks:
        rng = np.random.default_rng(derive_seed(job.seed, block))
        _keep(job, block, job.simulator.simulate_here(job.incident_of(block), rng), progress)
    return {}


def _simulate_elsewhere(job: Production, waiting: list[int], workers: int, progress: Progress) -> dict[int, str]:
    blocks, problems, in_a_row = iter(waiting), dict[int, str](), 0
    with ExitStack() as stack:
        busy: dict[Any, tuple[Worker, int]] = {}

        def start(worker: Worker | None = None) -> None:
            block = next(blocks, None)
            if block is not None:
                worker = worker or stack.enter_context(Worker(job.simulator))
                worker.begin(job.incident_of(block), derive_seed(job.seed, block))
                busy[worker.connection] = worker, block

        for _ in range(workers):
            start()
        while busy:
            for connection in wait(list(busy)):
                worker, block = busy.pop(connection)
                try:
                    _keep(job, block, worker.finish(), progress)
                    in_a_row = 0
                except IncompleteRun as death:
                    problems[block], in_a_row = str(death), in_a_row + 1
                    worker.close()
                    if in_a_row < _PATIENCE:
                        start()
                else:
                    start(worker)
    return problems


def _keep(job: Production, block: int, events: Events, progress: Progress) -> None:
    # blosc costs next to no time, and a part lives only until the run is whole
    with create(job.part(block), job.simulator.detector, compression="blosc") as writer:
        writer.append(events)
    progress(len(events))


def _join(job: Production, missing: list[int]) -> None:
    """Write the output from the parts, in order, or what there is beside it; nothing if there is nothing to write."""
    done = [block for block in range(job.n_blocks) if block not in set(missing)]
    if not done:
        return
    provenance: dict[str, Any] = {"seed": job.seed, **_sums(job, done)}
    if missing:
        provenance["missing_events"] = [list(span) for span in _spans(job, missing)]
    with create_events(job.incomplete if missing else job.output, job.simulator.detector, overwrite=True) as writer:
        for events in _parts(job, done):
            writer.append(replace(events, metadata={**events.metadata, **provenance}))


def _parts(job: Production, blocks: list[int]) -> Iterator[Events]:
    for block in blocks:
        yield read_events(job.part(block))


def _sums(job: Production, blocks: list[int]) -> dict[str, dict[str, int]]:
    """What blocks counted, summed over all of them."""
    sums: dict[str, Counter[str]] = {}
    for block in blocks:
        for name, counts in open_events(job.part(block)).metadata.items():
            if name in job.simulator.counted:
                sums.setdefault(name, Counter()).update(counts)
    return {name: dict(counts) for name, counts in sums.items()}


def _spans(job: Production, blocks: list[int]) -> list[tuple[int, int]]:
    return [(rows.start, rows.stop - 1) for rows in map(job.rows, blocks)]


def _count(job: Production, blocks: list[int]) -> int:
    return sum(last - first + 1 for first, last in _spans(job, blocks))


def _drop_empty(job: Production) -> None:
    """A run that failed before its first block leaves nothing behind."""
    if len(job.waiting) == job.n_blocks:
        with suppress(OSError):
            shutil.rmtree(job.folder)


def _interrupted(job: Production) -> str:
    done = len(job) - _count(job, job.waiting)
    if not done:
        _drop_empty(job)
        return "interrupted before the first events were whole; nothing is kept"
    return f"interrupted; {done:,} of {len(job):,} events are kept in {job.folder}; resume the run"


def _explain(job: Production, missing: list[int], problems: dict[int, str]) -> str:
    spans = _spans(job, missing)
    listed = ", ".join(
        f"{first}-{last} (seed {derive_seed(job.seed, block)})"
        for (first, last), block in zip(spans[:3], missing, strict=False)
    )
    more = f" and {len(spans) - 3} further blocks" if len(spans) > 3 else ""
    first = next(iter(problems.values()), "")
    n = len(job) - _count(job, missing)
    kept = f"the other {n:,} events are in {job.incomplete}" if n else "no events are there"
    return f"events {listed}{more} are missing: {first}\n{kept}; resume the run to try the missing ones"
