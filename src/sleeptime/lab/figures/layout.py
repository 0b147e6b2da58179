"""Panels in a grid. Margins are fixed lengths, headers as high as their lines: nothing overlaps at any size."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from sleeptime.lab.figures.draw import draw_panel
from sleeptime.lab.figures.header import plan, text_size
from sleeptime.lab.figures.panel import BarChart, HeatMap, Panel, ReliabilityChart

# All lengths are in points; a figure has 72 pixels an inch, so a pixel is a point.
WIDTH, SMALL_WIDTH = 547.0, 290.0
PLOT_HEIGHT, SMALL_PLOT_HEIGHT = 225.0, 175.0
LEFT, RIGHT, UNDER_PLOT, UNDER_TICKS = 48.0, 20.0, 46.0, 30.0
EDGE, GUTTER = 12.0, 14.0
TITLE_SIZE, TITLE_HEIGHT = 14.0, 30.0


def compose(figure: Figure, panels: Sequence[Panel], title: str, columns: int | None = None) -> None:
    """Size the figure and draw every panel.

    Args:
        figure: empty.
        panels: from left to right and top to bottom.
        title: written on top where there are several panels.
        columns: panels per row; default: at most 3, in rows as full as they can be.
    """
    columns = min(columns or _columns(len(panels)), len(panels))
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    plot_height = PLOT_HEIGHT if columns == 1 else SMALL_PLOT_HEIGHT
    cell = max(WIDTH / columns, SMALL_WIDTH) if columns > 1 else _single_width(panels, plot_height)
    figure.set_size_inches(columns * cell / 72, 1)  # text is measured before the height is known
    planned = [[plan(panel, cell - LEFT - RIGHT + _margin_given_back(panel), figure) for panel in row] for row in rows]
    head = [max(header.height for header in row) for row in planned]
    foot = [max(UNDER_PLOT if panel.x.label else UNDER_TICKS for panel in row) for row in rows]
    top = TITLE_HEIGHT if len(panels) > 1 and title else 0.0
    height = EDGE + top + sum(head) + sum(foot) + len(rows) * plot_height + (len(rows) - 1) * GUTTER
    width = columns * cell
    figure.set_size_inches(width / 72, height / 72)
    under = height - EDGE - top
    for row, headers, above, below in zip(rows, planned, head, foot, strict=True):
        under -= above + plot_height
        for column, (panel, header) in enumerate(zip(row, headers, strict=True)):
            left, plot_width = column * cell + LEFT, cell - LEFT - RIGHT
            if isinstance(panel, HeatMap):
                names = max(text_size(name, 10.5, figure)[0] for name in panel.rows)
                left, plot_width = left + names - LEFT + EDGE + 6, plot_width - names + LEFT - EDGE - 6
            elif isinstance(panel, ReliabilityChart):
                plot_width = min(plot_width, plot_height)
            box = (left / width, under / height, plot_width / width, plot_height / height)
            draw_panel(figure.add_axes(box), panel, header)
        under -= below + GUTTER
    if top:
        left_edge, up = EDGE / width, 1 - (EDGE + 4) / height
        figure.text(left_edge, up, title, fontsize=TITLE_SIZE, fontweight="bold", va="top")


def _columns(count: int) -> int:
    rows = -(-count // 3)
    return -(-count // rows)


def _single_width(panels: Sequence[Panel], plot_height: float) -> float:
    """A square panel needs no more width than height."""
    square = all(isinstance(panel, ReliabilityChart) for panel in panels)
    return LEFT + plot_height + RIGHT if square else WIDTH


def _margin_given_back(panel: Panel) -> float:
    """Points by which a header may be wider than the plot: it may use the right margin."""
    return RIGHT - EDGE if isinstance(panel, BarChart | HeatMap) else RIGHT / 2
