"""Cache: what was worked out of a blob or a commit, kept under the id of that, so that it is worked out once.

A file of SQLite for each repository, and one table: kind, key, checksum, data.

========  ==============  ==================================================
kind      key             data
========  ==============  ==================================================
blob      blob, language  the words of a file, `blobs.Blob`
mainline  newest commit   commits in a row, `stretch.Stretch`
replay    commit, oldest  what the signals said of it, `fusion.Evidence`
slept     "replays"       how many the last sleep was told to replay
========  ==============  ==================================================

Everything in it can be made again, so it is dropped, with a word about it, when it is damaged, and without one when
another version wrote it. Several processes may use it at once, and what one of them has put there stays when it is
killed. It does not grow for ever: see `Cache.tidy`.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

FORMAT: Final = 7
"""Counts up with every change of what is kept or of how it is worked out."""
MANY: Final = 256
"""So many blobs or commits are put there at a time: at most these are lost in a crash."""
SMALL: Final = 16 << 20
"""Bytes below which nothing is dropped."""
SPARE: Final = 3
"""How much of what is not used may stay: so many times what is."""

_WAIT_S: Final = 60.0
_ASKED: Final = 500

Warn = Callable[[str], None]
"""Told, in words for a user, what was wrong."""


class Cache:
    """What is kept of one repository. Never fails a caller: what cannot be kept is worked out again.

    Args:
        path: of the file; it and its folder are made when they are missing.
        warn: told when it was damaged or cannot be written.
    """

    def __init__(self, path: Path, warn: Warn = log.warning) -> None:
        self.path = path
        self._warn = warn
        self._used = set[tuple[str, str]]()
        self._database: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._opened()
        except (OSError, sqlite3.Error) as error:
            if not _is_damage(error):
                self._give_up(error)
            else:
                self._drop(str(error))

    @classmethod
    def of(cls, repository: Path, folder: Path, warn: Warn = log.warning) -> Cache:
        """The cache of a repository.

        Args:
            repository: its path.
            folder: where the caches of all repositories are.
            warn: as for the class.
        """
        name = hashlib.sha256(str(repository.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return cls(folder / f"{name}.sqlite", warn)

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def keys(self, kind: str) -> list[str]:
        """The keys of a kind."""
        with self._using() as database:
            if database is not None:
                return [key for (key,) in database.execute("SELECT key FROM entry WHERE kind = ?", (kind,))]
        return []

    def all(self, kind: str) -> dict[str, bytes]:
        """Every entry of a kind, by key; say with `use` which are used."""
        return self._read(kind, [("kind = ?", (kind,))])

    def get(self, kind: str, keys: Iterable[str]) -> dict[str, bytes]:
        """The entries of a kind that are there of these keys; they count as used."""
        wanted = list(dict.fromkeys(keys))
        self.use(kind, wanted)
        pages = [wanted[begin : begin + _ASKED] for begin in range(0, len(wanted), _ASKED)]
        wheres = [(f"kind = ? AND key IN ({','.join('?' * len(page))})", (kind, *page)) for page in pages]
        return self._read(kind, wheres)

    def _read(self, kind: str, wheres: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with self._using() as database:
            if database is None:
                return found
            for where, values in wheres:
                rows = database.execute(f"SELECT key, checksum, data FROM entry WHERE {where}", values)
                found.update(_checked(kind, rows))
        return found

    def put(self, kind: str, entries: Mapping[str, bytes], *, instead_of: Iterable[str] = ()) -> None:
        """Keep entries, which count as used, and drop those that they replace; all of it or nothing."""
        if not entries:
            return
        self.use(kind, entries)
        rows = [(kind, key, _checksum(kind, key, data), data) for key, data in entries.items()]
        with self._using() as database:
            if database is not None:
                with database:
                    database.executemany(
                        "DELETE FROM entry WHERE kind = ? AND key = ?", [(kind, k) for k in instead_of]
                    )
                    database.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)", rows)

    def use(self, kind: str, keys: Iterable[str]) -> None:
        """Say that entries are used: `tidy` leaves them there."""
        self._used.update((kind, key) for key in keys)

    def tidy(self) -> None:
        """Drop what was not used since the cache was opened, once that is more than `SPARE` times what was.

        So what is kept stays below `SPARE` + 1 times what an index needs, or `SMALL`; and who finds an entry dropped
        that is wanted again has put `SPARE` times as much there since. The file does not shrink: its pages are used
        again.
        """
        with self._using() as database:
            if database is None:
                return
            sizes = {(k, key): size for k, key, size in database.execute("SELECT kind, key, length(data) FROM entry")}
            unused = sizes.keys() - self._used
            num_unused, num_all = sum(sizes[entry] for entry in unused), sum(sizes.values())
            if num_all > SMALL and num_unused > SPARE * (num_all - num_unused):
                with database:
                    database.executemany("DELETE FROM entry WHERE kind = ? AND key = ?", unused)

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection | None]:
        """The file while it can be used; a damaged one is begun anew, and what was asked of it is as if not there."""
        try:
            yield self._database
        except sqlite3.Error as error:
            if _is_damage(error):
                self._drop(str(error))
            else:
                self._give_up(error)

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_WAIT_S)
        database.text_factory = lambda data: data.decode("utf-8", "replace")  # a damaged text is no error of its own
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            with database:
                database.execute("BEGIN IMMEDIATE")
                if database.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                    database.execute("DROP TABLE IF EXISTS entry")
                    database.execute(
                        "CREATE TABLE entry (kind TEXT, key TEXT, checksum INTEGER, data BLOB, PRIMARY KEY (kind, key))"
                    )
                    database.execute(f"PRAGMA user_version = {FORMAT}")
        except BaseException:
            database.close()
            raise
        return database

    def _drop(self, why: str) -> None:
        """Begin anew."""
        self._warn(f"the cache {self.path} is damaged ({why}); it is made again from the repository")
        self.close()
        try:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            self._database = self._opened()
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._warn(f"the cache {self.path} cannot be used ({error}); everything is worked out again")
        self.close()


class _Damaged(sqlite3.DatabaseError):
    """An entry is not what was put there."""


def _is_damage(error: Exception) -> bool:
    """Whether the file itself is at fault, and not the disk, its rights or another process."""
    at_fault = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
    return isinstance(error, _Damaged) or getattr(error, "sqlite_errorcode", None) in at_fault


def _checksum(kind: str, key: str, data: bytes) -> int:
    """Of an entry; another version's, which may run beside this one, is damaged to it."""
    return zlib.crc32(data, zlib.crc32(f"{FORMAT} {kind} {key}".encode()))


def _checked(kind: str, rows: Iterable[tuple[str, int, object]]) -> Iterator[tuple[str, bytes]]:
    for key, checksum, data in rows:
        if not isinstance(data, bytes) or _checksum(kind, key, data) != checksum:
            raise _Damaged(f"{kind} {key}")
        yield key, data
