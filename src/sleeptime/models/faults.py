"""Faults: what a failed model call means in our own error tree, whether to try again, and whether it was paid for.

The one place where errors of pydantic-ai, of the provider SDKs and of their HTTP libraries are mapped. SDK errors are
known by name, so that nothing here imports an SDK.
"""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from pydantic_ai import exceptions as foreign
from pydantic_ai.usage import RequestUsage

from sleeptime.core.errors import (
    BadReply,
    BatchOverdue,
    InputError,
    ModelError,
    ModelTimeout,
    NotNow,
    PromptRejected,
    ProviderDown,
    RateLimited,
    RequestRejected,
    SleeptimeError,
)

_MAX_DETAIL_CHARS: Final = 400

SHORTAGE: Final = timedelta(seconds=10)
"""A call for which this machine lacks the means is made again after this."""
_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC})


class UnusableReply(foreign.UnexpectedModelBehavior):
    """A reply that arrived whole, reported its usage, and cannot be used; it was paid for."""

    def __init__(self, message: str, usage: RequestUsage | None) -> None:
        super().__init__(message)
        self.usage = usage


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed attempt.

    Args:
        error: the error of our tree to raise.
        can_retry: sending the same request again may succeed and is safe.
        retry_after_s: seconds the provider asked us to wait, if it said.
        is_free: the provider did no work that it bills; False when that is not known.
    """

    error: SleeptimeError
    can_retry: bool = False
    retry_after_s: float | None = None
    is_free: bool = False


def fault_of(error: BaseException, *, in_stream: bool = False) -> Fault | None:
    """Say what an error of a model call means.

    Args:
        error: what the call raised.
        in_stream: it was raised after the stream had begun; a lost connection then is a cut reply.

    Returns:
        The fault, or ``None`` for an error that is not about the call (a bug, a cancellation).
    """
    if isinstance(error, SleeptimeError):
        return _own_fault(error)
    if not in_stream and (shortage := _shortage(error)) is not None:
        return _short(shortage)
    if isinstance(error, foreign.ModelAPIError):
        return _api_fault(error, in_stream)
    if isinstance(error, foreign.ContentFilterError):
        return Fault(PromptRejected(f"the provider's content filter refused: {_clip(error)}"))
    if isinstance(error, foreign.UnexpectedModelBehavior):
        return Fault(BadReply(f"the reply cannot be used: {_clip(error)}"))
    if isinstance(error, foreign.UserError):
        return Fault(InputError(f"the model cannot take this request: {_clip(error)}"), is_free=True)
    return _named_fault(error, in_stream)


def _shortage(error: BaseException) -> OSError | None:
    """What this machine lacks, where that is below an error of the provider's client."""
    return next((below for below in _below(error) if below.errno in _SHORTAGES), None)


def _below(error: BaseException) -> Iterator[OSError]:
    """The system's own errors that an error comes from."""
    left, seen = [error], set[int]()
    while left:
        found = left.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, OSError) and not isinstance(found, socket.gaierror):  # its numbers are its own
            yield found
        if isinstance(found, BaseExceptionGroup):
            left += found.exceptions
        left += [cause for cause in (found.__cause__, found.__context__) if cause is not None]


def _short(shortage: OSError) -> Fault:
    """It says nothing about the provider, and the same call can be made when there is more."""
    message = f"this machine lacks what a call needs: {shortage.strerror}; let it do less at once, or raise its limits"
    is_free = shortage.errno in (errno.EMFILE, errno.ENFILE)  # there was no connection yet
    return Fault(NotNow(message, datetime.now(UTC) + SHORTAGE), can_retry=True, is_free=is_free)


def _own_fault(error: SleeptimeError) -> Fault:
    if isinstance(error, RateLimited):
        return Fault(error, can_retry=True, retry_after_s=error.retry_after_s, is_free=True)
    if isinstance(error, ProviderDown):
        return Fault(error, can_retry=True, is_free=True)
    if isinstance(error, ModelTimeout):
        return Fault(error, can_retry=True)
    if isinstance(error, BatchOverdue):
        return Fault(error, is_free=error.is_free)
    return Fault(error, is_free=not isinstance(error, ModelError) or isinstance(error, RequestRejected))


def _api_fault(error: foreign.ModelAPIError, in_stream: bool) -> Fault:
    """Map pydantic-ai's own classes; a status and a category come in one error, so the order matters."""
    said = f"{error.model_name}: {_clip(error)}"
    if isinstance(error, foreign.ModelRequestTimeout | foreign.ModelTimeoutError):
        return _timeout(said, getattr(error, "phase", None))
    if isinstance(error, foreign.ModelConnectionError):
        return _lost_connection(said, error.phase, in_stream)
    status = error.status_code if isinstance(error, foreign.ModelHTTPError) else None
    if isinstance(error, foreign.ModelQuotaExceededError):
        message = f"{said}; the quota or credit of this account is used up, waiting will not help"
        return Fault(RequestRejected(message, status), is_free=True)
    hint = error.provider_retry_hint if isinstance(error, foreign.ModelHTTPError) else None
    can_retry = hint is not False
    if status == 429 or isinstance(error, foreign.ModelRateLimitError):
        wait = "" if error.retry_after is None else f", asked to wait {error.retry_after:g} s"
        message = f"{said}; rate limited{wait}: make fewer requests at once, or try later"
        return Fault(RateLimited(message, error.retry_after), can_retry, error.retry_after, is_free=True)
    if status == 408:
        return _timeout(said, None)
    is_down = isinstance(error, foreign.ModelUnavailableError | foreign.ModelServerError)
    if is_down or (status is not None and status >= 500):
        # A gateway's 504 says that nobody waited for the provider, not that the provider did no work.
        return Fault(ProviderDown(said), can_retry, error.retry_after, is_free=status != 504 and not in_stream)
    if isinstance(error, foreign.ModelRequestRejectedError) or (status is not None and status >= 400):
        kind = PromptRejected if _is_about_prompt(error, status) else RequestRejected
        return Fault(kind(said, status), is_free=True)
    return Fault(BadReply(said))


def _is_about_prompt(error: foreign.ModelAPIError, status: int | None) -> bool:
    """Whether a refusal is about the prompt, and not about the caller or the model that was asked for."""
    if isinstance(error, foreign.ModelAuthenticationError | foreign.ModelNotFoundError):
        return False
    return status in _PROMPT_STATUSES or isinstance(error, foreign.ModelRequestRejectedError)


def _timeout(said: str, phase: str | None) -> Fault:
    message = f"{said}; no reply in time: raise the timeout, or try later"
    return Fault(ModelTimeout(message), can_retry=True, is_free=phase in ("pool", "connect"))


def _lost_connection(said: str, phase: str | None, in_stream: bool) -> Fault:
    if in_stream:
        return Fault(BadReply(f"{said}; the stream was cut"))
    is_free = phase in ("pool", "connect")
    return Fault(ProviderDown(f"{said}; no connection to the provider"), can_retry=True, is_free=is_free)


def _named_fault(error: BaseException, in_stream: bool) -> Fault | None:
    """Map errors that reached us without pydantic-ai's mapping, by package and class name."""
    kind = next((kind for name in _names(error) if (kind := _KINDS.get(name)) is not None), None)
    said = f"{type(error).__name__}: {_clip(error)}"
    if kind == "status":
        return _status_fault(error, said, in_stream)
    if kind == "timeout":
        return _timeout(said, _PHASES.get(type(error).__name__))
    if kind == "connection":
        return _lost_connection(said, _PHASES.get(type(error).__name__), in_stream)
    if kind == "reply":
        return Fault(BadReply(said))
    if in_stream:  # past this point the error may as well come from the code that reads the stream
        return None
    if isinstance(error, TimeoutError):
        return _timeout(said, None)
    if isinstance(error, ConnectionError):
        is_refused = isinstance(error, ConnectionRefusedError)
        return _lost_connection(said, "connect" if is_refused else None, in_stream)
    if isinstance(
        error, json.JSONDecodeError | UnicodeDecodeError | RecursionError
    ):  # the last of JSON that is too deep
        return Fault(BadReply(said))
    return None


def _status_fault(error: BaseException, said: str, in_stream: bool) -> Fault:
    response = getattr(error, "response", None)
    candidates = (getattr(response, "status_code", None), getattr(error, "code", None))
    status = next((status for status in candidates if isinstance(status, int)), None)
    if status is None:
        return Fault(BadReply(said))
    headers = getattr(response, "headers", None)
    known = foreign.ModelHTTPError(status, type(error).__name__, _clip(error), headers=dict(headers or {}))
    return _api_fault(known, in_stream)


def _names(error: BaseException) -> list[str]:
    """``package.Class`` of the error and of its bases, most special first."""
    return [f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(error).__mro__]


def _clip(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= _MAX_DETAIL_CHARS else text[: _MAX_DETAIL_CHARS - 1] + "…"


_KINDS: Final = {
    **{
        f"{package}.{name}": kind
        for package in ("httpx2", "httpx")
        for name, kind in {
            "HTTPStatusError": "status",
            "TimeoutException": "timeout",
            "DecodingError": "reply",
            "StreamError": "reply",
            "TransportError": "connection",
            "RequestError": "connection",
        }.items()
    },
    **{
        f"{package}.{name}": kind
        for package in ("openai", "anthropic")
        for name, kind in {
            "APIStatusError": "status",
            "APITimeoutError": "timeout",
            "APIConnectionError": "connection",
            "APIResponseValidationError": "reply",
            "APIError": "reply",
        }.items()
    },
    "google.APIError": "status",
    "google.UnknownApiResponseError": "reply",
}
"""What a foreign class means; the first of an error's classes that is here decides."""

_PROMPT_STATUSES: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)

_PHASES: Final = {
    "PoolTimeout": "pool",
    "ConnectTimeout": "connect",
    "ConnectError": "connect",
}
"""Transport errors that happen before anything was sent."""
