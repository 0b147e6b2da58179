"""`sleeptime doctor`."""

from __future__ import annotations

import typer

from sleeptime.cli.options import Database, Json, Model


def doctor(model: Model = None, database: Database = None, as_json: Json = False) -> None:
    """Check settings, database and model, and say what to do about what is wrong. Makes no paid call."""
    import asyncio

    from sleeptime.cli.output import print_json, print_table
    from sleeptime.doctor import examine

    checks = asyncio.run(examine(model=model, database_url=database))
    is_ok = all(check.is_ok for check in checks)
    if as_json:
        found = [{"name": check.name, "ok": check.is_ok, "detail": check.detail} for check in checks]
        print_json({"ok": is_ok, "checks": found})
    else:
        rows = [("ok" if check.is_ok else "WRONG", check.name, check.detail) for check in checks]
        print_table(["", "what", "found"], rows)
    if not is_ok:
        raise typer.Exit(1)
