"""Incremental: what a sleep has to read when a context has changed, and which notes it carries over as they are.

A part counts by its text: one that was renamed or moved has not changed.

- A note that holds is carried over byte for byte. One that does not is gone, also one that names no part and so rests
  on its whole version.
- A part is studied when its text is new, when the sleep before could not read it, or when more notes that rested on it
  are gone than are left.
- Beside them are read, as far as there is room, their neighbours, and what else a note rested on that is gone because
  of them: so that it can be made again.
- Nothing to study is nothing to do: no call. When most parts are new, all are studied, and nothing is carried over.

Strategy `rethink` writes one text on all the parts of a piece. A text that is gone is not carried over but rewritten:
the model reads the parts that it rested on as they are now, and starts from it. A part that was added joins the text of
the part before it; a text that has become too large for one piece is begun anew as several.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sleeptime.core.context import Context
from sleeptime.core.counted import counted
from sleeptime.core.note import LearnedContext, Note, Verdict
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.sleep.piece import Piece, beside, even_runs, has_text, whole
from sleeptime.sleep.settings import SleepSettings, Strategy

MOST: Final = 0.5
"""Above this share of parts that are new, a sleep studies them all."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What a sleep reads, and what it keeps of the notes that are there.

    Args:
        pieces: what there is to read, each for drafts of its own; none when there is nothing to do.
        carried: notes of the live c' that the new one begins with, as they are.
        spare: further notes of the live c' that hold, in case their parts cannot be read.
        reason: why there is nothing to read, or why all of it is read again; ``""`` otherwise.
    """

    pieces: tuple[Piece, ...]
    carried: tuple[Note, ...] = ()
    spare: tuple[Note, ...] = ()
    reason: str = ""

    @property
    def num_parts(self) -> int:
        """How many different texts are studied."""
        return len(frozenset[str]().union(*(piece.studied for piece in self.pieces)))

    @property
    def is_rewriting(self) -> bool:
        """Whether drafts start from texts that are there."""
        return any(piece.memories for piece in self.pieces)


def all_parts(
    context: Context, settings: SleepSettings, count: TokenCounter = approximate_tokens, *, reason: str = ""
) -> Agenda:
    """Read everything, and keep nothing that was there before.

    Args:
        context: as it is now.
        settings: how much a piece may hold.
        count: tokens of a text.
        reason: why, in words for a user.
    """
    tokens = [count(part.text) for part in context.parts]
    return Agenda(whole(context.parts, tokens, settings), reason=reason)


def changed_parts(
    context: Context,
    settings: SleepSettings,
    live: LearnedContext | None,
    read: Sequence[str],
    *,
    model_name: str,
    count: TokenCounter = approximate_tokens,
) -> Agenda:
    """Read what has changed since the live c' was made, as the module says.

    Args:
        context: as it is now.
        settings: strategy, how much a piece may hold, and how many neighbours are read.
        live: the c' in service with every note, whether it holds or not; ``None`` when there is none.
        read: sha256 of each part of the version that it was made from, in order.
        model_name: who is to write. Notes of another model or strategy are not carried over.
        count: tokens of a text.
    """
    if live is None:
        return all_parts(context, settings, count)
    if (live.strategy, live.model) != (settings.strategy, model_name):
        reason = f"the notes in service are by {live.strategy} and {live.model}, so all parts were read"
        return all_parts(context, settings, count, reason=reason)
    change = _Change.between(live, read, context)
    if not change.studied:
        return Agenda((), change.holding, reason=_nothing(live, context, change))
    if change.num_new > MOST * sum(map(has_text, context.parts)):
        agenda = all_parts(context, settings, count, reason="most parts have changed, so all were read")
        return replace(agenda, spare=change.holding)
    tokens = [count(part.text) for part in context.parts]
    if settings.strategy is Strategy.RETHINK:
        return _Texts(change, context, tokens, settings).agenda()
    return Agenda(_pieces(change, context, tokens, settings), change.holding)


def _nothing(live: LearnedContext, context: Context, change: _Change) -> str:
    if live.context_version == context.version:
        return "nothing has changed since the notes in service were made"
    gone = f"; {counted(len(change.gone), 'note is', 'notes are')} out of service" if change.gone else ""
    return f"there is no new text since the notes in service were made{gone}"


@dataclass(frozen=True, slots=True)
class _Change:
    """What a change of the context means for the notes.

    Args:
        holding: notes that hold, as they are carried over.
        gone: notes that do not.
        studied: positions of parts to be studied, in order, each text once.
        num_new: how many of those have a text that was not there before.
        now: position of each text in the context as it is.
        before: position of each text in the version that was read.
    """

    holding: tuple[Note, ...]
    gone: tuple[Note, ...]
    studied: tuple[int, ...]
    num_new: int
    now: dict[str, int]
    before: dict[str, int]

    @classmethod
    def between(cls, live: LearnedContext, read: Sequence[str], context: Context) -> _Change:
        now = _positions(part.sha256 for part in context.parts)
        is_same = live.context_version == context.version
        notes = [note for note in live.notes if note.verdict is not Verdict.REFUTED]
        holding = [note for note in notes if note.holds(now, is_same_version=is_same)]
        gone = tuple(note for note in notes if not note.holds(now, is_same_version=is_same))
        left = Counter(part for note in holding for part in note.depends_on)
        lost = Counter(part for note in gone for part in note.depends_on or read)
        bereft = {part for part, times in lost.items() if times > left[part]}
        new = now.keys() - set(read)
        wanted = new | set(live.unread) | bereft
        studied = {part: i for part, i in now.items() if part in wanted and has_text(context.parts[i])}
        carried = tuple(replace(note, made_from=note.made_from or live.context_version) for note in holding)
        return cls(carried, gone, tuple(studied.values()), len(new & studied.keys()), now, _positions(read))

    def place(self, note: Note) -> int | None:
        """Where the first part that a gone note has lost stood; None for one that names no part."""
        lost = (self.before.get(part) for part in note.depends_on if part not in self.now)
        return min((i for i in lost if i is not None), default=None)


def _positions(digests: Iterable[str]) -> dict[str, int]:
    """Where each text stands first, in order."""
    found: dict[str, int] = {}
    for i, digest in enumerate(digests):
        found.setdefault(digest, i)
    return found


def _pieces(change: _Change, context: Context, tokens: Sequence[int], settings: SleepSettings) -> tuple[Piece, ...]:
    """What is studied, cut into pieces, each with what is to be read beside it."""
    runs = even_runs(change.studied, tokens, settings)
    of_gone: defaultdict[int, list[int]] = defaultdict(list)
    for note in change.gone:
        place = change.place(note)
        if place is not None:
            nearest = min(range(len(runs)), key=lambda run: min(abs(i - place) for i in runs[run]))
            of_gone[nearest] += [change.now[part] for part in note.depends_on if part in change.now]
    pieces = []
    for number, run in enumerate(runs):
        wanted = [*neighbours(run, len(context.parts), settings.neighbours), *dict.fromkeys(of_gone[number])]
        pieces.append(_piece(context, run, beside(run, wanted, tokens, settings)))
    return tuple(pieces)


def neighbours(positions: Iterable[int], num_parts: int, reach: int) -> list[int]:
    """Positions around the given ones, the nearest first and of those the ones before.

    >>> neighbours([3], 10, 2)
    [2, 4, 1, 5]
    """
    found = [i + step for distance in range(1, reach + 1) for i in positions for step in (-distance, distance)]
    return [i for i in dict.fromkeys(found) if 0 <= i < num_parts]


def _piece(context: Context, studied: Iterable[int], positions: Iterable[int]) -> Piece:
    parts = tuple(context.parts[i] for i in sorted(positions))
    return Piece(parts, frozenset(context.parts[i].sha256 for i in studied))


class _Texts:
    """What `rethink` reads: each text that is gone or has new parts, with all of its parts. Texts share no part."""

    def __init__(self, change: _Change, context: Context, tokens: Sequence[int], settings: SleepSettings) -> None:
        self._change, self._context, self._tokens, self._settings = change, context, tokens, settings
        self._texts: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        """Of each set of parts, one per draft."""
        for note in (*change.gone, *change.holding):
            self._texts[note.depends_on].append(note.text)
        self._gone = {note.depends_on for note in change.gone}

    def agenda(self) -> Agenda:
        """What is read; texts that are written again are not carried over."""
        owned: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for i, owner in enumerate(self._owners()):
            owned[owner].append(i)
        studied = set(self._change.studied)
        again = {
            owner for owner, positions in owned.items() if owner in self._gone or not studied.isdisjoint(positions)
        }
        pieces = [piece for owner in owned if owner in again for piece in self._written(owner, owned[owner])]
        carried = tuple(note for note in self._change.holding if note.depends_on not in again)
        spare = tuple(note for note in self._change.holding if note.depends_on in again)
        return Agenda(tuple(pieces), carried, spare)

    def _owners(self) -> list[tuple[str, ...]]:
        """What the text rests on that each part belongs to. A new part belongs to that of the part before it, or of the
        part behind it when that text alone is gone; to none, ``()``, when there is none."""
        owners: list[tuple[str, ...]] = [()] * len(self._context.parts)
        for rests_on in self._texts:
            for part in rests_on:
                if part in self._change.now:
                    owners[self._change.now[part]] = rests_on
        behind = list(owners)
        last: tuple[str, ...] = ()
        for i in reversed(range(len(owners))):
            behind[i] = last = owners[i] or last
        last = ()
        for i, owner in enumerate(owners):
            is_lost_behind = behind[i] in self._gone and last not in self._gone
            last = owners[i] = owner or (behind[i] if is_lost_behind or not last else last)
        return owners

    def _written(self, rests_on: tuple[str, ...], positions: Sequence[int]) -> list[Piece]:
        """The pieces that a text is written from; one that has become too large is begun anew in several."""
        runs = even_runs(positions, self._tokens, self._settings)
        memories = tuple(self._texts[rests_on]) if len(runs) == 1 else ()
        pieces = [replace(_piece(self._context, run, run), memories=memories) for run in runs]
        return [piece for piece in pieces if any(map(has_text, piece.parts))]
