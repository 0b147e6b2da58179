"""What stands above a panel: its title, the names of its series where they are no direct labels, and the y quantity.

Everything is left aligned and wrapped to the width of the panel, so the height is known before the panel is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from sleeptime.lab.figures import theme
from sleeptime.lab.figures.panel import BarChart, Panel, PointChart, Series

TITLE_SIZE, NAME_SIZE, QUANTITY_SIZE = 12.0, 9.5, 10.0
TITLE_LINE, NAME_LINE, QUANTITY_LINE = 15.0, 14.0, 13.0
ABOVE_PLOT, UNDER_TITLE = 10.0, 3.0
MARK, BETWEEN = 13.0, 14.0


@dataclass(frozen=True, slots=True)
class Header:
    """The lines of a header, from top to bottom; lengths are in points.

    Args:
        title: lines of the title.
        names: rows of series with the left end of each.
        quantity: lines of the y quantity.
    """

    title: tuple[str, ...]
    names: tuple[tuple[tuple[float, Series], ...], ...]
    quantity: tuple[str, ...]

    @property
    def height(self) -> float:
        """Points above the plot."""
        lines = len(self.title) * TITLE_LINE + len(self.names) * NAME_LINE + len(self.quantity) * QUANTITY_LINE
        return ABOVE_PLOT + lines + UNDER_TITLE


def plan(panel: Panel, width: float, figure: Figure) -> Header:
    """Wrap what stands above a panel to ``width`` points."""
    bold = wrapped(panel.title, width, TITLE_SIZE, figure, weight="bold")
    return Header(bold, _rows(_named(panel), width, figure), wrapped(panel.y.label, width, QUANTITY_SIZE, figure))


def draw_header(axes: Axes, header: Header, marks: str | None) -> None:
    """Write a header above its panel.

    Args:
        axes: of the panel.
        header: its plan.
        marks: the marker of every name, ``None`` for that of its style.
    """
    up = header.height - UNDER_TITLE
    for line in header.title:
        up -= TITLE_LINE
        _write(axes, line, 0, up, fontsize=TITLE_SIZE, fontweight="bold", color=theme.INK)
    for row in header.names:
        up -= NAME_LINE
        for left, series in row:
            look = theme.LOOKS[series.style]
            _write(axes, series.label, left + MARK, up, fontsize=NAME_SIZE, color=look.colour)
            x, y = _fraction(axes, left + 4, up + 4)
            axes.plot(x, y, marker=marks or look.marker, color=look.colour, clip_on=False, transform=axes.transAxes)
    for line in header.quantity:
        up -= QUANTITY_LINE
        _write(axes, line, 0, up, fontsize=QUANTITY_SIZE, color=theme.SOFT_INK)


def text_size(text: str, size: float, figure: Figure, weight: str = "normal") -> tuple[float, float]:
    """Width and height in points of a line in the font of the layout."""
    extent = Text(0, 0, text, fontsize=size, fontweight=weight, figure=figure).get_window_extent()
    return float(extent.width), float(extent.height)


def wrapped(text: str, width: float, size: float, figure: Figure, weight: str = "normal") -> tuple[str, ...]:
    """Break a text between words, where the next one would not fit; a word wider than all stays whole."""
    lines: list[str] = []
    for word in text.replace(" %", "\N{NO-BREAK SPACE}%").split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_size(longer, size, figure, weight)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return tuple(line for line in lines if line)


def _named(panel: Panel) -> tuple[Series, ...]:
    """Series that cannot be labelled beside their points, because the positions are categories."""
    if isinstance(panel, BarChart | PointChart) and panel.categories and len(panel.series) > 1:
        return panel.series
    return ()


def _rows(series: tuple[Series, ...], width: float, figure: Figure) -> tuple[tuple[tuple[float, Series], ...], ...]:
    rows: list[list[tuple[float, Series]]] = []
    right = width
    for one in series:
        needed = MARK + text_size(one.label, NAME_SIZE, figure)[0]
        if right + BETWEEN + needed > width:
            rows.append([(0.0, one)])
            right = needed
        else:
            rows[-1].append((right + BETWEEN, one))
            right += BETWEEN + needed
    return tuple(map(tuple, rows))


def _fraction(axes: Axes, right: float, up: float) -> tuple[float, float]:
    """Points to the right of, and above, the upper left corner, as fractions of the axes."""
    window = axes.get_window_extent()
    return right / window.width, 1 + up / window.height


def _write(axes: Axes, text: str, right: float, up: float, *, fontsize: float, color: str, **more: Any) -> None:
    x, y = _fraction(axes, right, up)
    axes.text(x, y, text, transform=axes.transAxes, fontsize=fontsize, color=color, ha="left", va="baseline", **more)
