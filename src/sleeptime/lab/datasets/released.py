"""Readers of the paper's released sets, as they are: letta-ai/stateful-gsm-symbolic, stateful-aime-2024 and -2025.

Their contexts and queries are kept word for word, with the defects of the splitter that made them ("$0. 7"). To cut the
whole questions anew, read the same files as `stateful-gsm-symbolic`.
"""

from __future__ import annotations

from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.aime import aime_problem
from sleeptime.lab.datasets.build import Build, Collector, Progress, Request, no_progress
from sleeptime.lab.datasets.gsm_symbolic import stateful_problem, worked_answer
from sleeptime.lab.datasets.hub import Hub
from sleeptime.lab.datasets.rows import Row
from sleeptime.lab.datasets.sources import Sources, build_rows
from sleeptime.lab.problem import Problem

GSM: Final = "stateful_gsm_symbolic"
AIME: Final = "stateful_aime"


async def build_released(request: Request, progress: Progress = no_progress, hub: Hub | None = None) -> Build:
    """Problems of rows with ``stateful_..._context`` and ``stateful_..._question``.

    Raises:
        InputError: a source or a row cannot be used; with `request.can_skip` such a row is left out.
    """

    def use(collector: Collector, sources: Sources, row: Row, number: int) -> None:
        collector.add(row.where, released_problem(row, number))

    return await build_rows(request, use, progress, hub)


def released_problem(row: Row, number: int) -> Problem:
    """One row of a released set.

    Raises:
        InputError: it has not the fields of one.
    """
    template, instance = (row.label(field, default="") for field in ("id", "instance"))
    label = f"{template}-{instance}" if template and instance else str(number)
    if f"{GSM}_question" in row.fields:
        context, query = _both(row, GSM)
        answer, steps = worked_answer(row)
        return stateful_problem(row, f"{row.origin}-{label}", context, query, answer, steps, released=True)
    if f"{AIME}_question" in row.fields:
        context, query = _both(row, AIME)
        return aime_problem(row, f"{row.origin}-{label}", context, query, released=True)
    known = ", ".join(sorted(row.fields)[:12]) or "none"
    raise InputError(
        f"{row.where}: a released set has the fields {GSM}_context and {GSM}_question, or {AIME}_context and "
        f"{AIME}_question; the fields there are: {known}"
    )


def _both(row: Row, name: str) -> tuple[str, str]:
    """Context, which may be empty or null, and query."""
    if row.fields.get(f"{name}_context") is None:
        return "", row.text(f"{name}_question").strip()
    return row.text(f"{name}_context", default="").strip(), row.text(f"{name}_question").strip()
