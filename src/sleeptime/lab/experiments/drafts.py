"""Drafts: what was drafted of every context, out of the records."""

from __future__ import annotations

from sleeptime.core.errors import InputError
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.sleeper import draft_keys
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.settings import SleepSettings


def drafts_of(study: Study, settings: SleepSettings) -> dict[str, tuple[Draft, ...]]:
    """The drafts by a recipe, by context in the order of the study.

    Raises:
        InputError: drafts are missing; the message says of how many contexts.
    """
    kept = study.book.drafts
    keys = {problem.context_id: draft_keys(problem.context_id, settings) for problem in study.problems}
    lacking = sum(any(key not in kept for key in of_context) for of_context in keys.values())
    if lacking:
        raise InputError(
            f"{lacking} of {len(keys)} contexts lack some of their {settings.drafts} drafts; `sleeptime lab run` makes "
            "them"
        )
    return {context: tuple(kept[key] for key in of_context) for context, of_context in keys.items()}
