"""`sleeptime swe build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sleeptime.cli.options import Force, Json

if TYPE_CHECKING:
    from sleeptime.swe.repository import Repository
    from sleeptime.swe.tasks import Task


def build(
    context: typer.Context,
    repository: Annotated[str, typer.Argument(metavar="REPO", help="Path of a git repository, or PATH@REV.")],
    source: Annotated[
        Literal["mainline", "merges"],
        typer.Option(help="Commits along first parents: those that are no merges, or the merges."),
    ] = "mainline",
    rule: Annotated[
        Literal["paper", "strict"], typer.Option(help="The paper's: 3 modified .py or .js files; or every filter.")
    ] = "strict",
    related: Annotated[
        Literal["earlier", "paper-cluster"],
        typer.Option(help="Related changes of each task: before it alone, or by shared files and from the future too."),
    ] = "earlier",
    without: Annotated[
        list[str] | None, typer.Option(metavar="FILTER", help="Do not ask this filter; can be repeated.")
    ] = None,
    released: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Tasks of the paper's SWE-Features: FILE, or hub:OWNER/NAME."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where the task lines go [standard output].")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make tasks of a repository's history: the message is the query, the files that the commit modified are the truth.

    Each line is a JSON object: id, base_commit, query, modified_all, modified_source, related, related_from. How many
    commits each filter removed is told on stderr, or with --json, which then also holds the tasks if there is no
    --output. The strict rule asks for 3 to 10 modified source files, at most 30 changed ones, fewer than 20 % renamed
    or deleted, a feature verb, no fix, format, bump, lint or revert, at least 40 earlier commits and 10 source files.
    """
    from sleeptime.cli.output import print_json
    from sleeptime.core.errors import SleeptimeError
    from sleeptime.lab.datasets.jsonl import check_target
    from sleeptime.swe.repository import Repository

    if output is not None:
        check_target(output, overwrite=force)
    opened = Repository.of(repository)
    if released is not None:
        _refuse_rules(context)
        tasks, told = _read(opened, released, is_told=not as_json)
    else:
        tasks, told = _build(opened, source, rule, related, without or [], is_told=not as_json)
    if output is not None and tasks:
        _write(output, tasks)
    if as_json:
        lines = {"tasks": [task.as_dict() for task in tasks]} if output is None else {"output": str(output)}
        print_json({"repository": str(opened.path), "commit": opened.commit_id, **told, **lines})
    elif tasks:
        _say(output, tasks)
    if not tasks:
        raise SleeptimeError(
            "no commit is a task, so nothing was written; see what each filter removed, and try another --source or "
            "--rule, or --without FILTER"
        )


def _build(
    repository: Repository, source: str, rule: str, related: str, without: list[str], *, is_told: bool
) -> tuple[tuple[Task, ...], dict[str, Any]]:
    from sleeptime.cli.output import hint, progress_bar
    from sleeptime.swe.build import REASONS, RelatedFrom, Rule, Source, build_tasks, filters

    with progress_bar("reading commits") as bar:
        built = build_tasks(
            repository,
            source=Source(source),
            rule=Rule(rule),
            related_from=RelatedFrom(related),
            without=filters(without),
            progress=bar.update,
        )
    if is_told:
        hint(f"{_tasks(built.tasks)} of {built.num_commits:,} commits")
        for one, count in built.removed.items():
            hint(f"  {count:>6,} removed by {one}: {REASONS[one]}")
    if related == RelatedFrom.PAPER_CLUSTER:
        hint(
            "related changes are chosen by the files of the truth and can be later than their task: do not tune on them"
        )
    removed = {one.value: count for one, count in built.removed.items()}
    told = {"source": source, "rule": rule, "related": related, "without": sorted(set(without))}
    return built.tasks, told | {"num_commits": built.num_commits, "num_tasks": len(built.tasks), "removed": removed}


def _read(repository: Repository, released: str, *, is_told: bool) -> tuple[tuple[Task, ...], dict[str, Any]]:
    import asyncio

    from sleeptime.cli.output import hint, progress_bar
    from sleeptime.lab.datasets.build import Collector
    from sleeptime.lab.datasets.sources import read_sources
    from sleeptime.swe.swe_features import released_tasks

    with progress_bar("reading rows") as bar:
        read = asyncio.run(read_sources([released], Collector(can_skip=False), bar.update))
    found = released_tasks(read.rows, repository)
    if is_told:
        hint(f"{_tasks(found.tasks)} of {found.num_rows:,} rows")
        for reason, count in found.left_out.items():
            hint(f"  {count:>6,} left out: {reason}")
        if found.unread_fields:
            hint(f"fields that were not understood, and not used: {', '.join(found.unread_fields)}")
    return found.tasks, {
        "from": released,
        "related": "paper-cluster",
        "num_rows": found.num_rows,
        "num_tasks": len(found.tasks),
        "left_out": dict(found.left_out),
        "unread_fields": list(found.unread_fields),
    }


def _refuse_rules(context: typer.Context) -> None:
    """Raise for an option that would change nothing."""
    from sleeptime.core.errors import InputError

    for name in ("source", "rule", "related", "without"):
        given = context.get_parameter_source(name)
        if given is not None and given.name == "COMMANDLINE":
            raise InputError(f"--{name} means nothing with --from: the tasks of a released file are chosen already")


def _write(output: Path, tasks: tuple[Task, ...]) -> None:
    from sleeptime.core.errors import SleeptimeError
    from sleeptime.swe.tasks import write_tasks

    try:
        write_tasks(output, tasks)
    except OSError as error:
        raise SleeptimeError(f"{output} cannot be written: {error.strerror or error}") from error


def _say(output: Path | None, tasks: tuple[Task, ...]) -> None:
    import json

    from sleeptime.cli.output import say

    if output is not None:
        say(f"{output}: {_tasks(tasks)}")
        return
    for task in tasks:
        say(json.dumps(task.as_dict()))


def _tasks(tasks: tuple[Task, ...]) -> str:
    return "1 task" if len(tasks) == 1 else f"{len(tasks):,} tasks"
