"""Rows: JSON objects of a file that somebody else made, with the place of each for messages.

Reads JSON lines and JSON arrays. Knows nothing of problems.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from sleeptime.core.errors import EmptyInput, InputError, NotText, TooLarge, Unreadable
from sleeptime.core.text import checked_text

MAX_FILE_BYTES: Final = 512 * 1024**2
"""Largest file that is read; the largest released set has a hundredth of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One object.

    Args:
        where: names its place, such as ``"p1.jsonl line 7"``.
        fields: what it holds.
        origin: short name of what it comes from, such as ``"p1"``.
    """

    where: str
    fields: dict[str, Any]
    origin: str = ""

    def text(self, name: str, default: str | None = None) -> str:
        """A field that must be a text with something in it.

        Raises:
            InputError: it is missing (and there is no default), no text, or empty.
            NotText: it holds what cannot be kept (NUL, lone surrogates).
        """
        value = self.fields.get(name, default)
        if value is None:
            known = ", ".join(sorted(self.fields)[:12]) or "none"
            raise InputError(f"{self.where}: the field {name!r} is missing; the fields there are: {known}")
        if not isinstance(value, str):
            raise InputError(f"{self.where}: the field {name!r} must be a text, got {_shown(value)}")
        if default is None and not value.strip():
            raise InputError(f"{self.where}: the field {name!r} is empty")
        return checked_text(f"{self.where}, field {name!r},", value)

    def label(self, *names: str, default: str) -> str:
        """The first of these fields that is a text or a whole number, for an id."""
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
                return checked_text(f"{self.where}, field {name!r},", str(value).strip())
        return default


def read_rows(path: Path) -> Iterator[Row]:
    """Read a file of JSON lines, of one JSON array, or of one JSON object that spans the file.

    Raises:
        Unreadable: the file cannot be opened.
        NotText: it is not UTF-8, or is Parquet or Arrow; says how to convert it.
        EmptyInput: it holds no row.
        TooLarge: more than `MAX_FILE_BYTES`.
        InputError: a line is not a JSON object; names the line.
    """
    text = _text(path)
    start = text.lstrip()[:1]
    if not start:
        raise EmptyInput(f"{path} is empty; it should hold one JSON object per line")
    if start == "[" or (start == "{" and "\n" in text.strip() and not _is_object(text.strip().partition("\n")[0])):
        yield from _whole(path, text)
        return
    # Only the newline ends a line: texts may hold any other line end of Unicode.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{path} line {number}"
            yield Row(where, _object(where, _parsed(where, line)))


def _whole(path: Path, text: str) -> Iterator[Row]:
    value = _parsed(str(path), text)
    if isinstance(value, dict):
        yield Row(str(path), value)
        return
    if not value:
        raise EmptyInput(f"{path} is an empty list; it should hold objects")
    for number, item in enumerate(value, 1):
        where = f"{path} item {number}"
        yield Row(where, _object(where, item))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}; check the path") from error
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"{path} is larger than {MAX_FILE_BYTES:,} bytes, the limit for one file; split it")
    if data[:4] in (b"PAR1", b"ARRO"):
        convert = f"pandas.read_parquet({str(path)!r}).to_json({path.name + '.jsonl'!r}, orient='records', lines=True)"
        raise NotText(
            f"{path} is Parquet or Arrow; only JSON lines and JSON arrays are read. Read the set from the hub "
            f"(hub:OWNER/NAME), or convert the file in Python: {convert}"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{data[error.start]:02x} at offset {error.start:,}"
        raise NotText(f"{path} is not UTF-8 text ({byte}); it should hold one JSON object per line") from error


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON: {error}") from error


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _object(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a JSON object, got {_shown(value)}")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON knows")


def _shown(value: object) -> str:
    return f"{type(value).__name__} {str(value)[:60]!r}"
