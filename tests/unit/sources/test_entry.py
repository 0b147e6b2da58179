import os

from sleeptime.sources.entry import Skipped, SkipReason, printable
from sleeptime.sources.reading import skip_summary


def test_a_file_name_that_is_not_utf8_is_shown_by_its_bytes() -> None:
    assert printable(os.fsdecode(b"caf\xe9.txt")) == "caf\\xe9.txt"


def test_line_breaks_terminal_controls_and_direction_marks_are_escaped() -> None:
    assert printable("a\nb\x1b[31m\u202ec") == "a\\nb\\x1b[31m\\u202ec"


def test_ordinary_names_stay() -> None:
    assert printable("docs/naïve 日本.md") == "docs/naïve 日本.md"


def test_a_summary_counts_by_reason_and_names_the_first() -> None:
    skipped = [Skipped(f"{number}.png", SkipReason.BINARY) for number in range(1200)]
    skipped.append(Skipped("a.txt", SkipReason.EMPTY))
    assert skip_summary(skipped, max_names=2) == "1,200 binary (0.png, 1.png, and 1,198 more), 1 empty (a.txt)"
