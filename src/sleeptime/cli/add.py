"""`sleeptime add`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from sleeptime.cli.options import ContextName, Database, Json
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.results import Added


def add(
    name: ContextName,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="File, folder, git repository, PATH@REV, URL, or - for standard input."),
    ],
    append: Annotated[
        bool, typer.Option("--append", help="Put them behind what the context has, as the next messages or files.")
    ] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Store a context, or a new version of it.

    With --append the sources are put behind the parts that are there. Standard input is then a message, which is named
    by its number; a file that is there already with the same text is left out, and with another one it is an error.

    A folder gives its files as git sees them: tracked ones, and untracked ones that no .gitignore leaves out; links are
    not followed. PATH@REV gives the files of a revision. Only UTF-8 text is read.

    A source that is one file, page or standard input must be readable text within the limits, or nothing is stored.
    Inside a folder or repository, files that are binary, empty, not UTF-8, unreadable or over the limit of one part are
    left out; they are counted and named on stderr, and listed as "skipped" with --json.
    """
    import sys

    from sleeptime.cli.output import hint, print_json, progress_bar, say
    from sleeptime.cli.run import run

    stdin: TextIO | None = sys.stdin  # None where the caller closed it

    with progress_bar("reading") as bar:

        def show(parts: int, num_bytes: int) -> None:
            bar.update(parts, label=f"reading, {num_bytes / 1e6:,.1f} MB")

        async def work(sleeptime: Sleeptime) -> Added:
            data = None if stdin is None else stdin.buffer
            return await sleeptime.add(name, *sources, append=append, stdin=data, progress=show)

        added = run(work, database_url=database)
    if added.skipped:
        from sleeptime.sources import skip_summary

        hint(f"left out: {skip_summary(added.skipped, max_names=20)}")
    if as_json:
        print_json(_as_dict(added))
    else:
        state = "stored" if added.is_new else "unchanged"
        parts = counted(added.parts, "part")
        new = "" if added.appended is None else f"{len(added.appended):,} appended, "
        say(f"{added.context}: version {added.version} {state}, {new}{parts}, {added.num_bytes:,} bytes")


def _as_dict(added: Added) -> dict[str, Any]:
    appended = {} if added.appended is None else {"appended": list(added.appended)}
    return {
        "context": added.context,
        "version": added.version,
        "is_new": added.is_new,
        "parts": added.parts,
        "bytes": added.num_bytes,
        "skipped": [{"name": item.name, "reason": item.reason.value} for item in added.skipped],
        **appended,
    }
