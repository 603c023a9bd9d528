"""The page of a pipeline: what every step made, how long it took, and the ways to its page and its log."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from moliere.evaluation import Report
from moliere.files import replacing
from moliere.pipelines.manifest import Records
from moliere.pipelines.pipeline import Pipeline, Step
from moliere.pipelines.words import duration, last_words
from moliere.report.html import render


@dataclass(frozen=True)
class Row:
    """A step on the page.

    Args:
        step: the step.
        state: in words.
        level: good, fair or poor.
        said: what came out, in a sentence.
        command: that does the same without the pipeline.
        took: how long.
        finished: when.
        page: where its page is, from the index on.
        log: where its log is.
        files: where what it made is, and the size of each in bytes.
    """

    step: Step
    state: str
    level: str
    said: str
    command: str
    took: str
    finished: str
    page: str | None
    log: str | None
    files: tuple[tuple[str, str, int], ...]


def write_index(pipeline: Pipeline, records: Records) -> Path:
    """Write the page, whatever the state of the steps."""
    rows = [_row(pipeline, records, step) for step in pipeline.steps]
    text = render("pipeline.html", pipeline=pipeline, rows=rows, done=sum(row.level == "good" for row in rows))
    with replacing(pipeline.index, overwrite=True) as partial:
        partial.write_text(text, encoding="utf-8")
    return pipeline.index


def _row(pipeline: Pipeline, records: Records, step: Step) -> Row:
    last, why = records.of(step), records.stale(step)
    state, level = ("done", "good") if why is None else ("not done" if last else "not reached", "fair")
    if last is not None and not last.done:
        state, level = "did not end", "poor"
    outputs = last.outputs if last else {}
    log, page = pipeline.log(step), step.page and pipeline.base / step.page
    return Row(
        step=step,
        state=state,
        level=level,
        said=_said(pipeline, step) if last else "",
        command=shlex.join(["moliere", *step.command]),
        took=duration(last.seconds) if last and last.done else "",
        finished=last.finished if last else "",
        page=_link(pipeline, page) if page and page.exists() else None,
        log=_link(pipeline, log) if log.exists() else None,
        files=tuple((name, _link(pipeline, pipeline.base / name), mark.size) for name, mark in outputs.items()),
    )


def _link(pipeline: Pipeline, path: Path) -> str:
    return quote(os.path.relpath(path, pipeline.index.parent))


def _said(pipeline: Pipeline, step: Step) -> str:
    """The verdict of a report; of other steps what they said last."""
    for name in step.writes:
        path = pipeline.base / name
        if path.name == "report.json" and path.exists():
            return Report.from_dict(json.loads(path.read_text(encoding="utf-8"))).verdict
    return last_words(pipeline.log(step))
