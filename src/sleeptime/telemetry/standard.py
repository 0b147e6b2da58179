"""Standard: variables of OpenTelemetry that the SDK leaves to us, with the names and defaults of its specification."""

from __future__ import annotations

import os
from typing import Final

from sleeptime.core.errors import InputError

CAPTURE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURED: Final = {"true", "span_only", "span_and_event"}


def is_disabled() -> bool:
    """Whether all of OpenTelemetry is switched off."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def is_captured() -> bool:
    """Whether the user wants prompts and answers in spans; they are not there otherwise."""
    return os.environ.get(CAPTURE, "").strip().lower() in _CAPTURED


def prometheus_address() -> tuple[str, int]:
    """Host and port at which metrics are served: of this machine alone, unless the user says so.

    Raises:
        InputError: the port is not a number.
    """
    host = os.environ.get("OTEL_EXPORTER_PROMETHEUS_HOST") or "localhost"
    port = os.environ.get("OTEL_EXPORTER_PROMETHEUS_PORT") or "9464"
    if not (port.isdecimal() and int(port) < 1 << 16):
        raise InputError(f"OTEL_EXPORTER_PROMETHEUS_PORT must be a port, 0 to 65535, got {port!r}")
    return host, int(port)


def otlp_endpoint() -> str:
    """Where spans and metrics are sent, as it is shown."""
    return os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or "http://localhost:4318"
