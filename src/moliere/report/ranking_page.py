"""Several samples against one reference as a page: a table that leads to each sample's own report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from moliere.evaluation.ranking import Row
from moliere.files import check_free, replacing
from moliere.report.html import make_environment, package_version, write_report


def write_ranking(rows: Sequence[Row], folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write ``compare.html``, ``compare.json`` and a folder with a report for each sample.

    Args:
        rows: best first.
        folder: made if it does not exist.
        overwrite: replace what is there.

    Returns:
        The path of the page.

    Raises:
        OutputExists: the folder holds a comparison and ``overwrite`` is not set.
        WriteError: the folder cannot be written.
    """
    folder = Path(folder)
    for name in ("compare.html", "compare.json"):
        check_free(folder / name, overwrite=overwrite)
    places = [folder / f"{k}-{Path(row.name).stem}" for k, row in enumerate(rows, 1)]
    pages = [write_report(row.report, at, overwrite=overwrite) for row, at in zip(rows, places, strict=True)]
    links = [page.relative_to(folder).as_posix() for page in pages]
    columns = list(dict.fromkeys(column for row in rows for column in row.metrics))
    template = make_environment().get_template("compare.html")
    text = template.render(rows=rows, links=links, columns=columns, version=package_version())
    content = {row.name: row.report.to_dict() for row in rows}
    for name, written in (("compare.json", json.dumps(content, indent=1)), ("compare.html", text)):
        with replacing(folder / name, overwrite=overwrite) as partial:
            partial.write_text(written, encoding="utf-8")
    return folder / "compare.html"
