from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

from moliere.errors import OutputExists
from moliere.evaluation.findings.classifiers import Classifiers
from moliere.evaluation.findings.interpolation import Interpolation
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.findings.planes import Plane, Planes
from moliere.evaluation.findings.response import Response
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.result import Report, Sample
from moliere.report.html import render_report, write_report
from moliere.report.plots import draw_histogram
from moliere.report.section import Section
from moliere.report.style import to_pdf

_EDGES = (0.0, 1.0, 2.0)
_PLANE = Plane(("x", "y"), ("x", "y"), (False, False), _EDGES, _EDGES, ((0.0, 1.0),) * 2, ((0.0, 1.0),) * 2)
_HOSTILE = "<script>alert('x')</script>&\"$x$"
#: Attributes through which a page loads something without a click.
_LOADING = {"src", "srcset", "data", "poster", "background", "action", "xlink:href"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name in _LOADING or (name == "href" and tag != "a"):
                self.loads.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_page_says_every_number_with_error_floor_and_verdict(page: str) -> None:
    text = " ".join(_Page(page).text)
    for words in ("AUC, boosting", "0.6123 ± 0.0021", "0.5012 ± 0.0030", "Fréchet distance", "15.1 × the floor"):
        assert words in text
    assert "12.10 ± 0.40 %" in text
    assert "Close: the best classifier reaches AUC 0.612." in text
    assert "The energies differ." in text
    assert "2,200 times faster" in text
    assert "4,000 events" in text
    assert "versions.numpy" in text


def test_page_shows_every_histogram_with_its_separation(histograms: tuple[HistogramPair, ...], page: str) -> None:
    text = " ".join(_Page(page[page.index("<main>") :]).text)
    for pair in histograms:
        assert text.count(f"{pair.label} (MeV)") == 1  # on the axis
    assert text.count("separation 0.0123 (floor 0.0045)") == 2


def test_layer_by_layer_has_a_section_where_it_was_looked_at(page: str, written: Path) -> None:
    assert '<section id="layers">' in page
    assert len((written / "figures" / "layer-ratios.csv").read_text().splitlines()) == 4


def test_page_loads_nothing_from_anywhere(page: str) -> None:
    parsed = _Page(page)
    assert all(re.match(r"data:|#", target) for target in parsed.loads)
    assert all(target.startswith(("#", "https://arxiv.org/", "https://github.com/")) for target in parsed.links)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert not re.search(r"\b(fetch|XMLHttpRequest|importScripts|WebSocket|sendBeacon)\(", _scripts())


def _scripts() -> str:
    assets = resources.files("moliere.report") / "assets"
    names = ("figure_files.js", "event_cells.js", "event_display.js")
    return "".join((assets / name).read_text(encoding="utf-8") for name in names)


def test_identifiers_are_unique_and_internal_links_lead_somewhere(page: str) -> None:
    parsed = _Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {link[1:] for link in parsed.links if link.startswith("#")} <= set(parsed.ids)
    assert set(re.findall(r'url\(#([^)"]+)\)', page)) <= set(parsed.ids)


def test_names_from_outside_cannot_become_markup(
    report: Report, histograms: tuple[HistogramPair, ...], page: str
) -> None:
    hostile = replace(
        report,
        verdict=_HOSTILE,
        reference=replace(report.reference, name=_HOSTILE, metadata={_HOSTILE: _HOSTILE}),
        detector={**report.detector, "name": _HOSTILE},
        findings=(
            Classifiers(metrics=(replace(report.metrics[0], label=_HOSTILE, verdict=_HOSTILE, note=_HOSTILE),)),
            Observables((replace(histograms[0], label=_HOSTILE, unit=_HOSTILE, group=_HOSTILE),), 1.0),
            *report.findings[-1:],
        ),
        warnings=(_HOSTILE,),
        settings={_HOSTILE: _HOSTILE},
    )
    _, attacked = render_report(hostile)
    parsed = _Page(attacked)
    assert "<script>alert" not in attacked
    assert parsed.tags.count("script") == _Page(page).tags.count("script")
    assert any("alert('x')" in text for text in parsed.text)  # it is shown, as text


def test_layer_names_cannot_leave_the_json_of_the_display(report: Report) -> None:
    spec = json.loads(json.dumps(report.detector))
    spec["layers"][0]["name"] = "</script><script>alert(1)</script>$\\frac$"
    _, page = render_report(replace(report, detector=spec))
    assert "<script>alert(1)" not in page
    data = re.search(r'id="event-display-data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["views"][0]["layers"][0]["label"] == spec["layers"][0]["name"]


def test_files_on_disk(report: Report, written: Path) -> None:
    content = json.loads((written / "report.json").read_text(encoding="utf-8"))
    assert Report.from_dict(content) == Report.from_dict(report.to_dict())
    names = {path.name for path in (written / "figures").iterdir()}
    for name in ("response-by-energy", "layer_energy-0", "layer_energy-1", "correlations", "showers-all-0-2-3"):
        assert {f"{name}.svg", f"{name}.pdf", f"{name}.csv"} <= names
    assert (written / "figures" / "correlations.pdf").read_bytes().startswith(b"%PDF-")
    assert (written / "report.html").stat().st_size < 1_500_000
    assert not list(written.rglob(".*"))  # nothing temporary is left


def test_an_existing_report_is_kept_unless_told_otherwise(
    response: Response, bare_report: Report, tmp_path: Path
) -> None:
    page = write_report(replace(bare_report, findings=(*bare_report.findings, response)), tmp_path)
    assert len(list((tmp_path / "figures").iterdir())) == 2 * 3
    before = page.read_bytes()
    with pytest.raises(OutputExists, match="overwrite it"):
        write_report(bare_report, tmp_path)
    assert page.read_bytes() == before
    (tmp_path / "notes.txt").write_text("mine")
    write_report(bare_report, tmp_path, overwrite=True)
    assert page.read_bytes() != before
    assert not list((tmp_path / "figures").iterdir())  # those of the earlier report would mislead
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_page_without_curves_or_events(bare_report: Report) -> None:
    sections, page = render_report(bare_report)
    assert sections == []
    assert "event-display" not in page.split("</style>")[1]
    assert "0.6123" in page


def test_the_same_report_gives_the_same_page(
    drawn: tuple[list[Section], str], histograms: tuple[HistogramPair, ...], page: str
) -> None:
    sections, again = drawn
    assert again == page
    figure = draw_histogram(histograms[0])
    assert sections[1].pictures[0].pdf == to_pdf(figure) == to_pdf(figure)


def test_page_cites_the_papers_of_what_it_shows(page: str) -> None:
    parsed = _Page(page)
    assert "https://arxiv.org/abs/2211.10295" in parsed.links
    assert "https://arxiv.org/abs/2002.09797" not in parsed.links  # there is no density and no coverage
    assert "Evaluating generative models in high energy physics, R. Kansal, 2023," in " ".join(
        " ".join(parsed.text).split()
    )


def test_page_shows_a_baseline_and_energies_that_were_left_out(bare_report: Report, page: str) -> None:
    auc = replace(bare_report.metrics[0], baseline=0.9876, baseline_error=0.0012)
    more = replace(
        bare_report,
        baseline=Sample("gflash.h5", 4000, 4000, (1000.0, 50_000.0)),
        findings=(Classifiers(metrics=(auc,)), Interpolation((2000.0, 4000.0), 800, 0.125, 0.0625, 0.03125)),
    )
    text = " ".join(" ".join(_Page(render_report(more)[1]).text).split())
    assert "0.9876 ± 0.0012" in text
    assert "gflash.h5" in text
    for words in ("0.125", "0.0625", "0.0312", "2 GeV – 4 GeV", "800"):
        assert words in text
    assert "gflash.h5" not in page
    assert "interpolation" not in page.split("</style>")[1].split("<script")[0]


def test_a_drawing_that_raises_leaves_its_error_in_its_place(bare_report: Report, response: Response) -> None:
    broken = Planes((replace(_PLANE, reference=((1.0,),)),))
    sections, page = render_report(replace(bare_report, findings=(response, broken)))
    assert sections[-1].title == "Not measured"
    assert "The finding &#39;planes&#39; could not be computed: its drawing raised" in page
    assert [section.anchor for section in sections[:-1]] == ["response"]


def test_bundle_exports_what_the_display_uses() -> None:
    bundle = (resources.files("moliere.report") / "assets" / "three.bundle.min.js").read_text(encoding="utf-8")
    used = set(re.findall(r"THREE\.(\w+)", _scripts()))
    assert len(used) > 10
    assert all(f"{name}:()=>" in bundle for name in used)
    assert "</script" not in bundle + _scripts()  # would end the element of the page too early


def test_static_picture_and_licence_travel_with_the_page(page: str) -> None:
    assert 'src="data:image/png;base64,iVBOR' in page
    assert "Permission is hereby granted" in page
