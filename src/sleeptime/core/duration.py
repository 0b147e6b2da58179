"""Duration: a length of time as people write it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from sleeptime.core.errors import InputError

DURATION_FORMS: Final = "a whole number and a unit, s, m, h or d, such as 30s, 10m, 2h"
"""The allowed forms, as error messages show them."""

MAX_DURATION: Final = timedelta(days=365)

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM: Final = re.compile(r"([0-9]{1,9})\s*([smhd])", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read a length of time.

    >>> parse_duration("90m")
    datetime.timedelta(seconds=5400)

    Raises:
        InputError: the text has another form, or means more than a year; the message names what is allowed.
    """
    found = _FORM.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _UNITS[found[2]] if found else -1
    if not 0 <= seconds <= MAX_DURATION.total_seconds():
        raise InputError(f"{text!r} is not a length of time; allowed: {DURATION_FORMS}, at most {MAX_DURATION.days}d")
    return timedelta(seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """A length of whole seconds, in the largest unit that fits: ``parse_duration(duration_text(d)) == d``.

    >>> duration_text(timedelta(minutes=90)), duration_text(timedelta(hours=2)), duration_text(timedelta(0))
    ('90m', '2h', '0s')
    """
    seconds = int(duration.total_seconds())
    unit = next((unit for unit, size in _UNITS.items() if seconds and seconds % size == 0), "s")
    return f"{seconds // _UNITS[unit]}{unit}"
