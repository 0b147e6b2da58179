"""Names that `predictability` still uses."""

from __future__ import annotations

from sleeptime.lab.experiments.rows import Rows as Repeated
from sleeptime.lab.experiments.rows import rows_of as single

__all__ = ["Repeated", "single"]
