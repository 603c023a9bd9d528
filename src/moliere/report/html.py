"""A report on disk: one page that opens anywhere without a network, numbers as JSON, figures as files."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moliere.detectors import from_spec
from moliere.evaluation.finding import Failed, Finding, Paper, Quantity, interval_words
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.result import Report
from moliere.evaluation.suites import suites
from moliere.files import check_free, replacing_entries
from moliere.progress import Progress, parts, silent
from moliere.report import words
from moliere.report.advice import command, next_steps
from moliere.report.drawing import draw
from moliere.report.section import Picture, Section, file_name
from moliere.report.style import to_element
from moliere.report.tables import to_csv
from moliere.version import installed_version

if TYPE_CHECKING:
    from jinja2 import Environment


#: pictures of the first screen
_GLANCED = 4


def write_report(report: Report, folder: str | Path, *, overwrite: bool = False, progress: Progress = silent) -> Path:
    """Write ``report.html``, ``report.json``, and ``figures/`` with an SVG, a PDF and a CSV file for each figure.

    Args:
        report: from :func:`moliere.evaluation.evaluate`.
        folder: made if it does not exist.
        overwrite: replace an earlier report in that folder.
        progress: called with the name of each step, and the share of the work that is done.

    Returns:
        The path of the page.

    Raises:
        OutputExists: the folder holds a report and ``overwrite`` is not set.
        WriteError: the folder cannot be written.
    """
    folder = Path(folder)
    for name in ("report.html", "report.json", "figures"):
        check_free(folder / name, overwrite=overwrite, is_folder=name == "figures")
    drawing, writing = parts(progress, (3.0, 2.0))
    sections, page = render_report(report, drawing)
    with replacing_entries(folder, overwrite=overwrite) as new:
        (new / "report.json").write_text(
            json.dumps(report.to_dict(), separators=(",", ":"), allow_nan=False), encoding="utf-8"
        )
        _write_figures(new / "figures", list(_pictures(sections)), writing)
        (new / "report.html").write_text(page, encoding="utf-8")
    return folder / "report.html"


def render_report(report: Report, progress: Progress = silent) -> tuple[list[Section], str]:
    """The sections of a report, drawn, and the page that holds them."""
    sections = [section for found in report.findings for section in _drawn(found, report)]
    pictures = list(_pictures(sections))
    for k, picture in enumerate(pictures):
        progress("drawing", k / len(pictures))
        _ = picture.svg  # kept for the page, which is written in one go
    context = {
        "report": report,
        "detector": from_spec(report.detector),
        "sections": sections,
        "headlines": [(found, headline) for found in report.findings if (headline := found.headline) is not None],
        "headline_level": words.overall(report),
        "papers": cited(report),
        "glance": list(glance(report, sections)),
        "steps": list(next_steps(report)),
        "command": command(report),
        "tables": pack_tables(pictures),
        "scripts": list(dict.fromkeys(script for section in sections for script in section.scripts)),
    }
    return sections, render("report.html", **context)


def glance(report: Report, sections: Sequence[Section]) -> Iterator[tuple[Section, Picture]]:
    """Four pictures for the first screen: what the page begins with, the observable that is worst, and an average."""
    small = {p.name: (section, p) for section in sections for p in section.pictures if not p.broad}
    firsts = [next((p.name for p in section.pictures if not p.broad), "") for section in sections]
    firsts = [name for name in firsts if name]
    worst = [name for pair in worst_observables(report) if (name := file_name(pair.name)) in small]
    for name in list(dict.fromkeys([*firsts[:2], *worst[:1], *firsts[-1:], *worst, *firsts]))[:_GLANCED]:
        yield small[name]


def worst_observables(report: Report) -> list[HistogramPair]:
    """Histograms that say something, those that are farthest above their floor first."""
    observed = report.find(Observables)
    return sorted(filter(_mostly_inside, observed.histograms), key=_surplus, reverse=True) if observed else []


def _mostly_inside(pair: HistogramPair) -> bool:
    """Whether most of the reference lies on the axis."""
    return 2 * sum(pair.reference[1:-1]) > sum(pair.reference)


def _surplus(pair: HistogramPair) -> float:
    """How far the separation power lies above its floor."""
    return (pair.separation or 0.0) - (pair.separation_floor or 0.0)


def cited(report: Report) -> list[Paper]:
    """The papers behind what a report holds, each once, those of the suite first."""
    suite = str(report.settings.get("suite"))
    known = suites[suite].citations if suite in suites else ()
    return list(dict.fromkeys((*known, *(paper for found in report.findings for paper in found.citations))))


def _drawn(found: Finding, report: Report) -> Sequence[Section]:
    """The sections of a finding; where its drawing raises an error, the error in their place."""
    detector = from_spec(report.detector)
    try:
        return draw(found, report, detector)
    except Exception as error:  # whoever wrote the drawing may have raised anything
        return draw(Failed(found.kind, f"its drawing raised {type(error).__name__}: {error}"), report, detector)


def render(template: str, **context: Any) -> str:
    """A page from its template.

    Args:
        template: name of the file.
        context: what it shows.
    """
    return _environment().get_template(template).render(**context)


@cache
def _environment() -> Environment:
    """Templates that escape whatever names files and detectors bring along."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("moliere.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(words=words, interval=interval_words, asset=_asset, version=installed_version())
    environment.tests["quantity"] = lambda cell: isinstance(cell, Quantity)
    environment.filters["element"] = lambda picture: to_element(picture.svg, picture.name, picture.title)
    environment.filters["small"] = lambda picture: to_element(picture.svg, f"small-{picture.name}", picture.title)
    return environment


def _asset(name: str) -> str:
    """A file that travels inside the page."""
    return (resources.files("moliere.report") / "assets" / name).read_text(encoding="utf-8")


def _pictures(sections: list[Section] | tuple[Section, ...]) -> Iterator[Picture]:
    for section in sections:
        yield from section.pictures
        yield from _pictures(section.parts)


def pack_tables(pictures: Iterable[Picture]) -> str:
    """The figures' numbers for the page: name → CSV as JSON, compressed, or they would weigh as much as the page."""
    texts = {picture.name: to_csv(picture.table) for picture in pictures if picture.table is not None}
    return base64.b64encode(gzip.compress(json.dumps(texts).encode(), mtime=0)).decode()


def _write_figures(folder: Path, pictures: Sequence[Picture], progress: Progress) -> None:
    folder.mkdir()
    for k, picture in enumerate(pictures):
        progress("writing figures", k / len(pictures))
        contents = {"svg": picture.svg.encode(), "pdf": picture.pdf}
        if picture.table is not None:
            contents["csv"] = to_csv(picture.table).encode()
        for suffix, content in contents.items():
            (folder / f"{picture.name}.{suffix}").write_bytes(content)
