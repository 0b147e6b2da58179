"""Figures of the results: values in, SVG text out, in one style."""

from sleeptime.lab.figures.panel import (
    Axis,
    BarChart,
    HeatMap,
    LineChart,
    Panel,
    PointChart,
    Reference,
    ReliabilityChart,
    Series,
    Style,
)
from sleeptime.lab.figures.svg import figure_svg

__all__ = [
    "Axis",
    "BarChart",
    "HeatMap",
    "LineChart",
    "Panel",
    "PointChart",
    "Reference",
    "ReliabilityChart",
    "Series",
    "Style",
    "figure_svg",
]
