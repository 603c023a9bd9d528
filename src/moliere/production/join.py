"""The file of a job from its blocks, and in words what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from moliere.events.formats import create_events, open_events, read_events
from moliere.events.formats.calochallenge import create
from moliere.production.job import PART_FORMAT, Job


def join(job: Job, missing: list[int]) -> None:
    """Write the output from the parts, in order, or what there is beside it; nothing if there is nothing to write."""
    done = [block for block in range(job.n_blocks) if block not in set(missing)]
    if not done:
        return
    provenance: dict[str, Any] = {**job.provenance, **_sums(job, done)}
    if missing:
        provenance["missing_events"] = [list(span) for span in _spans(job, missing)]
    output = job.incomplete if missing else job.output
    parts = [job.part(block) for block in done]
    if job.format == PART_FORMAT:
        with create(output, job.detector, overwrite=True) as file:
            metadata = {**open_events(parts[0]).metadata, **provenance}
            for part in parts:
                file.append_file(part, metadata)
        return
    with create_events(output, job.detector, job.format, overwrite=True) as writer:
        for events in map(read_events, parts):
            writer.append(replace(events, metadata={**events.metadata, **provenance}))


def _sums(job: Job, blocks: list[int]) -> dict[str, dict[str, int]]:
    """What blocks counted, summed over all of them."""
    sums: dict[str, Counter[str]] = {}
    for block in blocks if job.counted else ():
        for name, counts in open_events(job.part(block)).metadata.items():
            if name in job.counted:
                sums.setdefault(name, Counter()).update(counts)
    return {name: dict(counts) for name, counts in sums.items()}


def _spans(job: Job, blocks: list[int]) -> list[tuple[int, int]]:
    return [(rows.start, rows.stop - 1) for rows in map(job.rows, blocks)]


def missing_words(job: Job, missing: list[int], problems: dict[int, str]) -> str:
    """Which events are missing, why, and where the others are."""
    spans = _spans(job, missing)
    listed = ", ".join(
        f"{first}-{last} (seed {job.seed_of(block)})" for (first, last), block in zip(spans[:3], missing, strict=False)
    )
    more = f" and {len(spans) - 3} further blocks" if len(spans) > 3 else ""
    first = next(iter(problems.values()), "")
    n = len(job) - job.count(missing)
    kept = f"the other {n:,} events are in {job.incomplete}" if n else "no events are there"
    return f"events {listed}{more} are missing: {first}\n{kept}; resume the run to try the missing ones"
