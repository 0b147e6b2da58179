"""core.window: hours of the day by the clock of one place, also where that clock is changed."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleeptime.core import window
from sleeptime.core.errors import InputError
from sleeptime.core.window import Window, parse_window

# Changed by an hour, by half an hour, at midnight, by a whole day; never.
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "UTC")


@st.composite
def windows(draw: st.DrawFn, zones: tuple[str, ...] = ZONES) -> Window:
    opens = draw(st.integers(0, 1439))
    closes = draw(st.integers(1, 1440).filter(lambda minutes: minutes != opens))
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    return Window(opens, closes, days, draw(st.sampled_from(zones)))


MOMENTS = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_open_by_the_clock(window: Window, at: datetime) -> bool:
    """Whether a clock on the wall stands within the hours, said without any arithmetic of moments."""
    local = at.astimezone(ZoneInfo(window.zone))
    minutes = local.hour * 60 + local.minute
    if window.opens < window.closes:
        return local.weekday() in window.days and window.opens <= minutes < window.closes
    evening = local.weekday() in window.days and minutes >= window.opens
    return evening or ((local.weekday() - 1) % 7 in window.days and minutes < window.closes)


def test_worked_examples_hold() -> None:
    assert doctest.testmod(window).failed == 0


@settings(deadline=None)
@given(windows())
def test_a_printed_window_parses_back(window: Window) -> None:
    assert parse_window(str(window)) == window


@settings(deadline=None)
@given(windows(("UTC",)), MOMENTS)
def test_a_window_opens_at_the_first_minute_within_its_hours(window: Window, at: datetime) -> None:
    at = at.replace(second=0, microsecond=0)
    opening = window.next_opening(at)
    assert is_open_by_the_clock(window, opening)
    minutes = int((opening - at) / timedelta(minutes=1))
    assert 0 <= minutes <= 7 * 1440
    assert not any(is_open_by_the_clock(window, at + timedelta(minutes=each)) for each in range(minutes))


@settings(deadline=None)
@given(windows(), MOMENTS)
def test_an_opening_is_open_and_nothing_before_it_is(window: Window, at: datetime) -> None:
    opening = window.next_opening(at)
    assert at <= opening <= at + timedelta(days=15)
    assert window.next_opening(opening) == opening
    for share in (0.0, 0.3, 0.7, 0.999):
        assert window.next_opening(at + share * (opening - at)) == opening


# The two nights of each kind of change; Samoa had no 30 December 2011.
CHANGES = [
    ("Europe/Paris", utc("2026-03-29T01:00")),
    ("Europe/Paris", utc("2026-10-25T01:00")),
    ("America/New_York", utc("2026-03-08T07:00")),
    ("America/New_York", utc("2026-11-01T06:00")),
    ("Australia/Lord_Howe", utc("2026-10-03T15:30")),
    ("Australia/Lord_Howe", utc("2026-04-04T15:00")),
    ("America/Sao_Paulo", utc("2018-11-04T03:00")),
    ("Pacific/Apia", utc("2011-12-30T10:00")),
]


@settings(deadline=None)
@given(windows(), st.sampled_from(CHANGES), st.integers(-2880, 2880))
def test_a_changed_clock_moves_a_window_only_where_a_time_comes_twice(
    window: Window, change: tuple[str, datetime], minutes: int
) -> None:
    zone, moment = change
    window = Window(window.opens, window.closes, window.days, zone)
    at = moment + timedelta(minutes=minutes)
    if at.astimezone(ZoneInfo(zone)).fold == 0:  # else it is open the second time only when it began before the change
        assert (window.next_opening(at) == at) is is_open_by_the_clock(window, at)


@pytest.mark.parametrize(
    ("text", "at", "opening"),
    [
        # 02:00 to 03:00 is skipped in spring: what would open then opens at the change, and what lies in it stays shut.
        ("02:30-05:00 Europe/Paris", "2026-03-28T23:00", "2026-03-29T01:00"),
        ("02:15-02:45 Europe/Paris", "2026-03-28T23:00", "2026-03-30T00:15"),
        ("Sun 02:15-02:45 Europe/Paris", "2026-03-28T23:00", "2026-04-05T00:15"),
        # It comes twice in autumn: opened once, the first time, and closed once, the first time.
        ("02:30-04:00 Europe/Paris", "2026-10-24T22:00", "2026-10-25T00:30"),
        ("02:30-04:00 Europe/Paris", "2026-10-25T01:10", "2026-10-25T01:10"),
        ("01:00-02:30 Europe/Paris", "2026-10-25T01:10", "2026-10-26T00:00"),
        # Midnight itself is skipped, and a whole day.
        ("00:00-01:30 America/Sao_Paulo", "2018-11-04T02:00", "2018-11-04T03:00"),
        ("Fri 00:00-24:00 Pacific/Apia", "2011-12-30T09:59", "2012-01-05T10:00"),
        # The night belongs to the day on which it begins.
        ("Fri 22:00-06:00", "2026-03-07T05:59", "2026-03-07T05:59"),
        ("Fri 22:00-06:00", "2026-03-07T06:00", "2026-03-13T22:00"),
        ("Fri 22:00-06:00", "2026-03-06T05:59", "2026-03-06T22:00"),
    ],
)
def test_worked_openings(text: str, at: str, opening: str) -> None:
    assert parse_window(text).next_opening(utc(at)) == utc(opening)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("22:00-06:00", "22:00-06:00"),
        (" mon-FRI  22:00 - 00:00 ", "Mon-Fri 22:00-24:00"),
        ("Fri-Mon 01:00-02:00 UTC", "Mon,Fri,Sat,Sun 01:00-02:00"),
        ("Mon-Sun 00:00-24:00 Europe/Paris", "00:00-24:00 Europe/Paris"),
        ("Wed,Tue,Wed 01:00-02:00", "Tue,Wed 01:00-02:00"),
    ],
)
def test_documented_forms_are_read(text: str, written: str) -> None:
    assert str(parse_window(text)) == written


@pytest.mark.parametrize("text", ["22:00-22:00", "00:00-00:00", "Sat 06:00-06:00"])
def test_a_window_that_never_opens_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"never opens; .*00:00-24:00 is the whole day"):
        parse_window(text)


@pytest.mark.parametrize(
    "text", ["", "night", "22-06", "22:00", "24:00-06:00", "22:60-06:00", "9:00-10:00", "Mon 22:00", "Mo 22:00-06:00",
             "Mon- 22:00-06:00", "2026-01-01 22:00-06:00", "22:00-06:00 Paris 2"]
)  # fmt: skip
def test_other_text_is_refused_and_the_allowed_forms_are_named(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a window; .*22:00-06:00, 'Sat,Sun 00:00-24:00'"):
        parse_window(text)


@pytest.mark.parametrize("zone", ["Europe", "Europe/Atlantis", "../etc/passwd", "CEST+2", "/etc/localtime"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InputError, match=r"time zone .* is not known; allowed: IANA names such as Europe/Paris"):
        parse_window(f"22:00-06:00 {zone}")


def test_impossible_windows_cannot_be_built() -> None:
    for opens, closes in ((-1, 5), (1440, 5), (5, 1441), (5, 0)):
        with pytest.raises(InputError, match="not one"):
            Window(opens, closes)
    with pytest.raises(InputError, match="never opens"):
        Window(0, 60, frozenset())
    with pytest.raises(InputError, match="not one"):
        Window(0, 60, frozenset({7}))
