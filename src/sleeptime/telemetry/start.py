"""Start: the telemetry of this process, begun once, whoever asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.telemetry.exporter import Exporter
from sleeptime.telemetry.standard import is_disabled, otlp_endpoint, prometheus_address
from sleeptime.telemetry.telemetry import SILENT, Telemetry

INSTALL: Final = 'pip install "sleeptime[telemetry]"'

_started: dict[frozenset[Exporter], Telemetry] = {}
_starting = threading.Lock()


def start_telemetry(exporters: frozenset[Exporter]) -> Telemetry:
    """What goes to these exporters; the same for all who ask, until the process ends and the rest of it is sent.

    Raises:
        InputError: the extra is not installed, or a standard variable asks for what there is not.
    """
    if not exporters or is_disabled():
        return SILENT
    with _starting:
        if exporters not in _started:
            _started[exporters] = _load()(exporters)
        return _started[exporters]


def shown_telemetry(exporters: frozenset[Exporter]) -> str:
    """Where telemetry goes, for a user; nothing is begun.

    Raises:
        InputError: the extra is not installed, or a standard variable asks for what there is not.
    """
    if not exporters or is_disabled():
        return "off (docs/telemetry.md)"
    _load()
    host, port = prometheus_address()
    shown = {
        Exporter.OTLP: f"sent to {otlp_endpoint()}",
        Exporter.PROMETHEUS: f"a worker serves http://{host}:{port}/metrics",
    }
    return "; ".join(shown[exporter] for exporter in sorted(exporters))


def _load() -> Callable[[frozenset[Exporter]], Telemetry]:
    try:
        from sleeptime.telemetry.export import export
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("opentelemetry", "prometheus_client")):
            raise
        raise InputError(f"telemetry needs what is not installed; run: {INSTALL}") from error
    return export
