"""Exporter: where telemetry goes; what the setting `telemetry` names."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

OFF: Final = "off"


class Exporter(StrEnum):
    """Where telemetry goes."""

    OTLP = "otlp"
    PROMETHEUS = "prometheus"


def parse_exporters(text: str) -> frozenset[Exporter]:
    """The exporters that a setting names.

    >>> sorted(parse_exporters("otlp, prometheus"))
    [<Exporter.OTLP: 'otlp'>, <Exporter.PROMETHEUS: 'prometheus'>]
    >>> parse_exporters("off")
    frozenset()

    Raises:
        ValueError: it names something else.
    """
    if text.strip() == OFF:
        return frozenset()
    try:
        return frozenset(Exporter(name.strip()) for name in text.split(","))
    except ValueError as error:
        raise ValueError("must be off, otlp, prometheus or otlp,prometheus") from error


def written(exporters: frozenset[Exporter]) -> str:
    """The setting that names them."""
    return ",".join(sorted(exporters)) or OFF
