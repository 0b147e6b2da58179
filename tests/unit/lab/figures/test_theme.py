"""The palette: legible on its ground, and told apart with each kind of colour blindness."""

from itertools import combinations

import numpy as np
import pytest

from sleeptime.lab.figures import Style
from sleeptime.lab.figures.theme import GROUND, INK, LOOKS, SOFT_INK

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency", 2009: full
# severity, on linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array([
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
    ]),
    "deuteranopia": np.array([
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
    ]),
    "tritanopia": np.array([
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
    ]),
}  # fmt: skip


def linear(colour: str) -> np.ndarray:
    """Linear RGB of ``#rrggbb``."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))


def cielab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    relative = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("colour", [INK, SOFT_INK, *sorted({look.colour for look in LOOKS.values()})])
def test_every_colour_of_text_has_the_contrast_that_text_needs(colour: str) -> None:
    assert (luminance(GROUND) + 0.05) / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_stay_apart(sight: str) -> None:
    for first, second in combinations(sorted({look.colour for look in LOOKS.values()}), 2):
        apart = np.linalg.norm(cielab(SIGHT[sight] @ linear(first)) - cielab(SIGHT[sight] @ linear(second)))
        assert apart > 18, (first, second)


def test_every_style_has_a_look_and_looks_that_differ_in_colour_differ_in_marker_too() -> None:
    assert set(LOOKS) == set(Style)
    pairs = {(look.colour, look.marker) for look in LOOKS.values()}
    assert len({colour for colour, _ in pairs}) == len({marker for _, marker in pairs}) == len(pairs)
