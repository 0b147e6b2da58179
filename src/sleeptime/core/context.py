"""Context (c): named, versioned, ordered parts; a part is addressed by the sha256 of its text.

Knows nothing of where parts come from (``sources``) or where they are kept (``store``).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.core.text import checked_text

MAX_NAME_CHARS: Final = 500
"""Longest context or part name, in characters: it must fit a database index on every engine."""


def _checked_name(kind: str, name: str) -> str:
    """Return ``name``, or raise `InputError` when it is empty, too long or not printable."""
    if not name.strip():
        raise InputError(f"a {kind} needs a name that is not blank, got {name!r}")
    if len(name) > MAX_NAME_CHARS:
        raise InputError(f"a {kind} name has at most {MAX_NAME_CHARS} characters, got {len(name)}: {name[:40]!r}...")
    if not name.isprintable():
        raise InputError(f"a {kind} name is one line of printable characters, got {name!r}")
    return name


@dataclass(frozen=True, slots=True)
class Part:
    """One document, file or message of a context.

    Args:
        name: what a reader calls it (a path, a title); unique within its context, one printable line.
        text: its content, possibly empty.

    Raises:
        InputError: the name is blank, longer than `MAX_NAME_CHARS` or not printable.
        NotText: the text holds a NUL character or a lone surrogate (`core.text`).
    """

    name: str
    text: str
    sha256: str = field(init=False, repr=False, compare=False)
    """Hex digest of the UTF-8 text: the address of the content, whatever its name."""

    def __post_init__(self) -> None:
        _checked_name("part", self.name)
        data = checked_text(f"part {self.name!r}", self.text).encode()
        object.__setattr__(self, "sha256", hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class Context:
    """Named, ordered parts. No parts at all is allowed: some problems have an empty c (arXiv:2504.13171, section 4).

    Args:
        name: how the context is asked for; one printable line.
        parts: in reading order, with distinct names.

    Raises:
        InputError: a bad name, or two parts with one name.
    """

    name: str
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        _checked_name("context", self.name)
        twice = [name for name, times in Counter(part.name for part in self.parts).items() if times > 1]
        if twice:
            raise InputError(
                f"context {self.name!r} has more than one part named {twice[0]!r}; part names are distinct"
            )

    @property
    def version(self) -> str:
        """16 hex digits that change with any part's name, text or position, and not with the context's own name."""
        return version_of((part.name, part.sha256) for part in self.parts)

    def render(self) -> str:
        """All parts in order, joined by a blank line; each is headed by its name when there are several."""
        if len(self.parts) == 1:
            return self.parts[0].text
        return "\n\n".join(f"--- {part.name} ---\n{part.text}" for part in self.parts)


def version_of(parts: Iterable[tuple[str, str]]) -> str:
    """The `Context.version` of parts of which only name and sha256 are at hand."""
    digest = hashlib.sha256()
    for name, sha256 in parts:
        digest.update(f"{len(name)}:{name}:{sha256}\n".encode())
    return digest.hexdigest()[:16]


def appended_parts(there: Mapping[str, str], given: Iterable[Part | str]) -> tuple[Part, ...]:
    """The parts that are added to a context which goes on, such as a conversation. What is there does not change.

    Args:
        there: name and sha256 of each part that is there, in order.
        given: a text is a message and named by its number in the context, ``"message 14"``, or by the next one that is
            free; a part has its own name. One that is there already with the same text is left out, so that appending
            the same parts again adds nothing.

    Raises:
        InputError: a part has the name of another one with another text.
    """
    known, added = dict(there), list[Part]()
    for item in given:
        part = Part(_message_name(known), item) if isinstance(item, str) else item
        if part.name not in known:
            known[part.name] = part.sha256
            added.append(part)
        elif known[part.name] != part.sha256:
            raise InputError(
                f"there is a part named {part.name!r} with another text; appending changes nothing that is there: "
                "give the new part another name, or add the whole context again"
            )
    return tuple(added)


def _message_name(known: Collection[str]) -> str:
    names = (f"message {number}" for number in count(len(known) + 1))
    return next(name for name in names if name not in known)
