"""Every error that this package raises on purpose, in one tree.

::

    SleeptimeError                  exit code 1
    ├── InputError                  exit code 2: what was asked or given cannot be used as it is
    │   ├── UnsupportedBudget       the model cannot follow this budget
    │   ├── UnknownModel            no model answers to this name
    │   ├── TooLarge                a source is over a size limit
    │   ├── NotText                 a source is not UTF-8 text that can be stored
    │   ├── EmptyInput              a source holds nothing
    │   ├── Unreadable              a source cannot be opened or fetched
    │   └── ForeignText             the embedded model nano cannot read this text
    ├── CapReached                  a cap on spend leaves no room for the next call
    ├── NotNow                      it has to wait, and nothing is wrong with it; carries ``until``
    ├── NotFound                    a named context, version or note does not exist
    ├── ModelError                  a model call failed
    │   ├── RateLimited             429; carries ``retry_after_s``
    │   ├── ProviderDown            5xx, or no connection
    │   ├── ModelTimeout            no reply in time
    │   ├── BadReply                malformed reply or cut stream
    │   ├── BatchOverdue            a batch did not answer it in time; carries ``is_free``
    │   └── RequestRejected         any other 4xx; carries ``status``
    │       └── PromptRejected      for what this prompt holds: another one may pass
    └── StoreError                  the database refused or is not what we expect
        └── StoreAway               it cannot be reached, or has no means to answer: the same may succeed later

A message says what was given, what is allowed and what to do. Errors of other libraries are mapped onto this tree where
they enter, with ``raise ... from``.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar


class SleeptimeError(Exception):
    """Base of the tree; ``exit_code`` is what the command line exits with."""

    exit_code: ClassVar[int] = 1


class InputError(SleeptimeError):
    """The caller's argument, setting or source cannot be used."""

    exit_code: ClassVar[int] = 2


class UnsupportedBudget(InputError):
    """The model has no control that can follow this budget."""


class UnknownModel(InputError):
    """No model answers to this name."""


class TooLarge(InputError):
    """A source is larger than its limit; nothing of it was stored."""


class NotText(InputError):
    """A source is binary, is not UTF-8, or holds characters that no database can keep (NUL, lone surrogates)."""


class EmptyInput(InputError):
    """A source holds nothing to work on."""


class Unreadable(InputError):
    """A source cannot be opened, read or fetched."""


class ForeignText(InputError):
    """The embedded model nano has no word for something in this text."""


class CapReached(SleeptimeError):
    """The next call could go over a cap on spend; what was paid for is kept.

    Args:
        message: what happened.
        is_held: calls under way hold the room, so that it may be there when they end.
    """

    def __init__(self, message: str, *, is_held: bool = False) -> None:
        super().__init__(message)
        self.is_held = is_held


class NotNow(SleeptimeError):
    """What was asked can be done later: try again at a moment. No call is under way, or a provider has it in hand.

    Args:
        message: what it waits for.
        until: when to try again, aware.
    """

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message, until)
        self.until = until

    def __str__(self) -> str:
        return str(self.args[0])


class NotFound(SleeptimeError):
    """A named context, version or note does not exist."""


class ModelError(SleeptimeError):
    """A model call failed, after the retries that were safe."""


class RateLimited(ModelError):
    """The provider answered 429.

    Args:
        message: what happened.
        retry_after_s: seconds the provider asked us to wait, ``None`` when it did not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ProviderDown(ModelError):
    """The provider answered 5xx or could not be reached."""


class ModelTimeout(ModelError):
    """The provider did not answer in time."""


class BadReply(ModelError):
    """The reply was malformed or its stream ended early."""


class BatchOverdue(ModelError):
    """The provider's batch ended, or was given up, without an answer to this call; it can be made by itself.

    Args:
        message: what happened.
        is_free: the provider said that it did not work on it.
    """

    def __init__(self, message: str, *, is_free: bool = False) -> None:
        super().__init__(message)
        self.is_free = is_free


class RequestRejected(ModelError):
    """The provider refused the request for good (a 4xx other than 429).

    Args:
        message: what happened.
        status: the HTTP status, ``None`` when the refusal came without one.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class PromptRejected(RequestRejected):
    """The provider refused the request for what its prompt holds or how long it is, not for who asks or which model.

    A setting that the model does not take looks the same: then every prompt is refused.
    """


class StoreError(SleeptimeError):
    """The database refused an operation or is not in the state we expect."""


class StoreAway(StoreError):
    """The database cannot be reached, or lacks the means to answer; nothing is wrong with what was asked of it."""
