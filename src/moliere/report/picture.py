"""One figure of a page: what is drawn, and the numbers that it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from moliere.report.style import to_pdf, to_svg
from moliere.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """One figure of a page.

    Args:
        name: of its files, unique.
        figure: as drawn.
        title: what it shows.
        notes: numbers beside it.
        broad: whether it takes the full width.
        table: the numbers that it shows; ``None`` where they are too many for a page.
    """

    name: str
    figure: Figure
    title: str
    notes: tuple[str, ...] = ()
    broad: bool = False
    table: Table | None = None

    @cached_property
    def svg(self) -> str:
        """A whole SVG document."""
        return to_svg(self.figure)

    @cached_property
    def pdf(self) -> bytes:
        """The same as a PDF of one page."""
        return to_pdf(self.figure)
