"""Figures: deterministic SVG with its values as text, whatever the labels hold."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.figures import (
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
    figure_svg,
)
from sleeptime.lab.statistics import Estimate

pytest.importorskip("matplotlib")

SLEEP = Series(
    "with sleep", (5, 9, 20), (0.8, 0.9, 0.95), (0.7, None, 0.9), (0.85, None, 0.97), names=("v0", "v1", "v2")
)
FULL = Series("test-time only", (6, 30, 70), (0.1, 0.6, 0.95), style=Style.FULL)
TOKENS, SHARE = Axis("output tokens", log=True), Axis("accuracy", percent=True)
LINES = LineChart("Fewer tokens", (SLEEP, FULL), TOKENS, SHARE, (Reference(0.5, "half"),))
GROUPS = (replace(SLEEP, x=(0, 1, 2)), replace(FULL, x=(0, 1, 2)))
PANELS: dict[str, Panel] = {
    "lines": LINES,
    "points": PointChart("Gap", (SLEEP,), Axis("log P"), SHARE),
    "categories": PointChart("Gap", GROUPS, Axis("quintile"), SHARE, (), ("low", "mid", "high")),
    "bars": BarChart("Cost", ("N = 1", "N = 2", "N = 10"), GROUPS, SHARE),
    "reliability": ReliabilityChart("Calibration", (Series("fit", (0.1, 0.9), (0.2, 0.8)),)),
    "heat": HeatMap(
        "Saving", ("t = 1", "t = 2"), ("1", "10"), ((0.4, 2.5), (None, 3.25)), Axis("N"), Axis("ratio"), 1.0
    ),
}


def texts(svg: str) -> list[str]:
    """Every text of a drawing, as a reader's program sees it."""
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def draw(*panels: Panel, title: str = "Title", description: str = "What is to be seen.") -> str:
    return figure_svg(panels, title=title, description=description)


@pytest.mark.parametrize("kind", PANELS)
def test_each_kind_is_the_same_bytes_again_in_vectors_and_text_without_a_date(kind: str) -> None:
    svg = draw(PANELS[kind])
    assert svg == draw(PANELS[kind])
    assert PANELS[kind].title in texts(svg)
    assert "<image" not in svg
    assert "data:" not in svg
    assert not re.search(r"\d{4}-\d\d-\d\d", svg)
    assert "<metadata" not in svg


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import importlib.util, sys; s = importlib.util.spec_from_file_location('t', sys.argv[1]);"
        "t = importlib.util.module_from_spec(s); s.loader.exec_module(t); sys.stdout.write(t.draw(t.LINES))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, __file__],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert other.stdout.decode() == draw(LINES)


def test_labels_names_ticks_and_references_are_written() -> None:
    found = texts(draw(LINES))
    assert {"with sleep", "test-time only", "v0", "v1", "v2", "10", "50", "80 %", "half", "accuracy"} <= set(found)


def test_bars_and_cells_say_their_values() -> None:
    assert {"80", "95", "10", "N = 10", "with sleep"} <= set(texts(draw(PANELS["bars"])))
    assert {"0.40", "2.50", "3.25", "–", "t = 2"} <= set(texts(draw(PANELS["heat"])))


def test_a_title_and_a_description_are_read_out() -> None:
    root = ET.fromstring(draw(LINES, title="A < B & C", description='Sleep "wins".'))
    spoken = {element.get("id"): element.text for element in root if element.get("id")}
    assert root.get("role") == "img"
    assert [spoken[name] for name in (root.get("aria-labelledby") or "").split()] == ["A < B & C", 'Sleep "wins".']


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "$x_1$ costs $5", "a & b", "\\frac{", "日本語 é", "</svg>"]
)
def test_any_text_is_a_text_and_nothing_else(hostile: str) -> None:
    series = replace(FULL, label=hostile)
    found = texts(draw(LineChart("t", (SLEEP, series), TOKENS, SHARE), title=hostile, description=hostile))
    assert hostile in found


def test_characters_that_no_xml_may_hold_are_marked() -> None:
    hostile = "nul \x00 lone \ud800"
    found = draw(LineChart("t", (SLEEP, replace(FULL, label=hostile)), TOKENS, SHARE), title=hostile)
    assert "nul \N{REPLACEMENT CHARACTER} lone \N{REPLACEMENT CHARACTER}" in texts(found)


def test_small_multiples_stand_side_by_side_under_one_title() -> None:
    svg = draw(*PANELS.values(), title="All of it")
    assert "All of it" in texts(svg)
    assert "All of it" not in texts(draw(LINES, title="All of it"))
    wide, narrow = (ET.fromstring(s).get("viewBox", "").split()[2:] for s in (svg, draw(LINES)))
    assert float(wide[0]) > float(narrow[0])
    assert float(wide[1]) > float(narrow[1])


def test_a_long_title_is_wrapped_and_no_word_is_lost() -> None:
    words = "a title that is much too long for a panel of a small multiple of 95 % intervals"
    found = [text.replace("\xa0", " ") for text in texts(draw(replace(LINES, title=words), LINES))]
    lines = [text for text in found if text in words and not text.isdigit()]
    assert len(lines) > 1
    assert " ".join(lines) == words


def test_estimates_become_points_and_intervals() -> None:
    estimates = [Estimate(0.5, 0.4, 0.6, 10, 5), Estimate(0.7, None, None, 3, 1)]
    series = Series.of("s", (1, 2), estimates, names=("a", "b"))
    assert (series.y, series.low, series.high) == ((0.5, 0.7), (0.4, None), (0.6, None))


def test_values_are_made_without_matplotlib_and_a_missing_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, sleeptime.lab.figures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"sleeptime\[lab\]"):
        draw(LINES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Series("s", (1, 2), (1,)), "one entry per point"),
        (lambda: Series("s", (), ()), "at least one"),
        (lambda: Series("s", (1,), (1,), (1,)), "one entry per point"),
        (lambda: Series("s", (1,), (float("nan"),)), "finite"),
        (lambda: LineChart("t", (), TOKENS, SHARE), "at least one series"),
        (lambda: LineChart("t", (replace(SLEEP, x=(0, 1, 2)),), TOKENS, SHARE), "above 0"),
        (lambda: BarChart("t", ("a",), (FULL,), SHARE), "number the 1 categories"),
        (lambda: BarChart("t", (), (FULL,), SHARE), "at least one category"),
        (lambda: HeatMap("t", ("a",), ("b", "c"), ((1.0,),), TOKENS, SHARE), "one row of values"),
        (lambda: HeatMap("t", ("a",), ("b",), ((None,),), TOKENS, SHARE), "finite numbers"),
        (lambda: figure_svg([], title="", description=""), "at least one panel"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=message):
        make()
