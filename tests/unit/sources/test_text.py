import codecs

import pytest

from sleeptime.core.errors import EmptyInput, NotText, TooLarge
from sleeptime.sources.text import BinaryData, to_text


def read(data: bytes, *, max_bytes: int = 100, encoding: str = "utf-8") -> str:
    return to_text(data, "notes.txt", max_bytes=max_bytes, encoding=encoding)


def test_text_is_kept_as_it_is() -> None:
    assert read("naïve – 日本\n\ttabs  \n".encode()) == "naïve – 日本\n\ttabs  \n"


def test_a_byte_order_mark_is_dropped_and_crlf_becomes_lf() -> None:
    assert read(codecs.BOM_UTF8 + b"a\r\nb\rc\r\n") == "a\nb\rc\n"


def test_exactly_the_limit_is_read_and_one_byte_more_is_refused() -> None:
    assert read(b"x" * 10, max_bytes=10) == "x" * 10
    with pytest.raises(TooLarge, match=r"notes\.txt is larger than 10 bytes.*SLEEPTIME_MAX_PART_BYTES"):
        read(b"x" * 11, max_bytes=10)


def test_a_nul_byte_means_binary() -> None:
    with pytest.raises(BinaryData, match=r"notes\.txt is binary \(a NUL byte at offset 3\)"):
        read(b"abc\0def")


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", codecs.BOM_UTF8])
def test_nothing_but_white_space_is_empty(data: bytes) -> None:
    with pytest.raises(EmptyInput, match=r"notes\.txt is empty"):
        read(data)


def test_bytes_that_are_not_utf8_are_refused_with_their_place() -> None:
    with pytest.raises(NotText, match=r"notes\.txt is not UTF-8 text \(byte 0xe9 at offset 3\).*iconv"):
        read("café!".encode("latin-1"))


@pytest.mark.parametrize(("encoding", "name"), [("utf-16", "UTF-16"), ("utf-32", "UTF-32")])
def test_utf16_and_utf32_are_named(encoding: str, name: str) -> None:
    with pytest.raises(NotText, match=name):
        read("hello".encode(encoding))


def test_a_declared_encoding_is_followed() -> None:
    assert read("café".encode("latin-1"), encoding="iso-8859-1") == "café"
    assert read("café".encode("utf-16"), encoding="utf-16") == "café"


def test_an_unknown_declared_encoding_is_refused() -> None:
    with pytest.raises(NotText, match="klingon"):
        read(b"abc", encoding="klingon")
