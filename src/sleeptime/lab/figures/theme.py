"""How figures look: one palette and one set of sizes.

The ground is white and opaque on purpose. A transparent one would force ink that is half legible on both a light and a
dark page; on white every text has a contrast of 4.5 or more in both. The colours differ with each kind of colour
blindness (a test simulates them), and never carry a meaning alone: markers and dashes differ too.
"""

from __future__ import annotations

from dataclasses import dataclass

from sleeptime.lab.figures.panel import Style

GROUND = "#ffffff"
INK = "#1f2328"
SOFT_INK = "#59636e"
GRID = "#e6e9ed"
BORDER = "#d1d9e0"

FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, 'DejaVu Sans', sans-serif"
"""What a browser tries in turn. Texts are laid out with DejaVu Sans, which is wider than all of them."""
LAYOUT_FONT = "DejaVu Sans"


@dataclass(frozen=True, slots=True)
class Look:
    """Colour, marker and dashes of a style, by the names that matplotlib has for them."""

    colour: str
    marker: str
    dashes: str | tuple[int, tuple[float, ...]]


LOOKS = {
    Style.SLEEP: Look("#0067b1", "o", "solid"),
    Style.FULL: Look("#c14e00", "s", (0, (5, 2))),
    Style.AUTO: Look("#7a2fd0", "D", "solid"),
    Style.MERGE: Look("#0067b1", "o", "solid"),
    Style.CONCAT: Look("#702010", "^", (0, (4, 1.5, 1, 1.5))),
    Style.ORACLE: Look("#24292f", "v", (0, (1.5, 1.5))),
    Style.OTHER: Look("#6e7781", "p", (0, (3, 1.5))),
}

RAMP = ("#f3f7fb", "#bcd7ec", "#6aa9d6", "#0067b1", "#003f73")
"""From little to much, in one hue."""
DIVERGING = ("#8f3a00", "#dd8a4b", "#f8f6f4", "#6aa9d6", "#00508c")
"""From below to above the centre."""

SETTINGS: dict[str, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sleeptime",
    "font.family": LAYOUT_FONT,
    "font.size": 10.5,
    "text.parse_math": False,  # a dollar sign is money
    "text.color": INK,
    "axes.edgecolor": SOFT_INK,
    "axes.labelcolor": SOFT_INK,
    "axes.facecolor": GROUND,
    "figure.facecolor": GROUND,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "grid.linewidth": 0.9,
    "xtick.color": SOFT_INK,
    "ytick.color": SOFT_INK,
    "xtick.major.size": 3.5,
    "ytick.major.size": 0.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "lines.linewidth": 2.2,
    "lines.markersize": 6.0,
    "legend.frameon": False,
    "path.simplify": False,
}
