"""Blobs: what is known of the content of files, worked out once for each blob."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from sleeptime.core.errors import InputError, Unreadable
from sleeptime.swe.cache import MANY, Cache
from sleeptime.swe.documents import Documents
from sleeptime.swe.outline import language_of, outline
from sleeptime.swe.terms import TermCounts

if TYPE_CHECKING:
    from sleeptime.swe.repository import Repository

_KIND: Final = "blob"


class BlobKey(NamedTuple):
    """A content, and the language it is read in; that follows from the path."""

    id: str
    language: str

    @classmethod
    def of(cls, blob_id: str, path: str) -> BlobKey:
        """The key of a file."""
        return cls(blob_id, language_of(path) or "")

    def __str__(self) -> str:
        return f"{self.id}.{self.language}"


@dataclass(frozen=True, slots=True)
class Blob:
    """What is known of a content.

    Args:
        content: its words.
        symbols: words of the names that it defines.
    """

    content: TermCounts
    symbols: TermCounts

    @classmethod
    def read(cls, path: str, text: str) -> Blob:
        """Read a file."""
        return cls(TermCounts.of(text), TermCounts.of(*(symbol.name for symbol in outline(path, text).symbols)))

    def packed(self) -> bytes:
        """As bytes."""
        return Documents.of([self.content, self.symbols]).packed()

    @classmethod
    def unpacked(cls, data: bytes) -> Blob:
        """From `packed`."""
        return cls(*Documents.unpacked(data).each())


def texts_of(cache: Cache | None) -> frozenset[str]:
    """Ids of the blobs that are kept: those are known to be texts."""
    return frozenset(key.partition(".")[0] for key in ([] if cache is None else cache.keys(_KIND)))


def load_blobs(
    repository: Repository,
    cache: Cache | None,
    wanted: Mapping[BlobKey, str],
    progress: Callable[[int, int], None] | None = None,
) -> dict[BlobKey, Blob]:
    """What is known of contents, read where it is not kept.

    Args:
        repository: that has them now or had them before.
        cache: where they are kept.
        wanted: contents, each with a path that it has or had.
        progress: told how many are there, and of how many.

    Returns:
        those that are there and can be read as text.
    """
    kept = {} if cache is None else cache.get(_KIND, map(str, wanted))
    found = {key: Blob.unpacked(kept[name]) for key in wanted if (name := str(key)) in kept}
    fresh: dict[str, bytes] = {}
    for key in [key for key in wanted if key not in found]:
        try:
            blob = Blob.read(wanted[key], repository.text_of(key.id))
        except (InputError, Unreadable):  # binary, huge, or missing from a partial clone
            continue
        found[key] = blob
        if cache is not None:
            fresh[str(key)] = blob.packed()
            if len(fresh) == MANY:
                cache.put(_KIND, fresh)
                fresh = {}
        if progress is not None:
            progress(len(found), len(wanted))
    if cache is not None:
        cache.put(_KIND, fresh)
    return found
