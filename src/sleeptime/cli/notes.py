"""`sleeptime notes`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import ContextName, Database, Json

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.core.note import Note
    from sleeptime.results import LearnedNotes, NotesDiff
    from sleeptime.store.entry import LearnedEntry


def notes(
    name: ContextName,
    version: Annotated[
        int | None, typer.Option(metavar="V", min=1, help="Show this version instead of the live one.")
    ] = None,
    diff: Annotated[
        tuple[int, int] | None, typer.Option(metavar="V1 V2", help="Show what changed from V1 to V2.")
    ] = None,
    rollback: Annotated[int | None, typer.Option(metavar="V", min=1, help="Serve this earlier version again.")] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show what was learned about a context, compare two versions, or go back to an earlier one."""
    from sleeptime.cli.run import run

    if sum(option is not None for option in (version, diff, rollback)) > 1:
        raise typer.BadParameter("give at most one of --version, --diff and --rollback")
    if diff is not None:
        before, after = diff

        async def compare(sleeptime: Sleeptime) -> NotesDiff:
            return await sleeptime.diff(name, before, after)

        _print_diff(run(compare, database_url=database), as_json)
        return

    async def show(sleeptime: Sleeptime) -> LearnedNotes:
        if rollback is not None:
            await sleeptime.rollback(name, rollback)
        return await sleeptime.notes(name, version)

    _print_notes(run(show, database_url=database), as_json)


def note_dict(note: Note) -> dict[str, Any]:
    """A note as `--json` prints it."""
    return {
        "id": note.id,
        "kind": note.kind.value,
        "text": note.text,
        "subject": note.subject,
        "value": note.value,
        "derivation": note.derivation,
        "depends_on": list(note.depends_on),
        "votes": note.votes,
        "verdict": note.verdict.value,
    }


def show_notes(notes: Iterable[Note], *, in_service: frozenset[str] | None = None) -> None:
    """Print notes as a table; those out of service are marked when `in_service` is given."""
    from sleeptime.cli.output import print_table
    from sleeptime.core.note import Verdict

    def state(note: Note) -> str:
        if in_service is None or note.id in in_service:
            return ""
        return "refuted" if note.verdict is Verdict.REFUTED else "a part changed"

    rows = [(note.kind, note.text, note.derivation, note.votes, note.verdict, state(note)) for note in notes]
    columns = ["kind", "note", "working", ">votes", "verdict"]
    if any(row[-1] for row in rows):
        print_table([*columns, "out of service"], rows)
    else:
        print_table(columns, [row[:-1] for row in rows])


def _print_notes(found: LearnedNotes, as_json: bool) -> None:
    from sleeptime.cli.output import hint, print_json, print_table, say

    if found.entry is None:
        hint(f"{found.context} has no learned context in service; make one with: sleeptime sleep {found.context}")
    if as_json:
        print_json(_as_dict(found))
        return
    if found.entry is not None and found.learned is not None:
        entry = found.entry
        say(f"{found.context}: version {entry.number} ({entry.status}), {entry.strategy} by {entry.model}")
        show_notes(found.learned.notes, in_service=found.in_service)
    if found.versions:
        rows = [
            (
                item.number,
                item.status,
                item.context_version,
                item.strategy,
                item.model,
                item.notes,
                f"{item.created_at:%F %T}",
            )
            for item in found.versions
        ]
        print_table([">version", "status", "context version", "strategy", "model", ">notes", "made (UTC)"], rows)


def _as_dict(found: LearnedNotes) -> dict[str, Any]:
    held = () if found.learned is None else found.learned.notes
    return {
        "context": found.context,
        **_entry_dict(found.entry),
        "notes": [{**note_dict(note), "in_service": note.id in found.in_service} for note in held],
        "versions": [_entry_dict(item) for item in found.versions],
    }


def _entry_dict(entry: LearnedEntry | None) -> dict[str, Any]:
    """A version as `--json` prints it; null throughout without one."""
    return {
        "version": entry and entry.number,
        "status": entry and entry.status.value,
        "context_version": entry and entry.context_version,
        "strategy": entry and entry.strategy,
        "model": entry and entry.model,
        "digest": entry and entry.digest,
        "num_notes": entry and entry.notes,
        "job_id": entry and entry.job_id,
        "prompt_digest": entry and entry.prompt_digest,
        "created_at": entry and entry.created_at.isoformat(),
    }


def _print_diff(diff: NotesDiff, as_json: bool) -> None:
    from sleeptime.cli.output import print_json, print_table, say

    if as_json:
        print_json(
            {
                "context": diff.context,
                "from": diff.before,
                "to": diff.after,
                "added": [note_dict(note) for note in diff.added],
                "removed": [note_dict(note) for note in diff.removed],
                "kept": len(diff.kept),
            }
        )
        return
    say(
        f"{diff.context}: version {diff.before} to {diff.after}: {len(diff.added):,} added, "
        f"{len(diff.removed):,} removed, {len(diff.kept):,} kept"
    )
    rows = [("-", note.kind, note.text) for note in diff.removed] + [("+", note.kind, note.text) for note in diff.added]
    if rows:
        print_table(["", "kind", "note"], rows)
