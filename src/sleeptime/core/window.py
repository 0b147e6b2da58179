"""Window: the hours of the day and the days of the week in which something may begin, by the clock of one place.

Knows nothing of what begins. On a day when the clock is changed, a time that the clock skips is the moment of the
change, and a time that comes twice is the first of the two.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sleeptime.core.errors import InputError

WINDOW_FORMS: Final = (
    "[DAYS] HH:MM-HH:MM [ZONE], such as 22:00-06:00, 'Sat,Sun 00:00-24:00' or 'Mon-Fri 22:00-06:00 Europe/Paris'"
)
"""The allowed forms, as error messages show them."""

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_DAY_MINUTES: Final = 24 * 60
_FORM: Final = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[-,][a-z]{3})*)\s+)?(?P<opens>\d\d:\d\d)\s*-\s*(?P<closes>\d\d:\d\d)(?:\s+(?P<zone>\S+))?",
    re.ASCII | re.IGNORECASE,
)
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """Opens on each of its days and closes once after it, on the next day when it crosses midnight.

    Args:
        opens: minutes after midnight, 0 to 1,439.
        closes: minutes after midnight, 1 to 1,440; not above ``opens`` when it crosses midnight. It is closed then.
        days: on which it opens, 0 for Monday to 6 for Sunday.
        zone: whose clock, an IANA name such as ``Europe/Paris``.

    Raises:
        InputError: it would never open, or the zone is not known.
    """

    opens: int
    closes: int
    days: frozenset[int] = frozenset(range(7))
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.opens == self.closes or not self.days:
            raise InputError(f"window {self} never opens; allowed: {WINDOW_FORMS} (00:00-24:00 is the whole day)")
        if not (0 <= self.opens < _DAY_MINUTES and 0 < self.closes <= _DAY_MINUTES and self.days <= set(range(7))):
            raise InputError(f"window {self.opens}-{self.closes} (minutes) is not one; allowed: {WINDOW_FORMS}")
        _zone(self.zone)

    def __str__(self) -> str:
        words = [] if len(self.days) == 7 else [_days_text(self.days)]
        words.append(f"{_time_text(self.opens)}-{_time_text(self.closes)}")
        return " ".join([*words, *([] if self.zone == "UTC" else [self.zone])])

    def next_opening(self, at: datetime) -> datetime:
        """The first moment from ``at`` on when it is open, in UTC: ``at`` itself while it is open.

        >>> night = parse_window("22:00-06:00")
        >>> f"{night.next_opening(datetime(2026, 3, 2, 14, 30, tzinfo=UTC)):%F %R}"
        '2026-03-02 22:00'
        >>> f"{night.next_opening(datetime(2026, 3, 2, 5, 59, tzinfo=UTC)):%F %R}"
        '2026-03-02 05:59'

        Args:
            at: an aware moment.
        """
        today = at.astimezone(_zone(self.zone)).date()
        # A day that the clock skips can cost a weekly window one week.
        for ahead in range(-1, 16):
            day = today + timedelta(days=ahead)
            opens, closes = self._hours(day)
            if day.weekday() in self.days and opens < closes and at < closes:
                return max(at.astimezone(UTC), opens)
        raise AssertionError(f"window {self} did not open for two weeks after {at}")

    def _hours(self, day: date) -> tuple[datetime, datetime]:
        """When it opens and closes, were ``day`` one of its days."""
        last = day if self.closes > self.opens else day + timedelta(days=1)
        return _moment(day, self.opens, _zone(self.zone)), _moment(last, self.closes, _zone(self.zone))


def parse_window(text: str) -> Window:
    """Read a window as `str` writes it: ``parse_window(str(window)) == window``.

    >>> str(parse_window("sat,sun,mon 22:00-00:00 Europe/Paris"))
    'Mon,Sat,Sun 22:00-24:00 Europe/Paris'

    Raises:
        InputError: the text has another form, or the window never opens; the message names what is allowed.
    """
    found = _FORM.fullmatch(text.strip())
    if (
        found is None
        or found["opens"] == "24:00"
        or not all(_TIME.fullmatch(found[end]) for end in ("opens", "closes"))
    ):
        raise InputError(f"{text!r} is not a window; allowed: {WINDOW_FORMS}")
    days = frozenset(range(7)) if found["days"] is None else _parse_days(found["days"], text)
    opens, closes = _minutes(found["opens"]), _minutes(found["closes"])
    # Midnight closes a day as 24:00; 00:00-00:00 stays what never opens.
    return Window(opens, closes or (_DAY_MINUTES if opens else 0), days, found["zone"] or "UTC")


def _parse_days(names: str, text: str) -> frozenset[int]:
    days: set[int] = set()
    for item in names.title().split(","):
        first, _, last = item.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise InputError(f"{text!r} is not a window; days are {', '.join(DAYS)}; allowed: {WINDOW_FORMS}")
        begin = DAYS.index(first)
        days |= {(begin + step) % 7 for step in range((DAYS.index(last or first) - begin) % 7 + 1)}
    return frozenset(days)


def _days_text(days: frozenset[int]) -> str:
    """``Mon-Fri`` for three days or more in a row, else their names."""
    ordered = sorted(days)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{DAYS[ordered[0]]}-{DAYS[ordered[-1]]}"
    return ",".join(DAYS[day] for day in ordered)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _time_text(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # needs no table of zones
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"time zone {name!r} is not known; allowed: IANA names such as Europe/Paris, and UTC"
        ) from error


def _moment(day: date, minutes: int, zone: tzinfo) -> datetime:
    """The first moment, in UTC, when the clock of ``zone`` stands at that time of that day, or has skipped it."""
    wall = datetime.combine(day, time.min) + timedelta(minutes=minutes)
    before, after = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:
        return before
    # The clock skips this time, and the change lies between the two readings of it (PEP 495, "The gap").
    offset = after.astimezone(zone).utcoffset()
    seconds = range(int((before - after).total_seconds()) + 1)
    return after + timedelta(
        seconds=bisect_left(
            seconds, True, key=lambda second: (after + timedelta(seconds=second)).astimezone(zone).utcoffset() != offset
        )
    )
