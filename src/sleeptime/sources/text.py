"""Bytes to text, or a clear refusal. Knows nothing of where the bytes came from beyond a label for messages."""

import codecs

from sleeptime.core.errors import EmptyInput, NotText, TooLarge

_FOREIGN_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class BinaryData(NotText):
    """The bytes hold a NUL, so they are not text."""


def to_text(data: bytes, label: str, *, max_bytes: int, encoding: str = "utf-8") -> str:
    """The text of `data`, without a byte order mark and with LF line ends (CRLF becomes LF).

    Args:
        data: at least `max_bytes + 1` bytes when the source is longer than `max_bytes`.
        label: names the source in messages.
        max_bytes: the limit, in bytes.
        encoding: what the source says it is written in; files are UTF-8.

    Raises:
        TooLarge: more than `max_bytes`.
        BinaryData: a NUL byte.
        NotText: not in `encoding`.
        EmptyInput: nothing but white space.
    """
    if len(data) > max_bytes:
        raise TooLarge(
            f"{label} is larger than {max_bytes:,} bytes, the limit for one part. "
            "Split it, or raise SLEEPTIME_MAX_PART_BYTES."
        )
    for mark, name in _FOREIGN_MARKS.items():
        if encoding == "utf-8" and data.startswith(mark):
            raise NotText(
                f"{label} is written in {name}; only UTF-8 text is read. Convert it: iconv -f {name} -t UTF-8"
            )
    if encoding == "utf-8" and b"\0" in data:
        raise BinaryData(f"{label} is binary (a NUL byte at offset {data.index(0):,}); only UTF-8 text is read.")
    text = _decoded(data, label, encoding).removeprefix("\ufeff").replace("\r\n", "\n")
    if "\0" in text:
        raise BinaryData(f"{label} is binary (it holds a NUL character); only text is read.")
    if not text.strip():
        raise EmptyInput(f"{label} is empty; there is nothing to sleep on.")
    return text


def _decoded(data: bytes, label: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotText(
            f"{label} is not {encoding.upper()} text (byte 0x{data[error.start]:02x} at offset {error.start:,}). "
            "Convert it to UTF-8, for example with: iconv -f LATIN1 -t UTF-8"
        ) from error
    except LookupError as error:
        raise NotText(f"{label} is written in {encoding!r}, which is not a known encoding; use UTF-8.") from error
