"""Draw panels with matplotlib (the extra ``lab``): this module is imported when the first figure is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from sleeptime.lab.figures import labels, theme
from sleeptime.lab.figures.header import Header, draw_header, text_size
from sleeptime.lab.figures.panel import (
    Axis,
    BarChart,
    Bounds,
    HeatMap,
    LineChart,
    Panel,
    PointChart,
    Reference,
    ReliabilityChart,
    Series,
    Style,
)

NORMAL, SMALL, TINY = 10.5, 9.0, 8.5
RIM: dict[str, Any] = {"markeredgecolor": theme.GROUND, "markeredgewidth": 1.0}


def draw_panel(axes: Axes, panel: Panel, header: Header) -> None:
    """Draw one panel into its axes, and its header above them."""
    match panel:
        case LineChart():
            _lines(axes, panel)
        case PointChart():
            _points(axes, panel)
        case BarChart():
            _bars(axes, panel)
        case ReliabilityChart():
            _reliability(axes, panel)
        case HeatMap():
            _heat(axes, panel)
    draw_header(axes, header, marks="s" if isinstance(panel, BarChart) else None)


def _lines(axes: Axes, panel: LineChart) -> None:
    for series in panel.series:
        look = theme.LOOKS[series.style]
        order = np.argsort(series.x, kind="stable")
        x, y, low, high = (np.asarray(part)[order] for part in (series.x, series.y, *_ends(series)))
        axes.fill_between(x, low, high, color=look.colour, alpha=0.14, linewidth=0, zorder=2)
        axes.plot(x, y, color=look.colour, linestyle=look.dashes, marker=look.marker, zorder=4, **RIM)
    _references(axes, panel.references)
    _frame(axes, panel.x, panel.y, references=panel.references)
    _label(axes, panel.series, joined=True)


def _points(axes: Axes, panel: PointChart) -> None:
    shifts = _shifts(len(panel.series), 0.16) if panel.categories else [0.0] * len(panel.series)
    moved = [
        Series(s.label, tuple(x + shift for x in s.x), s.y, s.low, s.high, s.style, s.names)
        for s, shift in zip(panel.series, shifts, strict=True)
    ]
    for series in moved:
        _error_bars(axes, series)
    _references(axes, panel.references)
    _frame(axes, panel.x, panel.y, panel.categories, panel.references)
    if not panel.categories:
        _label(axes, moved, joined=False)


def _bars(axes: Axes, panel: BarChart) -> None:
    width = 0.78 / len(panel.series)
    axes.axhline(0, color=theme.SOFT_INK, linewidth=0.8, zorder=5)
    _references(axes, panel.references)
    texts: list[tuple[float, float, float]] = []
    for series, shift in zip(panel.series, _shifts(len(panel.series), width), strict=True):
        x = [at + shift for at in series.x]
        axes.bar(x, series.y, width=width * 0.92, color=theme.LOOKS[series.style].colour, zorder=3)
        for at, y, low, high in zip(x, series.y, *_ends(series), strict=True):
            if np.isfinite(low):
                axes.plot([at, at], [low, high], color=theme.INK, linewidth=1.1, zorder=4, solid_capstyle="butt")
            texts.append((at, y, (y if np.isnan(low) else high if y >= 0 else low)))
    _frame(axes, panel.x, panel.y, panel.categories, panel.references)
    _bar_values(axes, panel, texts, width)


def _bar_values(axes: Axes, panel: BarChart, texts: Sequence[tuple[float, float, float]], width: float) -> None:
    """Write each value past the end of its bar and interval, upright where it would meet its neighbour's."""
    room = width * axes.get_window_extent().width / len(panel.categories)
    widest = max(text_size(_value(y, panel.y), SMALL, _figure(axes))[0] for _, y, _ in texts)
    for at, y, end in texts:
        axes.annotate(
            _value(y, panel.y),
            (at, end),
            xytext=(0, 3 if y >= 0 else -3),
            textcoords="offset points",
            ha="center",
            va="bottom" if y >= 0 else "top",
            fontsize=SMALL,
            color=theme.INK,
            rotation=0 if widest < room else 90,
        )
    if widest >= room and not panel.y.limits:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.08 * (high - low))


def _reliability(axes: Axes, panel: ReliabilityChart) -> None:
    axes.plot([0, 1], [0, 1], color=theme.SOFT_INK, linewidth=1, linestyle=(0, (3, 3)), zorder=2)
    for series in panel.series:
        _error_bars(axes, series)
        axes.plot(series.x, series.y, color=theme.LOOKS[series.style].colour, linewidth=1.2, alpha=0.5, zorder=3)
    _frame(axes, panel.x, panel.y)
    _label(axes, panel.series, joined=True, diagonal=True)


def _heat(axes: Axes, panel: HeatMap) -> None:
    values = np.array([[np.nan if v is None else v for v in row] for row in panel.values])
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    if panel.centre is None:
        colours, norm = theme.RAMP, Normalize(least, most if most > least else least + 1)
    else:
        reach = max(abs(most - panel.centre), abs(least - panel.centre)) or 1.0
        colours, norm = theme.DIVERGING, Normalize(panel.centre - reach, panel.centre + reach)
    colour_map = LinearSegmentedColormap.from_list("sleeptime", list(colours))
    masked = np.ma.masked_invalid(values)
    axes.pcolormesh(masked, cmap=colour_map, norm=norm, edgecolors=theme.GROUND, linewidth=2, zorder=2)
    for row, column in np.ndindex(*values.shape):
        value = values[row, column]
        red, green, blue, _ = colour_map(norm(value)) if np.isfinite(value) else (1.0, 1.0, 1.0, 1.0)
        dark = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.213
        text = _value(float(value), panel.y) if np.isfinite(value) else "–"
        colour = theme.GROUND if dark else theme.INK
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=colour, zorder=4)
    axes.set_xticks(np.arange(len(panel.columns)) + 0.5, panel.columns)
    axes.set_yticks(np.arange(len(panel.rows)) + 0.5, panel.rows)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel(panel.x.label, fontsize=10)


def _ends(series: Series) -> tuple[list[float], list[float]]:
    """Ends of the intervals, NaN for none."""

    def filled(ends: Bounds) -> list[float]:
        return [float("nan") if end is None else end for end in ends] or [float("nan")] * len(series.x)

    return filled(series.low), filled(series.high)


def _error_bars(axes: Axes, series: Series) -> None:
    look = theme.LOOKS[series.style]
    for x, low, high in zip(series.x, *_ends(series), strict=True):
        if np.isfinite(low):
            axes.plot([x, x], [low, high], color=look.colour, linewidth=1.6, zorder=3, solid_capstyle="butt")
    axes.plot(series.x, series.y, color=look.colour, linestyle="none", marker=look.marker, zorder=4, **RIM)


def _shifts(count: int, width: float) -> list[float]:
    return [(number - (count - 1) / 2) * width for number in range(count)]


def _frame(axes: Axes, x: Axis, y: Axis, categories: Sequence[str] = (), references: Sequence[Reference] = ()) -> None:
    """Scales, limits, ticks and the label under the data; references stay clear of the edge."""
    for name, axis in (("x", x), ("y", y)):
        if axis.log:
            getattr(axes, f"set_{name}scale")("log")
        if axis.limits:
            getattr(axes, f"set_{name}lim")(*axis.limits)
    if not y.limits and not y.log:
        low, high = axes.get_ylim()
        clear = 0.06 * (high - low)
        axes.set_ylim(min([low, *(r.y - clear for r in references)]), max([high, *(r.y for r in references)]) + clear)
    if categories:
        axes.set_xticks(range(len(categories)), categories)
        axes.set_xlim(-0.55, len(categories) - 0.45)
        axes.tick_params(axis="x", length=0)
    else:
        _ticks(axes.xaxis, x)
    _ticks(axes.yaxis, y)
    axes.set_xlabel(x.label, fontsize=10)


def _ticks(drawn: XAxis | YAxis, axis: Axis) -> None:
    if axis.ticks:
        drawn.set_major_locator(FixedLocator(list(axis.ticks)))
    elif axis.log:
        drawn.set_major_locator(FixedLocator(round_steps(*drawn.get_view_interval())))
    else:
        drawn.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    drawn.set_minor_locator(NullLocator())
    drawn.set_major_formatter(FuncFormatter(lambda value, _: tick_text(float(value), percent=axis.percent)))


def round_steps(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two values; the powers alone where there would be more than eight.

    >>> round_steps(3, 120)
    [5.0, 10.0, 20.0, 50.0, 100.0]
    """
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    fine = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    found = [value for value in fine if low * 0.999 <= value <= high * 1.001]
    return found if len(found) <= 8 else [value for value in found if f"{value:e}".startswith("1")]


def tick_text(value: float, *, percent: bool) -> str:
    """A value as it is written at an axis.

    >>> tick_text(0.05, percent=True), tick_text(12_000, percent=False), tick_text(-2.5, percent=False)
    ('5 %', '12,000', '−2.5')
    """
    text = f"{value * 100:.4g} %" if percent else f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    return text.replace("-", "−")


def _value(value: float, axis: Axis) -> str:
    """A value as it is written at a bar or in a cell: three figures at most."""
    if axis.percent:
        return (
            f"{value * 100:.0f}".replace("-", "−") if abs(value) >= 0.0995 else f"{value * 100:.1f}".replace("-", "−")
        )
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text.replace("-", "−")


def _references(axes: Axes, references: Sequence[Reference]) -> None:
    for reference in references:
        axes.axhline(reference.y, color=theme.SOFT_INK, linewidth=1.1, linestyle=(0, (3, 3)), zorder=2.5)
        if reference.label:
            axes.annotate(
                reference.label,
                (1, reference.y),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 3),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=theme.SOFT_INK,
                fontsize=SMALL,
            )


def _label(axes: Axes, series: Sequence[Series], *, joined: bool, diagonal: bool = False) -> None:
    """Write the label of each series, and the names of its points, beside them."""
    figure = _figure(axes)
    lines = [axes.transData.transform(np.column_stack([s.x, s.y])) for s in series]
    paths = [labels.along(line[np.argsort(line[:, 0], kind="stable")]) if joined else line for line in lines]
    rest = [labels.along(axes.transData.transform([[0, 0], [1, 1]]))] if diagonal else []
    todo: list[tuple[str, Style, float, labels.Label]] = []
    for number, one in enumerate(series):
        others = np.concatenate([*(p for i, p in enumerate(paths) if i != number), *rest, np.empty((0, 2))])
        ends = lines[number][np.argsort(-lines[number][:, 0], kind="stable")]
        wanted = [(one.label, ends, NORMAL)] if len(series) > 1 else []
        wanted += [(name, point[None], TINY) for name, point in zip(one.names, lines[number], strict=False) if name]
        for text, anchors, size in wanted:
            width, height = text_size(text, size, figure, _weight(size))
            todo.append((text, one.style, size, labels.Label(anchors, width, height, paths[number], others)))
    todo.sort(key=lambda item: -item[2])
    window = axes.get_window_extent()
    bounds = labels.Box(window.x0, window.y0, window.x1 + 4, window.y1 + 4)
    for (text, style, size, _), box in zip(todo, labels.place([item[3] for item in todo], bounds), strict=True):
        x, y = axes.transAxes.inverted().transform(((box.left + box.right) / 2, (box.bottom + box.top) / 2))
        axes.text(
            x,
            y,
            text,
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=size,
            fontweight=_weight(size),
            color=theme.LOOKS[style].colour,
            zorder=6,
        )


def _weight(size: float) -> str:
    return "bold" if size > SMALL else "normal"


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure
