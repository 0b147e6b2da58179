"""Figure of a run: F1 of each arm, and of agents against their budgets in steps and in tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sleeptime.lab.figures import Axis, BarChart, LineChart, Reference, Series, Style, figure_svg

_STYLES: Final = {"agent": Style.FULL, "agent+related": Style.ORACLE, "agent+notes": Style.SLEEP}
_F1: Final = Axis("F1 of the files", limits=(0.0, 1.0))
_NEAR: Final = 0.06
"""Lines with less F1 between them have no room for a label each."""

Arms = Mapping[str, Mapping[str, Any]]
"""Figures of each arm, by its name; of agents, ``NAME@STEPS``."""


def f1_figure(arms: Arms) -> str:
    """Draw a run as one SVG.

    Args:
        arms: as `results.Results` gives them.
    """
    budgets = {name: _budgets(arms, name) for name in _STYLES}
    agents = {name: points for name, points in budgets.items() if points}
    plain = {name: of for name, of in arms.items() if "@" not in name}
    said = "; ".join(f"{name} {of['f1']:.2f}" for name, of in arms.items())
    title, description = "Which files does a change touch?", f"F1 of each arm: {said}."
    if not agents:
        return figure_svg([_bars(plain)], title=title, description=description)
    lines = _references({name: of["f1"] for name, of in plain.items() if name != "content"})
    panels = [
        LineChart(
            "Against steps", tuple(_series(name, points, "steps") for name, points in agents.items()),
            Axis("budget in steps"), _F1, lines,
        ),
        LineChart(
            "Against tokens", tuple(_series(name, points, "tokens") for name, points in agents.items()),
            Axis("tokens read and written per task", log=True), _F1, lines,
        ),
    ]  # fmt: skip
    return figure_svg(panels, title=title, description=description)


def _budgets(arms: Arms, name: str) -> list[tuple[int, Mapping[str, Any]]]:
    """The figures of an agent by budget, smallest first."""
    found = [
        (int(key.partition("@")[2]), of) for key, of in arms.items() if key.partition("@")[0] == name and "@" in key
    ]
    return sorted(found, key=lambda point: point[0])


def _references(f1: Mapping[str, float]) -> tuple[Reference, ...]:
    """A line for each arm that has no budget; of lines that are near each other the highest has all the names."""
    lines: list[Reference] = []
    for name in sorted(f1, key=lambda name: f1[name]):
        label = name
        if lines and f1[name] - lines[-1].y < _NEAR:
            label, lines[-1] = f"{name}, {lines[-1].label}", Reference(lines[-1].y)
        lines.append(Reference(f1[name], label))
    return tuple(lines)


def _series(name: str, points: list[tuple[int, Mapping[str, Any]]], axis: str) -> Series:
    x = [float(steps) if axis == "steps" else max(1.0, total_tokens(of)) for steps, of in points]
    return _drawn(name, x, [of for _, of in points], _STYLES[name])


def total_tokens(of: Mapping[str, Any]) -> float:
    """Tokens of one answer, read and written."""
    return float(sum(count for kind, count in of["tokens"].items() if kind != "reasoning_tokens"))


def _bars(arms: Arms) -> BarChart:
    positions = [float(place) for place in range(len(arms))]
    return BarChart("Without a model", tuple(arms), (_drawn("F1", positions, list(arms.values()), Style.SLEEP),), _F1)


def _drawn(label: str, x: list[float], figures: list[Mapping[str, Any]], style: Style) -> Series:
    ends = [of["f1_interval"] or (None, None) for of in figures]
    return Series(
        label,
        tuple(x),
        tuple(of["f1"] for of in figures),
        tuple(low for low, _ in ends),
        tuple(high for _, high in ends),
        style,
    )
