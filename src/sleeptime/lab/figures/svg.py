"""Figures as SVG text: the same bytes for the same values, with a title and a description for those who cannot see."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar, cast
from xml.sax.saxutils import escape

from sleeptime.core.errors import InputError
from sleeptime.lab.figures import theme
from sleeptime.lab.figures.panel import Panel

T = TypeVar("T")

_NOT_XML = re.compile("[^\\t\\n\\r -\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What no XML document may hold, not even escaped: most control characters, and halves of characters."""


def figure_svg(panels: Sequence[Panel], *, title: str, description: str, columns: int | None = None) -> str:
    """Draw panels, one or several side by side, as one SVG.

    Args:
        panels: from left to right and top to bottom.
        title: what the figure shows, in a line; written above several panels, and read out for one or more.
        description: what is to be seen in it, in a sentence or two; read out.
        columns: panels per row; default: at most 3, in rows as full as they can be.

    Returns:
        A whole SVG document, with texts as texts.

    Raises:
        InputError: no panel, or matplotlib is not installed.
    """
    if not panels:
        raise InputError("a figure needs at least one panel")
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        from sleeptime.lab.figures.layout import compose
    except ImportError as missing:
        raise InputError("figures need matplotlib: pip install 'sleeptime[lab]'") from missing

    title, description = _writable(title), _writable(description)
    with mpl.rc_context(theme.SETTINGS), warnings.catch_warnings():  # type: ignore[arg-type]
        # What the font of the layout lacks is measured as a box; a browser has fonts of its own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(dpi=72)
        FigureCanvasSVG(figure)
        compose(figure, [_writable(panel) for panel in panels], title, columns)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _finished(drawn.getvalue(), title, description)


def _writable(value: T) -> T:
    """The same value with every character that XML cannot hold, in any text inside, marked as unknown."""
    found: Any = value
    if isinstance(value, str) and not isinstance(value, StrEnum):
        found = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    elif isinstance(value, tuple):
        found = tuple(map(_writable, value))
    elif is_dataclass(value) and not isinstance(value, type):
        found = replace(value, **{field.name: _writable(getattr(value, field.name)) for field in fields(value)})
    return cast(T, found)


def _finished(svg: str, title: str, description: str) -> str:
    """Drop what names a date or a program, name the fonts, add what is read out."""
    svg = re.sub(r"<!DOCTYPE.*?>\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r" *<metadata>.*?</metadata>\n?", "", svg, flags=re.DOTALL)
    svg = svg.replace(f"'{theme.LAYOUT_FONT}'", theme.FONTS)
    spoken = (
        f'<title id="figure-title">{escape(title)}</title>\n'
        f' <desc id="figure-description">{escape(description)}</desc>\n'
    )
    opened = re.search(r"<svg [^>]*>\n", svg)
    assert opened is not None
    tag = opened.group().replace("<svg ", '<svg role="img" aria-labelledby="figure-title figure-description" ')
    return f"{svg[: opened.start()]}{tag} {spoken}{svg[opened.end() :]}"
