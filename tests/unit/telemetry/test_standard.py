"""The standard variables that the SDK leaves to us."""

from __future__ import annotations

import pytest

from sleeptime.core.errors import InputError
from sleeptime.telemetry.exporter import Exporter
from sleeptime.telemetry.standard import CAPTURE, is_captured, is_disabled, prometheus_address
from sleeptime.telemetry.start import shown_telemetry, start_telemetry
from sleeptime.telemetry.telemetry import SILENT

HOST, PORT = "OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (HOST, PORT, CAPTURE, "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        monkeypatch.delenv(name, raising=False)


def test_metrics_are_served_on_this_machine_alone_unless_the_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prometheus_address() == ("localhost", 9464)
    monkeypatch.setenv(HOST, "0.0.0.0")
    monkeypatch.setenv(PORT, "9000")
    assert prometheus_address() == ("0.0.0.0", 9000)


@pytest.mark.parametrize("port", ["web", "-1", "65536"])
def test_a_port_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv(PORT, port)
    with pytest.raises(InputError, match=PORT):
        prometheus_address()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", False), ("false", False), ("NO_CONTENT", False), ("EVENT_ONLY", False), ("true", True), ("SPAN_ONLY", True)],
)
def test_text_is_captured_only_when_spans_are_to_hold_it(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: bool
) -> None:
    monkeypatch.setenv(CAPTURE, value)
    assert is_captured() is expected


def test_the_standard_switch_turns_all_of_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_disabled()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    assert start_telemetry(frozenset(Exporter)) is SILENT
    assert shown_telemetry(frozenset(Exporter)).startswith("off")


def test_a_protocol_that_there_is_not_is_an_error_before_anything_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(InputError, match="http/protobuf"):
        start_telemetry(frozenset({Exporter.OTLP}))
