"""The page in a real browser (Debian's chromium, headless): what a reader can do with it, without a network."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_CHROMIUM = shutil.which("chromium") or ""
pytestmark = pytest.mark.skipif(not _CHROMIUM, reason="needs chromium")

_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars"),
    *("--enable-logging=stderr", "--v=0", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
_PATIENCE = 60.0


@dataclass(frozen=True)
class Visit:
    """What a script in the page found, and what the browser complained about."""

    found: dict[str, Any]
    complaints: tuple[str, ...]


def visit(page: str, script: str, folder: Path, *options: str) -> Visit:
    """Open the page with a script in it that ends with ``console.log(`visited ${JSON.stringify(found)} end`)``."""
    path = folder / "page.html"
    path.write_text(page.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    complaints = []
    with _running(f"--user-data-dir={folder / 'profile'}", *options, path.as_uri()) as lines:
        for line in lines:
            if said := re.search(r"CONSOLE.*?\"visited (.*) end\"", line):
                return Visit(json.loads(said[1]), tuple(complaints))
            # what the graphics driver says about its own speed is not the page's fault
            if "CONSOLE" in line and "GL Driver Message" not in line:
                complaints.append(line)
    pytest.fail(f"the script came to no end within {_PATIENCE:g} s: {complaints}")


@contextmanager
def _running(*arguments: str) -> Iterator[Iterator[str]]:
    """A browser, line by line of what it logs, until it is no longer wanted."""
    command = [_CHROMIUM, *_OPTIONS, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, encoding="utf-8") as browser:
        alarm = threading.Timer(_PATIENCE, browser.kill)
        alarm.start()
        try:
            assert browser.stderr
            yield iter(browser.stderr)
        finally:
            alarm.cancel()
            browser.terminate()


@pytest.fixture(scope="module")
def visited(page: str, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    script = (Path(__file__).parent / "visitor.js").read_text(encoding="utf-8")
    return visit(page, script, tmp_path_factory.mktemp("visit"))


def test_page_opens_and_is_used_without_a_complaint(visited: Visit) -> None:
    assert visited.complaints == ()


def test_slider_leaves_out_faint_cells_of_both_events(visited: Visit) -> None:
    everything, some, brightest = visited.found["slid"]  # cells of 2, 7 and 2000 MeV
    assert everything == {"captions": ["2.01 GeV in 3 cells"] * 2, "words": "0"}
    assert some == {"captions": ["2 GeV in 1 of 3 cells"] * 2, "words": "63.2 MeV"}  # sqrt(2 * 2000)
    assert brightest == {"captions": ["2 GeV in 1 of 3 cells"] * 2, "words": "2 GeV"}


def test_slider_changes_the_picture_and_back(visited: Visit) -> None:
    assert visited.found["changed"] == [True, False, True]


def test_every_figure_gives_its_numbers(visited: Visit, written: Path) -> None:
    tables = visited.found["tables"]
    events = tables.pop("event.csv")
    assert set(tables) == {f"{name}.csv" for name in visited.found["names"]}
    for name, text in tables.items():
        assert text == (written / "figures" / name).read_text(encoding="utf-8")
    rows = list(csv.reader(events.splitlines()))
    assert rows[0] == ["sample", "channel", "energy (MeV)"]
    assert ["generated", "5", "2000"] in rows
    assert len(rows) == 1 + 2 * 3


def test_figures_become_pictures_on_white(visited: Visit) -> None:
    pictures = visited.found["pictures"]
    display = pictures.pop("event.png")
    assert display["colours"] > 100
    assert len(pictures) == 2
    for picture in pictures.values():
        assert picture["size"] == [1050, 870]  # 3.5 × 2.9 inches at 300 dots an inch
        assert picture["corner"] == 0xFFFFFFFF
        assert picture["colours"] > 20


def test_printing_takes_the_figure_alone_and_puts_it_back(visited: Visit) -> None:
    display, figure = visited.found["prints"]
    assert display["title"] == "event"
    assert display["element"] == "IMG"
    assert figure["title"] == visited.found["names"][0]
    assert figure["element"] == "svg"
    assert "size: 252.0pt 208.8pt" in figure["page"]
    assert visited.found["restored"]


def test_a_printed_figure_is_a_pdf_of_one_page_of_its_size(page: str, tmp_path: Path) -> None:
    press = """window.print = () => {};
    [...document.querySelectorAll(".files button")].find((button) => button.textContent === "PDF").click();"""
    path, pdf = tmp_path / "page.html", tmp_path / "figure.pdf"
    path.write_text(page.replace("</body>", f"<script>{press}</script></body>"), encoding="utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [_CHROMIUM, *_OPTIONS, profile, f"--print-to-pdf={pdf}", "--no-pdf-header-footer", path.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
    content = pdf.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 1
    box = re.search(rb"/MediaBox\s*\[([^\]]*)\]", content)
    assert box
    np.testing.assert_allclose([float(x) for x in box[1].split()], [0, 0, 252, 208.8], atol=1)


def test_page_fits_narrow_and_wide_screens(page: str, tmp_path: Path) -> None:
    frames = "".join(f'<iframe width="{width}" height="900" srcdoc="{escape(page)}"></iframe>' for width in (400, 1600))
    script = """addEventListener("load", () => {
      const found = { frames: [...document.querySelectorAll("iframe")].map((frame) => {
        const inside = frame.contentDocument;
        const box = (name) => inside.querySelector(`#event-display [data-part="${name}"]`).getBoundingClientRect();
        return {
          width: inside.documentElement.clientWidth,
          needed: inside.documentElement.scrollWidth,
          slider: [box("threshold").left, box("threshold").right],
          stage: [box("stage").left, box("stage").right],
        };
      }) };
      console.log(`visited ${JSON.stringify(found)} end`);
    });"""
    seen = visit(f"<style>iframe {{ border: 0 }}</style><body>{frames}</body>", script, tmp_path)
    assert [frame["width"] for frame in seen.found["frames"]] == [400, 1600]
    for frame in seen.found["frames"]:
        assert frame["needed"] <= frame["width"]  # nobody has to scroll sideways
        for left, right in (frame["slider"], frame["stage"]):
            assert 0 <= left < left + 120 < right <= frame["width"]


@pytest.mark.parametrize(("scheme", "dark"), [(0, True), (1, False)])
def test_figures_follow_light_and_dark(page: str, tmp_path: Path, scheme: int, dark: bool) -> None:
    script = """const tone = (colour) => Math.max(...colour.match(/\\d+/g).slice(0, 3)) / 255;
    const label = document.querySelector("figure[data-name] text");
    const found = {
      paper: tone(getComputedStyle(document.body).backgroundColor),
      words: tone(getComputedStyle(document.body).color),
      label: tone(getComputedStyle(label).fill),
    };
    console.log(`visited ${JSON.stringify(found)} end`);"""
    found = visit(page, script, tmp_path, f"--blink-settings=preferredColorScheme={scheme}").found
    assert (found["paper"] < 0.2) == dark
    assert (found["words"] > 0.8) == dark
    assert (found["label"] > 0.8) == dark
