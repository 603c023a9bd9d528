"""Several samples against one reference as a page: a table that leads to each sample's own report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from moliere.evaluation.ranking import Row
from moliere.files import check_free, replacing_entries
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
    columns = list(dict.fromkeys(column for row in rows for column in row.metrics))
    content = {row.name: row.report.to_dict() for row in rows}
    template = make_environment().get_template("compare.html")
    with replacing_entries(folder, overwrite=overwrite) as new:
        places = [new / f"{k}-{Path(row.name).stem}" for k, row in enumerate(rows, 1)]
        pages = [write_report(row.report, at) for row, at in zip(rows, places, strict=True)]
        links = [page.relative_to(new).as_posix() for page in pages]
        text = template.render(rows=rows, links=links, columns=columns, version=package_version())
        (new / "compare.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        (new / "compare.html").write_text(text, encoding="utf-8")
    return folder / "compare.html"
