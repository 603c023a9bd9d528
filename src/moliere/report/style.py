"""How all figures of this package look, and how they become SVG for a page or files on disk."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from moliere.detectors.base import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, LogNorm
    from matplotlib.figure import Figure

#: Text and axes; in a page it becomes the colour of the text around, so that figures follow light and dark.
INK = "#1a1d22"
#: The two samples, told apart by line and fill as well as by colour.
REFERENCE, GENERATED = "#7b8591", "#c2410c"
#: Guides, and bands of what is allowed.
GUIDE = "#8a929c"

#: ticks as mplhep draws them; to import it would cost 0.1 s and its fonts for these few lines
_RC: dict[Any, Any] = {
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.top": False,  # every tick is an element of the page
    "ytick.minor.right": False,
    **{f"{axis}tick.minor.ndivs": 2 for axis in "xy"},  # drawing them takes half of a page's time
    **{f"{axis}tick.minor.visible": True for axis in "xy"},
    **{f"{axis}tick.minor.size": 1.8 for axis in "xy"},
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.parse_math": False,  # names may hold dollars
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.0,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own font
    "svg.hashsalt": "moliere",  # the same figure gives the same file
}
_INK_OF_PAGE = {INK: "currentColor", REFERENCE: "var(--reference)", GENERATED: "var(--generated)"}
_HEAD = re.compile(r"^.*?<svg .*?viewBox=\"([^\"]*)\".*?>", re.DOTALL)
_STYLE = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_PATH = re.compile(r' d="([^"]*)"')
_STEP = re.compile(r"([ML]) (\S+) (\S+)\s*")
_DECIMALS = re.compile(r"(\.\d)\d+")
#: digits of an exponent
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_REFERENCED = re.compile(r'(?:href="|url\()#([^")]+)')


@contextmanager
def style() -> Iterator[None]:
    """The look of this package while figures are made, and no longer."""
    from matplotlib import rc_context

    with rc_context(_RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure (inches) without the global state of pyplot, transparent so that it fits any page."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="none")


def clear_ticks(figure: Figure) -> None:
    """Numbers at ticks that would touch their neighbour or leave the canvas are left out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.ticker import LogFormatter

    canvas = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    for axes in filter(lambda axes: axes.axison, figure.axes):
        place: Any = axes.get_axes_locator()
        axes.apply_aspect(None if place is None else place(axes, renderer))
        for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
            if isinstance(axis.get_major_formatter(), LogFormatter) and axis.get_scale() == "log":
                log_ticks(axes, "x" if name == "x" else "y")  # matplotlib's own are formulae, which are not parsed
            kept: list[Any] = []
            for label in axis.get_ticklabels():
                if label.get_visible() and label.get_text():
                    box = label.get_window_extent(renderer)
                    inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
                    label.set_visible(bool(inside and not any(box.overlaps(other) for other in kept)))
                    kept += [box] if label.get_visible() else []


def to_svg(figure: Figure) -> str:
    """The figure as an SVG document; the same figure gives the same text."""
    text = io.StringIO()
    with style():  # says how text is written
        clear_ticks(figure)
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), dpi=110)
    return _PATH.sub(_shorten, text.getvalue())


def to_pdf(figure: Figure) -> bytes:
    """The figure as a PDF of one page; the same figure gives the same bytes."""
    page = io.BytesIO()
    with style():
        clear_ticks(figure)
        figure.savefig(page, format="pdf", metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")), dpi=150)
    return page.getvalue()


def _shorten(path: re.Match[str]) -> str:
    """Path data with one decimal; steps along an axis as such, because histograms are nothing else."""
    data = _DECIMALS.sub(r"\1", path[1])
    if "C" in data or "Q" in data:  # curves: the place where a line starts is not in its neighbour
        return f' d="{data}"'
    last = ["", ""]

    def step(found: re.Match[str]) -> str:
        letter, x, y = found.groups()
        along = [letter == "L" and old == new for old, new in zip(last, (x, y), strict=True)]
        last[:] = x, y
        return f"V{y}" if along[0] else f"H{x}" if along[1] else f"{letter}{x} {y}"

    return f' d="{_STEP.sub(step, data)}"'


def to_element(svg: str, name: str, label: str) -> str:
    """An SVG document as an element of a page, which takes the page's colours, light or dark.

    Args:
        svg: from :func:`to_svg`.
        name: unique on the page; keeps the identifiers of many figures apart.
        label: what the figure shows, for those who cannot see it.
    """
    body = _STYLE.sub("", _HEAD.sub(r'<svg viewBox="\1" role="img" aria-label="@label">', svg, count=1), count=1)
    for print_colour, page_colour in _INK_OF_PAGE.items():
        body = body.replace(print_colour, page_colour)
    for mark in set(_REFERENCED.findall(body)):
        body = body.replace(f"#{mark}", f"#{name}-{mark}").replace(f'id="{mark}"', f'id="{name}-{mark}"')
    body = re.sub(rf' id="(?!{re.escape(name)}-)[^"]*"', "", body)
    return body.replace("@label", escape(label), 1).replace("xlink:href", "href")


def to_png_uri(figure: Figure, dpi: int = 110) -> str:
    """The figure as a PNG inside a data URI."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=dpi)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def log_ticks(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Few ticks with plain numbers where they are short; call it when the limits are set."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    chosen = axes.xaxis if axis == "x" else axes.yaxis
    low, high = axes.get_xlim() if axis == "x" else axes.get_ylim()
    decades = LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0), numticks=6)
    chosen.set_major_locator(decades if high > 3 * low else MaxNLocator(3))  # a decade's part has no 1, 2 and 5
    chosen.set_minor_locator(LogLocator(subs="auto", numticks=12))
    chosen.set_minor_formatter(NullFormatter())
    chosen.set_major_formatter(_log_label)


def _log_label(value: float, _: float | None = None) -> str:
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    return f"{value / 10.0**exponent:.2g} × 10{str(exponent).translate(_RAISED)}".removeprefix("1 × ")


#: Maps for energies and for ratios and differences; both can be read without telling red from green.
ENERGY, RATIO = "inferno", "RdBu_r"
#: Colours span this many decades below what is brightest: what is fainter holds no energy that matters.
_DECADES = 4
#: Ratios beyond this factor share one colour.
_FACTOR = 2.0


def colours(name: str) -> Colormap:
    """A map of colours in which what holds no energy is a light grey, on any page."""
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad=(0.54, 0.57, 0.61, 0.25))


def lit(values: Floats) -> Floats:
    """What holds no energy stays grey instead of taking the faintest colour."""
    return np.where(values > 0, values, np.nan)


def ratio(reference: Floats, generated: Floats) -> Floats:
    """Generated over reference, grey where either is dark."""
    both = (reference > 0) & (generated > 0)
    return np.asarray(np.divide(generated, reference, out=np.full(reference.shape, np.nan), where=both))


def energy_norm(values: Floats) -> LogNorm:
    """A logarithmic scale that ends at the brightest value."""
    from matplotlib.colors import LogNorm

    high = float(values.max()) or 1.0
    bright = values[values > high * 10.0**-_DECADES]
    return LogNorm(min(float(bright.min(initial=high)), high / 10), high)


def ratio_norm() -> LogNorm:
    """From half to double."""
    from matplotlib.colors import LogNorm

    return LogNorm(1 / _FACTOR, _FACTOR)


def draw_energy_key(figure: Figure, place: Axes, norm: LogNorm, label: str) -> None:
    """The scale of energies, into axes of its own."""
    from matplotlib.cm import ScalarMappable

    key = figure.colorbar(ScalarMappable(norm, ENERGY), cax=place, orientation="horizontal")
    key.set_label(label)
    log_ticks(key.ax, "x")


def draw_ratio_key(figure: Figure, place: Axes, norm: LogNorm) -> None:
    """The scale of ratios, into axes of its own."""
    from matplotlib.cm import ScalarMappable

    mappable = ScalarMappable(norm, RATIO)
    key = figure.colorbar(mappable, cax=place, orientation="horizontal", extend="both", label="generated / reference")
    ticks = [1 / _FACTOR, 1.0, _FACTOR]
    key.ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    key.ax.minorticks_off()
