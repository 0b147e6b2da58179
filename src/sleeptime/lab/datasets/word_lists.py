"""Lists that templates draw from by name. The words are ours; a user's own lists take their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from sleeptime.lab.datasets.expressions import Value, Word

_MALE: Final = (
    "Adrian",
    "Bruno",
    "Caleb",
    "Dmitri",
    "Emil",
    "Farid",
    "Gustav",
    "Hiro",
    "Ivan",
    "Jonas",
    "Kofi",
    "Luis",
)
_FEMALE: Final = (
    "Amara",
    "Bianca",
    "Clara",
    "Daria",
    "Elif",
    "Freya",
    "Greta",
    "Hana",
    "Ines",
    "Jana",
    "Keiko",
    "Lucia",
)

_FRACTION_WORDS: Final = (
    Word("half", Fraction(1, 2)),
    Word("one-third", Fraction(1, 3)),
    Word("two-thirds", Fraction(2, 3)),
    Word("one-fourth", Fraction(1, 4)),
    Word("three-fourths", Fraction(3, 4)),
    Word("one-fifth", Fraction(1, 5)),
)
_FRACTION_NUMBERS: Final = tuple(
    Word(f"{top}/{bottom}", Fraction(top, bottom))
    for top, bottom in ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 5), (2, 5), (3, 5), (1, 6), (1, 8), (1, 10))
)
_TIMES: Final = (Word("twice", 2), Word("three times", 3), Word("four times", 4), Word("five times", 5))
_MULTIPLES: Final = (Word("double", 2), Word("triple", 3), Word("quadruple", 4))

_MONTHS: Final = "January February March April May June July August September October November December"
_DAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"

_SMALL: Final = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_UNITS: Final = tuple(_SMALL.split())
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

LISTS: Final[Mapping[str, Sequence[Value]]] = {
    "names": (*_MALE, *_FEMALE),
    "names_male": _MALE,
    "male_names": _MALE,
    "names_female": _FEMALE,
    "cities": ("Lima", "Oslo", "Nairobi", "Hanoi", "Porto", "Quito", "Turin", "Perth"),
    "colors": ("red", "blue", "green", "yellow", "purple", "orange", "white", "brown"),
    "currencies_sym": ("$", "€", "£"),
    "fraction_alnum": _FRACTION_WORDS,
    "fraction_alph": _FRACTION_WORDS,
    "fraction_decimals": tuple(Fraction(number, 100) for number in (10, 20, 25, 40, 50, 60, 75, 80)),
    "fraction_nums": _FRACTION_NUMBERS,
    "fractions": _FRACTION_NUMBERS,
    "fruits": ("apple", "banana", "cherry", "fig", "grape", "lemon", "mango", "peach"),
    "length_lg": ("mile", "kilometer"),
    "months": tuple(_MONTHS.split()),
    "multi_times": _TIMES,
    "multiple": _MULTIPLES,
    "multiple_ice": _MULTIPLES,
    "numbers": (*_UNITS, *(f"{ten}{unit}" for ten in _TENS for unit in ("", *(f"-{word}" for word in _UNITS[:9])))),
    "sports": ("basketball", "chess", "football", "hockey", "rowing", "tennis", "volleyball"),
    "weekdays": tuple(_DAYS.split()),
    "weights_med": ("kilogram", "pound"),
    "weights_sm": ("gram", "ounce"),
}
"""The names are those that the templates of GSM-Symbolic draw from (arXiv:2410.05229); the lists are not published."""
