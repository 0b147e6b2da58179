"""Changes: what a sleep with a model studies of a repository, one earlier change at a time; what it keeps as it is.

Studied are the newest changes of the mainline that read like features and touch a few files that are still there. The
next sleep studies those again that touch a file which is new, whose notes are gone, or which could not be read: after a
commit these are the changes that share a file with it, and the commit itself. All other notes are carried over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings, merge_model_settings

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import ModelError
from sleeptime.core.note import LearnedContext
from sleeptime.core.outcome import Outcome
from sleeptime.sleep.drafts import Maker
from sleeptime.sleep.incremental import Agenda
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.piece import Piece
from sleeptime.sleep.settings import SleepSettings
from sleeptime.swe.explore import Sibling, explore
from sleeptime.swe.file_notes import DERIVATION, paths_of
from sleeptime.swe.repository import Repository
from sleeptime.swe.tools import Tools
from sleeptime.swe.wording import adds_a_feature, is_upkeep, query_of

LOOKED_AT: Final = 400
"""Commits among which they are looked for."""
MIN_FILES: Final = 2
MAX_FILES: Final = 12


def contents_of(context: Context, repository: Repository) -> dict[str, str]:
    """The sha256 of each part, by the path of its file; a part may be named below the name of the repository."""
    numbers = {path: number for number, path in enumerate(repository.files())}
    digests = {part.name: part.sha256 for part in context.parts}
    paths = tuple(numbers)
    return {paths[number]: digests[name] for name, number in paths_of(context, numbers).items()}


def siblings_of(repository: Repository, contents: Mapping[str, str], limit: int) -> tuple[Sibling, ...]:
    """The changes to study, newest first.

    Args:
        repository: at the commit of the context.
        contents: of its files, by path.
        limit: at most so many.
    """
    found: list[Sibling] = []
    for commit in repository.commits(LOOKED_AT):
        message = query_of(commit.message)
        there = tuple(change.path for change in commit.changes if change.path in contents)
        is_feature = adds_a_feature(message) and not is_upkeep(message)
        if is_feature and len(there) >= MIN_FILES and len(commit.changes) <= MAX_FILES:
            found.append(Sibling(commit.id, message, there))
            if len(found) == limit:
                break
    return tuple(found)


def change_agenda(
    context: Context,
    siblings: Sequence[Sibling],
    contents: Mapping[str, str],
    live: LearnedContext | None,
    read: Sequence[str],
    *,
    strategy: str,
    model_name: str,
) -> Agenda:
    """What a sleep studies, as the module says.

    Args:
        context: as it is now.
        siblings: the changes that can be studied.
        contents: of the files, by path.
        live: the c' in service, with every note; None when there is none, or all is to be studied.
        read: sha256 of each part that it was made from.
        strategy, model_name: who is to write; notes of another one are not kept, but those of the index are.
    """
    parts = {part.sha256: part for part in context.parts}
    is_same = live is not None and live.context_version == context.version
    holding = [note for note in live.notes if note.holds(parts, is_same_version=is_same)] if live is not None else []
    carried = [replace(note, made_from=note.made_from or live.context_version) for note in holding] if live else []
    of_index = tuple(note for note in carried if note.derivation == DERIVATION)
    if live is None or (live.strategy, live.model) != (strategy, model_name):
        return Agenda(_pieces(siblings, contents, parts), of_index, reason=_reason(siblings))
    ours = [note for note in carried if note.derivation != DERIVATION]
    gone = [
        note for note in live.notes if note.derivation != DERIVATION and not note.holds(parts, is_same_version=is_same)
    ]
    wanted = (parts.keys() - set(read)) | set(live.unread) | {part for note in gone for part in note.depends_on}
    again = [one for one in siblings if not wanted.isdisjoint(contents[path] for path in one.files)]
    studied = {contents[path] for one in again for path in one.files}
    spare = tuple(note for note in ours if studied.issuperset(note.depends_on))
    kept = tuple(note for note in ours if not studied.issuperset(note.depends_on))
    reason = "" if again else "no change touches a file that is new since the notes in service were made"
    return Agenda(_pieces(again, contents, parts), (*of_index, *kept, *(() if again else spare)), spare, reason)


def change_maker(
    repository: Repository,
    siblings: Sequence[Sibling],
    contents: Mapping[str, str],
    settings: SleepSettings,
    model_settings: ModelSettings | None,
) -> Maker:
    """Makes the drafts of such an agenda.

    Args:
        repository: at the commit of the context.
        siblings, contents: as for `change_agenda`.
        settings: limits, and how each draft is sampled.
        model_settings: further settings of every request.
    """
    steps, max_rethinks = settings.max_steps, settings.max_rethinks
    tools, by_commit = Tools(repository), {one.commit: one for one in siblings}

    async def make(model: Model, piece: Piece, index: int) -> Draft:
        sibling = by_commit[piece.subject]
        told = merge_model_settings(model_settings, settings.of_draft(index))
        try:
            return await explore(model, tools, sibling, contents, steps=steps, max_rethinks=max_rethinks, settings=told)
        except ModelError as error:  # the other changes count
            return Draft(Outcome.FAILED, (), f"{sibling.commit[:12]}: {type(error).__name__}: {error}")

    return make


def _pieces(siblings: Sequence[Sibling], contents: Mapping[str, str], parts: Mapping[str, Part]) -> tuple[Piece, ...]:
    found = []
    for one in siblings:
        digests = dict.fromkeys(contents[path] for path in one.files)
        found.append(Piece(tuple(parts[digest] for digest in digests), frozenset(digests), subject=one.commit))
    return tuple(found)


def _reason(siblings: Sequence[Sibling]) -> str:
    if siblings:
        return ""
    return (
        f"none of the last {LOOKED_AT} commits reads like a feature of {MIN_FILES} to {MAX_FILES} files that are there"
    )
