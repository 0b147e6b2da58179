"""Tally: how many answers of a run are there, and what failed. Knows nothing of what an answer is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pydantic_ai.models import Model

from sleeptime.core.errors import PromptRejected, SleeptimeError
from sleeptime.lab.cap import CappedModel

MAX_FAILURES: Final = 20
"""Answers that may fail for good before a run stops: the cause is then not in the single one."""

Progress = Callable[[int, int], None]
"""Told the answers that are there, and those in all."""


class Incomplete(SleeptimeError):
    """Some answers failed; those that came are kept, and another run plays the others."""


class Tally:
    """Counts answers, and keeps what failed.

    Args:
        total: answers that are to be made.
        progress: told after each.
    """

    def __init__(self, total: int, progress: Progress | None = None) -> None:
        self._done, self._total, self._progress = 0, total, progress
        self.failures: list[Exception] = []

    @property
    def has_rejected(self) -> bool:
        """Whether the provider refused prompts and took others."""
        return self._done > 0 and any(isinstance(error, PromptRejected) for error in self.failures)

    @contextmanager
    def answer(self) -> Iterator[None]:
        """Count the answer that is made within, or keep why it failed."""
        try:
            yield
        except Exception as error:  # of whatever kind: it is told at the end, and Inspect logs it and goes on
            self.failures.append(error)
            raise
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)

    def check(self, why: str, model: Model | None, *, of: str = "") -> None:
        """Return when every answer came.

        Args:
            why: the run did not come to its end; ``""`` when it did.
            model: that answered.
            of: what, in words.

        Raises:
            CapReached: the model refused a call for its cap.
            Incomplete: answers failed; the message says how many and why the first did.
        """
        if not (why or self.failures):
            return
        if isinstance(model, CappedModel) and model.refusal is not None:
            raise model.refusal
        first = _in_words(self.failures[0]) if self.failures else why
        raise Incomplete(
            f"{self._total - self._done} of {self._total} answers{of and f' of {of}'} are missing; the first failure: "
            f"{first}. What came is kept: the same command plays the others"
        )


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, SleeptimeError) else f"{type(error).__name__}: {error}"
