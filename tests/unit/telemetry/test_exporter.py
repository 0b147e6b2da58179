from __future__ import annotations

import pytest

from sleeptime.core.errors import InputError
from sleeptime.settings import changed_settings, load_settings
from sleeptime.telemetry.exporter import Exporter

BOTH = frozenset(Exporter)


@pytest.mark.parametrize(
    ("given", "exporters"),
    [
        ("off", frozenset()),
        ("otlp", {Exporter.OTLP}),
        ("prometheus", {Exporter.PROMETHEUS}),
        ("otlp,prometheus", BOTH),
        (" prometheus , otlp", BOTH),
    ],
)
def test_one_setting_names_none_one_or_both(given: str, exporters: frozenset[Exporter]) -> None:
    settings = load_settings(telemetry=given)
    assert settings.exporters == exporters
    assert changed_settings(settings, drafts=2).exporters == exporters


@pytest.mark.parametrize("given", ["on", "otlp,", "otlp,console", "", "off,otlp"])
def test_anything_else_is_refused_with_what_is_allowed(given: str) -> None:
    with pytest.raises(InputError, match=r"setting telemetry .*off, otlp, prometheus or otlp,prometheus"):
        load_settings(telemetry=given)
