"""`sleeptime notes`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import ContextName, Database, Json
from sleeptime.core.command import command
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.core.note import Note
    from sleeptime.results import LearnedNotes, NotesDiff
    from sleeptime.store.entry import LearnedEntry, Pruned


def notes(
    name: ContextName,
    version: Annotated[
        int | None, typer.Option(metavar="V", min=1, help="Show this version instead of the live one.")
    ] = None,
    diff: Annotated[
        tuple[int, int] | None, typer.Option(metavar="V1 V2", help="Show what changed from V1 to V2.")
    ] = None,
    approve: Annotated[
        int | None, typer.Option(metavar="V", min=1, help="Serve this version, which waits for it or was refused.")
    ] = None,
    reject: Annotated[
        int | None, typer.Option(metavar="V", min=1, help="Refuse this version; the live one goes out of service.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept with what is rejected.")] = None,
    rollback: Annotated[int | None, typer.Option(metavar="V", min=1, help="Serve this earlier version again.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove old versions for good.")] = False,
    keep: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Prune none of the N newest [SLEEPTIME_KEEP_VERSIONS].")
    ] = None,
    keep_days: Annotated[
        float | None, typer.Option(metavar="D", min=0, help="Nor what was in use within D days [SLEEPTIME_KEEP_DAYS].")
    ] = None,
    queried: Annotated[bool, typer.Option("--queried", help="Prune those too that a query was answered from.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be pruned.")] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show what was learned about a context, compare two versions, or say which one serves its queries."""
    from sleeptime.cli.run import run

    if sum(option is not None for option in (version, diff, approve, reject, rollback, prune or None)) > 1:
        raise typer.BadParameter("give at most one of --version, --diff, --approve, --reject, --rollback and --prune")
    if reason is not None and reject is None:
        raise typer.BadParameter("--reason goes with --reject")
    if not prune and (keep is not None or keep_days is not None or queried or dry_run):
        raise typer.BadParameter("--keep, --keep-days, --queried and --dry-run go with --prune")
    if diff is not None:
        _print_diff(run(lambda sleeptime: sleeptime.diff(name, *diff), database_url=database), as_json)
        return
    if prune:
        given = {"keep_versions": keep, "keep_days": keep_days, "keep_queried": False if queried else None}
        pruned = run(lambda sleeptime: sleeptime.prune(name, is_dry_run=dry_run), database_url=database, **given)
        _print_pruned(pruned, as_json, is_dry_run=dry_run)
        return

    async def show(sleeptime: Sleeptime) -> LearnedNotes:
        if approve is not None:
            await sleeptime.approve(name, approve)
        elif reject is not None:
            await sleeptime.reject(name, reject, reason or "")
        elif rollback is not None:
            await sleeptime.rollback(name, rollback)
        return await sleeptime.notes(name, version or reject)

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
        "made_from": note.made_from or None,
    }


def show_notes(notes: Iterable[Note], *, in_service: frozenset[str] | None = None) -> None:
    """Print notes as a table; those out of service are marked when `in_service` is given."""
    from sleeptime.cli.output import print_table
    from sleeptime.core.note import NoteKind, Verdict

    def state(note: Note) -> str:
        if in_service is None or note.id in in_service:
            return ""
        return "refuted" if note.verdict is Verdict.REFUTED else "a part changed"

    def about(note: Note) -> str:
        return note.subject if note.kind is NoteKind.TEXT else ""  # others say it in their text

    rows = [
        (note.kind, about(note), note.text, note.derivation, note.votes, note.verdict, state(note)) for note in notes
    ]
    columns = ["kind", "about", "note", "working", ">votes", "verdict", "out of service"]
    if_any = ("about", "out of service")
    shown = [at for at, column in enumerate(columns) if column not in if_any or any(row[at] for row in rows)]
    print_table([columns[at] for at in shown], [tuple(row[at] for at in shown) for row in rows])


def _print_notes(found: LearnedNotes, as_json: bool) -> None:
    from sleeptime.cli.output import hint, print_json, say

    if as_json:
        print_json(_as_dict(found))
    elif found.entry is not None and found.learned is not None:
        entry = found.entry
        say(f"{found.context}: version {entry.number} ({entry.status}), {entry.strategy} by {entry.model}")
        if entry.reason:
            say(f"{entry.status}: {entry.reason}")
        show_notes(found.learned.notes, in_service=found.in_service)
    if found.versions and not as_json:
        _show_versions(found.versions)
    for remark in _remarks(found):
        hint(remark)


def _remarks(found: LearnedNotes) -> Iterator[str]:
    """What there is to do about the versions."""
    name = found.context
    live = next((entry.number for entry in found.versions if entry.status == "live"), None)
    if live is None:
        make = "" if found.waiting else f"; make one with: {command('sleep', name)}"
        yield f"{name} has no learned context in service{make}"
    if found.waiting is not None:
        look = f"--version {found.waiting}" if live is None else f"--diff {live} {found.waiting}"
        approve = command("notes", name, f"--approve {found.waiting}")
        or_not = f"--reject {found.waiting}; look at it with {look}"
        yield f"version {found.waiting} waits for approval: {approve}, or {or_not}"
    if found.entry is not None and found.entry.status in ("refused", "staged"):
        serve = command("notes", name, f"--approve {found.entry.number}")
        yield f"version {found.entry.number} is not served; to serve it: {serve}"


def _show_versions(versions: Sequence[LearnedEntry]) -> None:
    from sleeptime.cli.output import print_table

    rows = [
        (
            item.number,
            item.status,
            item.context_version,
            item.strategy,
            item.model,
            item.notes,
            f"{item.created_at:%F %T}",
            item.reason,
        )
        for item in versions
    ]
    columns = [">version", "status", "context version", "strategy", "model", ">notes", "made (UTC)"]
    if any(item.reason for item in versions):
        print_table([*columns, "why not live"], rows)
    else:
        print_table(columns, [row[:-1] for row in rows])


def _print_pruned(pruned: Pruned, as_json: bool, *, is_dry_run: bool) -> None:
    from sleeptime.cli.output import print_json, say

    if as_json:
        print_json(
            {
                "dry_run": is_dry_run,
                "context": pruned.context,
                "pruned": list(pruned.versions),
                "kept": pruned.kept,
            }
        )
        return
    numbers = ", ".join(map(str, pruned.versions))
    would = "would be pruned" if is_dry_run else "pruned"
    what = f"{counted(len(pruned.versions), 'version')} {would} ({numbers})" if numbers else f"no version {would}"
    say(f"{pruned.context}: {what}, {pruned.kept:,} kept")


def _as_dict(found: LearnedNotes) -> dict[str, Any]:
    held = () if found.learned is None else found.learned.notes
    return {
        "context": found.context,
        **_entry_dict(found.entry),
        "waiting": found.waiting,
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
        "reason": entry and entry.reason,
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
