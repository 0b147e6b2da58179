"""Doctor: what is set, what is reachable, what is wrong. Stores nothing, and calls no model that costs money."""

from __future__ import annotations

import os
import platform
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sleeptime.core.counted import counted
from sleeptime.core.errors import SleeptimeError
from sleeptime.results import Check

if TYPE_CHECKING:
    from sleeptime.settings import Settings

_KEY = "SLEEPTIME_API_KEY"


async def examine(*, model: str | None = None, database_url: str | None = None) -> tuple[Check, ...]:
    """Look at everything that the other commands need; what depends on a broken setting is not looked at."""
    from sleeptime import __version__
    from sleeptime.settings import load_settings

    checks = [Check("sleeptime", True, f"{__version__} on Python {platform.python_version()}, {platform.platform()}")]
    try:
        settings = load_settings(model=model, database_url=database_url)
    except SleeptimeError as error:
        return (*checks, Check("settings", False, str(error)))
    checks.append(_settings())
    for name, look in (("database", _database), ("model", _model), ("telemetry", _telemetry)):
        checks.append(await _checked(name, look, settings))
    return tuple(checks)


async def _checked(name: str, look: Callable[[Settings], Awaitable[str]], settings: Settings) -> Check:
    try:
        return Check(name, True, await look(settings))
    except SleeptimeError as error:
        return Check(name, False, str(error))


def _settings() -> Check:
    from sleeptime.settings import PREFIX, SETTINGS_FILE, Settings

    file = Path(SETTINGS_FILE).absolute()
    where = f"read from {file}" if file.is_file() else f"no {SETTINGS_FILE} in the working folder, which is fine"
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {_KEY}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        return Check("settings", False, f"{where}; these variables mean nothing: {', '.join(unknown)}")
    return Check("settings", True, where)


async def _database(settings: Settings) -> str:
    from sleeptime.store.database import parse_url
    from sleeptime.store.store import Store

    url = parse_url(settings.database_url)
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and not _exists(str(url.database)):
        return f"{shown} does not exist yet; it is made on first use"
    async with await Store.open(settings.database_url, tenant=settings.tenant) as store:
        return f"{shown} answers; {counted(len(await store.contexts()), 'context')}"


async def _model(settings: Settings) -> str:
    from sleeptime.models.resolve import model_family, resolve_model

    model = resolve_model(settings.model, timeout_s=settings.model_timeout_s)
    return f"{settings.model} is set up (family {model_family(model)}); no call was made"


async def _telemetry(settings: Settings) -> str:
    from sleeptime.telemetry.start import shown_telemetry

    return shown_telemetry(settings.exporters)


def _exists(file: str) -> bool:
    return Path(file).exists()
