"""File notes: one note for each file of a repository, from what it defines and what its commits say. Calls no model.

A note rests on the part of its file, so a later commit takes those of the files that it changes out of service, and no
others. What it says of the past is what the commits that touched the file say: that stays so until the file is touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sleeptime.core.context import Context
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.core.text import kept_text
from sleeptime.sources.entry import printable
from sleeptime.swe.outline import Outline, outline
from sleeptime.swe.reasons import counted
from sleeptime.swe.signals import MAX_FILES

if TYPE_CHECKING:
    from sleeptime.swe.past import Past

STRATEGY: Final = "index"
MODEL: Final = "none"
DERIVATION: Final = "outline and commits, without a model"
"""Marks a note of this kind among those of other strategies."""

MAX_SYMBOLS: Final = 12
MAX_TITLES: Final = 3
MAX_TOGETHER: Final = 3
MIN_TOGETHER: Final = 2
"""Files that changed together once may have done so by chance."""
_MAX_CHARS: Final = 100


def file_notes(context: Context, past: Past, progress: Callable[[int, int], None] | None = None) -> tuple[Note, ...]:
    """A note for each part that has text and something to be said of it.

    Args:
        context: whose parts are the files of the newest commit.
        past: that commit and those before it.
        progress: told how many parts are done, and of how many.
    """
    paths = paths_of(context, past.now())
    notes = []
    for done, part in enumerate(context.parts, 1):
        told = [
            text for text in (_defined(outline(part.name, part.text)), *_changed(past, paths.get(part.name))) if text
        ]
        if part.text.strip() and told:
            said = kept_text(f"{part.name}: {'. '.join(told)}.")
            notes.append(Note(NoteKind.FACT, said, part.name, derivation=DERIVATION, depends_on=(part.sha256,)))
        if progress is not None:
            progress(done, len(context.parts))
    return tuple(notes)


def paths_of(context: Context, now: Mapping[str, int]) -> dict[str, int]:
    """The number of the file that each part is, by the part's name: its path, or that below the repository's name."""
    shown = {printable(path): number for path, number in now.items()}
    inside = {part.name: part.name.partition("/")[2] for part in context.parts}
    as_named = {part.name: shown[part.name] for part in context.parts if part.name in shown}
    below = {name: shown[path] for name, path in inside.items() if path in shown}
    return max(as_named, below, key=len)


def learned_of(
    context: Context, notes: Sequence[Note], base: LearnedContext | None, read: Sequence[str]
) -> LearnedContext:
    """The learned context that these notes come to, beside what another strategy wrote.

    Notes of a model that hold are carried over, and stay those of their strategy and model: parts that are new since
    they were made are left for its next sleep.

    Args:
        context: as it is now.
        notes: of `file_notes`.
        base: the c' in service, with every note.
        read: sha256 of each part that it was made from.
    """
    if base is None:
        return LearnedContext(context.name, context.version, tuple(notes), STRATEGY, MODEL)
    digests = [part.sha256 for part in context.parts]
    is_same = base.context_version == context.version
    holding = [note for note in base.notes if note.holds(digests, is_same_version=is_same)]
    made_from = {note.id: note.made_from or base.context_version for note in holding}
    others = [replace(note, made_from=made_from[note.id]) for note in holding if note.derivation != DERIVATION]
    ours = [replace(note, made_from=made_from.get(note.id, "")) for note in notes]
    if base.strategy == STRATEGY or not others:
        return LearnedContext(context.name, context.version, (*others, *ours), STRATEGY, MODEL)
    unread = {digest for digest in digests if digest in base.unread or digest not in set(read)}
    together = (*others, *ours)
    return LearnedContext(context.name, context.version, together, base.strategy, base.model, tuple(sorted(unread)))


def _defined(found: Outline) -> str:
    names = list(dict.fromkeys(symbol.name for symbol in found.symbols if symbol.kind != "variable"))
    if not names:
        return ""
    more = f" and {len(names) - MAX_SYMBOLS} more" if len(names) > MAX_SYMBOLS else ""
    return f"defines {', '.join(names[:MAX_SYMBOLS])}{more}"


def _changed(past: Past, file: int | None) -> tuple[str, ...]:
    """What its commits say of a file."""
    if file is None:
        return ()
    commits = past.of_file(file, 0).tolist()
    if not commits:
        return ()
    small = [number for number in commits if len(past.of_commit(number)) <= MAX_FILES]
    titles = list(dict.fromkeys(past.commits[number].title[:_MAX_CHARS] for number in small or commits))[:MAX_TITLES]
    said = "; ".join(f'"{printable(title)}"' for title in titles if title)
    return (
        f"changed in {counted(len(commits))}" + (f", lately: {said}" if said else ""),
        _together(past, file, small),
    )


def _together(past: Past, file: int, commits: Sequence[int]) -> str:
    beside = Counter(int(other) for number in commits for other in past.of_commit(number) if other != file)
    often = [(other, times) for other, times in beside.most_common() if times >= MIN_TOGETHER]
    there = [(past.versions[other][0], times) for other, times in often]
    named = [f"{printable(version.path)} ({times} times)" for version, times in there if version.blob is not None]
    return f"changes together with {', '.join(named[:MAX_TOGETHER])}" if named else ""
