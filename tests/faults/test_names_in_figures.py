"""Names that look like formulae are drawn as they are, and powers of ten stay formulae."""

from __future__ import annotations

import pytest

from moliere.report.style import log_ticks, new_figure, style, to_pdf, to_png_uri, to_svg


@pytest.mark.parametrize("name", [r"$\frac{$", "$", "$$", r"a $\nosuch$ b", r"$x^$", "${}$", r"$1^$", r"$10^{$"])
def test_any_name_is_drawn(name: str) -> None:
    with style():
        figure = new_figure(3, 2)
        axes = figure.add_subplot(title=name, xlabel=name, yscale="log")
        axes.plot([1, 2], [1e-9, 1e9], label=name)
        axes.set_xticks([1, 2], [name, "b"])
        axes.legend()
        log_ticks(axes, "y")
        svg = to_svg(figure)
        to_pdf(figure)
        to_png_uri(figure)
    assert r"\times" not in svg
    assert r"\mathdefault" not in svg
    assert svg.count(name) >= 3
