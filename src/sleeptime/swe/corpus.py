"""Corpus: everything that is searched, put together for the moments at which it is searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sleeptime.swe.blobs import Blob, BlobKey
from sleeptime.swe.documents import Documents
from sleeptime.swe.history import is_source
from sleeptime.swe.postings import Postings
from sleeptime.swe.roles import Roles
from sleeptime.swe.signals import Corpus, Moment

if TYPE_CHECKING:
    from sleeptime.swe.past import Past

Listing = Sequence[tuple[str, int, BlobKey]]
"""The files of a moment: path, number and content of each, in path order."""
NOW: Final = 0
"""The moment when the newest commit had been made."""


def listing(past: Past, since: int) -> Listing:
    """The files that were there when commit `since` had just been made."""
    found = []
    for file in range(len(past.versions)):
        version = past.version(file, since)
        if version is not None and version.blob is not None:
            found.append((version.path, file, BlobKey.of(version.blob, version.path)))
    return sorted(found)


def assembled(
    past: Past, messages: Documents, listings: Mapping[int, Listing], blobs: Mapping[BlobKey, Blob]
) -> tuple[Corpus, dict[int, Moment]]:
    """A corpus for moments, and those.

    Args:
        past: the commits.
        messages: the words of each one's message.
        listings: the files of each moment, by the newest commit that is known at it.
        blobs: what is known of their contents; a file whose content is not there is left out.
    """
    readable = {since: [row for row in rows if row[2] in blobs] for since, rows in listings.items()}
    keys = {key: place for place, key in enumerate(dict.fromkeys(row[2] for rows in readable.values() for row in rows))}
    paths = {
        path: place for place, path in enumerate(dict.fromkeys(row[0] for rows in readable.values() for row in rows))
    }
    corpus = Corpus(
        content=Postings.of(Documents.of([blobs[key].content for key in keys])),
        symbols=Postings.of(Documents.of([blobs[key].symbols for key in keys])),
        names=Postings.of(Documents.of_texts(paths)),
        roles=Roles.of(list(paths)),
        messages=Postings.of(messages),
        past=past,
    )
    return corpus, {since: _moment(since, rows, keys, paths, corpus.roles) for since, rows in readable.items()}


def _moment(since: int, rows: Listing, keys: Mapping[BlobKey, int], paths: Mapping[str, int], roles: Roles) -> Moment:
    import numpy as np

    names = np.array([paths[path] for path, _, _ in rows], np.int32)
    return Moment(
        since=since,
        files=np.array([file for _, file, _ in rows], np.int32),
        paths=tuple(path for path, _, _ in rows),
        blobs=np.array([keys[key] for _, _, key in rows], np.int32),
        names=names,
        roles=roles.among(names),
        is_source=np.array([is_source(path) for path, _, _ in rows], bool),
    )
