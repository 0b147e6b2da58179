"""What a figure shows, as plain values: series, axes and the kinds of panel. Knows nothing of how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics import Estimate

Values = tuple[float, ...]
Bounds = tuple[float | None, ...]


class Style(StrEnum):
    """The part that a series plays; the same part looks the same in every figure."""

    SLEEP = "sleep"
    FULL = "full"
    AUTO = "auto"
    MERGE = "merge"
    CONCAT = "concat"
    ORACLE = "oracle"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together.

    Args:
        label: what they are, written beside them.
        x: positions; in a bar chart 0, 1, ... number its categories.
        y: values.
        low: lower ends of the intervals, ``None`` where there is none; empty for no intervals at all.
        high: upper ends.
        style: how they look.
        names: a name per point, such as its budget, empty where it has none; empty for none at all.
    """

    label: str
    x: Values
    y: Values
    low: Bounds = ()
    high: Bounds = ()
    style: Style = Style.SLEEP
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        sizes = {len(part) for part in (self.x, self.y, self.low or self.x, self.high or self.x, self.names or self.x)}
        if sizes != {len(self.x)} or not self.x or bool(self.low) != bool(self.high):
            raise InputError(f"series {self.label!r}: x, y, low, high and names need one entry per point, at least one")
        if not all(math.isfinite(value) for value in (*self.x, *self.y, *self.low, *self.high) if value is not None):
            raise InputError(f"series {self.label!r}: every value must be a finite number; leave undefined points out")

    @classmethod
    def of(
        cls,
        label: str,
        x: Sequence[float],
        estimates: Sequence[Estimate],
        style: Style = Style.SLEEP,
        names: Sequence[str] = (),
    ) -> Series:
        """Estimates with their intervals."""
        means = tuple(estimate.mean for estimate in estimates)
        low, high = (tuple(getattr(estimate, end) for estimate in estimates) for end in ("low", "high"))
        return cls(label, tuple(x), means, low, high, style, tuple(names))


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Args:
        label: the quantity with its unit.
        log: logarithmic, for what spans more than a factor of ten.
        percent: shares from 0 to 1, written as percent.
        limits: least and greatest value shown; default: what the data need.
        ticks: values that are marked; default: round ones.
    """

    label: str
    log: bool = False
    percent: bool = False
    limits: tuple[float, float] | None = None
    ticks: Values = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A horizontal line to compare with, such as a paper's figure or "no difference".

    Args:
        y: where it is.
        label: what it is; empty for none.
    """

    y: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines through measured points with interval bands: accuracy against tokens."""

    title: str
    series: tuple[Series, ...]
    x: Axis
    y: Axis
    references: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        _check(self.title, self.series, self.x, self.y)


@dataclass(frozen=True, slots=True)
class PointChart:
    """Points with error bars, not joined.

    Args:
        categories: names of the positions 0, 1, ... where x is no quantity; empty where it is one.
    """

    title: str
    series: tuple[Series, ...]
    x: Axis
    y: Axis
    references: tuple[Reference, ...] = ()
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.title, self.series, self.x, self.y, self.categories)


@dataclass(frozen=True, slots=True)
class BarChart:
    """Grouped bars from 0 with error bars; x of every series numbers the categories."""

    title: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    y: Axis
    x: Axis = Axis("")
    references: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        if not self.categories:
            raise InputError(f"panel {self.title!r}: a bar chart needs at least one category")
        _check(self.title, self.series, self.x, self.y, self.categories)


@dataclass(frozen=True, slots=True)
class ReliabilityChart:
    """Observed shares against predicted ones; a calibrated prediction lies on the diagonal."""

    title: str
    series: tuple[Series, ...]
    x: Axis = Axis("predicted", percent=True, limits=(0.0, 1.0))
    y: Axis = Axis("observed", percent=True, limits=(0.0, 1.0))

    def __post_init__(self) -> None:
        _check(self.title, self.series, self.x, self.y)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A table of values in colour, each written in its cell.

    Args:
        rows: names of the rows, the first on top.
        columns: names of the columns.
        values: rows of values, ``None`` where there is none.
        x: label of the columns.
        y: label of the rows; ``percent`` here is for the cells.
        centre: the value without colour, when both directions mean something (a difference: 0, a ratio: 1).
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[Bounds, ...]
    x: Axis
    y: Axis
    centre: float | None = None

    def __post_init__(self) -> None:
        shape = {len(row) for row in self.values} == {len(self.columns)} and len(self.values) == len(self.rows)
        if not shape or not self.columns:
            raise InputError(f"panel {self.title!r}: one row of values per name, one value per column are needed")
        found = [value for row in self.values for value in row if value is not None]
        if not found or not all(map(math.isfinite, found)):
            raise InputError(f"panel {self.title!r}: values must be finite numbers, None where there is none")


Panel = LineChart | PointChart | BarChart | ReliabilityChart | HeatMap


def _check(title: str, series: tuple[Series, ...], x: Axis, y: Axis, categories: tuple[str, ...] = ()) -> None:
    if not series:
        raise InputError(f"panel {title!r}: at least one series is needed")
    for one in series:
        shown = (*one.y, *(value for value in (*one.low, *one.high) if value is not None))
        if (x.log and min(one.x) <= 0) or (y.log and min(shown) <= 0):
            raise InputError(f"panel {title!r}, series {one.label!r}: a logarithmic axis needs values above 0")
        if categories and not set(one.x) <= set(range(len(categories))):
            raise InputError(
                f"panel {title!r}, series {one.label!r}: x must number the {len(categories)} categories from 0"
            )
