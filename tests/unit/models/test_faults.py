"""models.faults: every foreign error class is mapped onto our own tree."""

from __future__ import annotations

import asyncio
import errno
import json
import resource
from datetime import UTC, datetime

import anthropic
import httpx2
import openai
import pytest
from google.genai import errors as google_errors
from pydantic_ai import exceptions as foreign
from pydantic_ai.usage import RequestUsage

from sleeptime.core.errors import (
    BadReply,
    ForeignText,
    InputError,
    ModelTimeout,
    NotNow,
    PromptRejected,
    ProviderDown,
    RateLimited,
    RequestRejected,
    SleeptimeError,
)
from sleeptime.models.faults import UnusableReply, fault_of

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/chat/completions")


def http(status: int, category: type[foreign.ModelAPIError] | None = None) -> foreign.ModelHTTPError:
    return foreign.ModelHTTPError.for_category(category, status_code=status, model_name="m")  # type: ignore[arg-type]  # any category, on purpose


def status_error(sdk: object, name: str, status: int) -> Exception:
    response = httpx2.Response(status, request=REQUEST, headers={"retry-after": "7"})
    made: Exception = getattr(sdk, name)("refused", response=response, body=None)
    return made


def transport_status(status: int) -> Exception:
    return httpx2.HTTPStatusError("no", request=REQUEST, response=httpx2.Response(status, request=REQUEST))


PYDANTIC_AI: list[tuple[Exception, type[SleeptimeError], bool]] = [
    (foreign.ModelAPIError("m", "odd"), BadReply, False),
    (foreign.ModelRateLimitError("m", "slow down"), RateLimited, True),
    (foreign.ModelQuotaExceededError("m", "no credit"), RequestRejected, False),
    (foreign.ModelUnavailableError("m", "away"), ProviderDown, True),
    (foreign.ModelOverloadedError("m", "busy"), ProviderDown, True),
    (foreign.ModelServerError("m", "broken"), ProviderDown, True),
    (foreign.ModelConnectionError("m", "refused"), ProviderDown, True),
    (foreign.ModelTimeoutError("m", "slow"), ModelTimeout, True),
    (foreign.ModelRequestTimeout("m", 1.0), ModelTimeout, True),
    (foreign.ModelRequestRejectedError("m", "bad"), PromptRejected, False),
    (foreign.ModelContextWindowExceededError("m", "long"), PromptRejected, False),
    (foreign.ModelAuthenticationError("m", "who"), RequestRejected, False),
    (foreign.ModelNotFoundError("m", "what"), RequestRejected, False),
    (http(400), PromptRejected, False),
    (http(400, foreign.ModelAuthenticationError), RequestRejected, False),
    (http(400, foreign.ModelQuotaExceededError), RequestRejected, False),
    (http(403, foreign.ModelRequestRejectedError), PromptRejected, False),
    (http(401, foreign.ModelAuthenticationError), RequestRejected, False),
    (http(402, foreign.ModelQuotaExceededError), RequestRejected, False),
    (http(404, foreign.ModelNotFoundError), RequestRejected, False),
    (http(408), ModelTimeout, True),
    (http(413), PromptRejected, False),
    (http(429, foreign.ModelRateLimitError), RateLimited, True),
    (http(429, foreign.ModelQuotaExceededError), RequestRejected, False),
    (http(500, foreign.ModelServerError), ProviderDown, True),
    (http(529, foreign.ModelOverloadedError), ProviderDown, True),
    (foreign.UnexpectedModelBehavior("odd"), BadReply, False),
    (foreign.OutputTokenLimitExceeded("cut"), BadReply, False),
    (foreign.ContentFilterError("no"), PromptRejected, False),
    (foreign.UserError("misuse"), InputError, False),
    (UnusableReply("empty", RequestUsage()), BadReply, False),
]

SDKS: list[tuple[Exception, type[SleeptimeError], bool]] = [
    *[
        case
        for sdk in (openai, anthropic)
        for case in (
            (sdk.APITimeoutError(request=REQUEST), ModelTimeout, True),
            (sdk.APIConnectionError(request=REQUEST), ProviderDown, True),
            (sdk.APIError("odd", REQUEST, body=None), BadReply, False),
            (sdk.APIResponseValidationError(httpx2.Response(200, request=REQUEST), body=None), BadReply, False),
            (status_error(sdk, "BadRequestError", 400), PromptRejected, False),
            (status_error(sdk, "AuthenticationError", 401), RequestRejected, False),
            (status_error(sdk, "PermissionDeniedError", 403), RequestRejected, False),
            (status_error(sdk, "NotFoundError", 404), RequestRejected, False),
            (status_error(sdk, "ConflictError", 409), RequestRejected, False),
            (status_error(sdk, "UnprocessableEntityError", 422), PromptRejected, False),
            (status_error(sdk, "RateLimitError", 429), RateLimited, True),
            (status_error(sdk, "InternalServerError", 500), ProviderDown, True),
        )
    ],
    (openai.OAuthError(response=httpx2.Response(401, request=REQUEST), body=None), RequestRejected, False),
    (google_errors.ClientError(400, {"error": {"message": "bad"}}), PromptRejected, False),
    (google_errors.ClientError(429, {"error": {"message": "slow"}}), RateLimited, True),
    (google_errors.ServerError(503, {"error": {"message": "away"}}), ProviderDown, True),
    (google_errors.UnknownApiResponseError("odd"), BadReply, False),
]

TRANSPORT: list[tuple[Exception, type[SleeptimeError], bool]] = [
    (httpx2.ConnectTimeout("slow"), ModelTimeout, True),
    (httpx2.ReadTimeout("slow"), ModelTimeout, True),
    (httpx2.WriteTimeout("slow"), ModelTimeout, True),
    (httpx2.PoolTimeout("slow"), ModelTimeout, True),
    (httpx2.ConnectError("refused"), ProviderDown, True),
    (httpx2.ReadError("reset"), ProviderDown, True),
    (httpx2.RemoteProtocolError("cut"), ProviderDown, True),
    (httpx2.DecodingError("garbled"), BadReply, False),
    (httpx2.StreamClosed(), BadReply, False),
    (transport_status(503), ProviderDown, True),
    (transport_status(400), PromptRejected, False),
    (TimeoutError(), ModelTimeout, True),
    (ConnectionRefusedError(), ProviderDown, True),
    (ConnectionResetError(), ProviderDown, True),
    (json.JSONDecodeError("odd", "{", 1), BadReply, False),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), BadReply, False),
]


@pytest.mark.parametrize(("error", "mapped", "can_retry"), PYDANTIC_AI + SDKS + TRANSPORT, ids=repr)
def test_every_foreign_error_is_mapped(error: Exception, mapped: type[SleeptimeError], can_retry: bool) -> None:
    fault = fault_of(error)
    assert fault is not None
    assert type(fault.error) is mapped
    assert fault.can_retry is can_retry
    assert str(fault.error)


def test_the_table_holds_every_error_that_a_model_call_of_pydantic_ai_can_raise() -> None:
    family = {foreign.ModelAPIError, foreign.UnexpectedModelBehavior}
    exported = {getattr(foreign, name) for name in foreign.__all__}
    wanted = {kind for kind in exported if isinstance(kind, type) and any(issubclass(kind, base) for base in family)}
    tested = {cls for error, _, _ in PYDANTIC_AI for cls in type(error).__mro__}
    assert wanted - tested - {foreign.IncompleteToolCall} == set(), (
        "IncompleteToolCall comes from agents, not from calls"
    )


def below(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(found for each in kind.__subclasses__() for found in below(each))]


def name(kind: type[Exception]) -> str:
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


@pytest.mark.parametrize("kind", [*below(openai.APIError), *below(anthropic.APIError)], ids=name)
def test_every_error_class_of_the_sdks_is_mapped(kind: type[Exception]) -> None:
    status = getattr(kind, "status_code", None)
    if not isinstance(status, int):
        status = 500
    error = kind.__new__(kind)
    Exception.__init__(error, "refused")
    error.response = httpx2.Response(status, request=REQUEST)  # type: ignore[attr-defined]  # what SDK errors carry
    fault = fault_of(error)
    assert fault is not None
    if issubclass(kind, openai.APIStatusError | anthropic.APIStatusError):
        named = {408: ModelTimeout, 429: RateLimited} | dict.fromkeys((400, 413, 422), PromptRejected)
        wanted = named.get(status, ProviderDown if status >= 500 else RequestRejected)
        assert type(fault.error) is wanted


@pytest.mark.parametrize("sdk", [openai, anthropic], ids=lambda sdk: sdk.__name__)
def test_an_sdk_error_keeps_what_the_provider_asked_for(sdk: object) -> None:
    fault = fault_of(status_error(sdk, "RateLimitError", 429))
    assert fault is not None
    assert isinstance(fault.error, RateLimited)
    assert fault.error.retry_after_s == fault.retry_after_s == 7.0
    refused = fault_of(status_error(sdk, "BadRequestError", 400))
    assert refused is not None
    assert isinstance(refused.error, RequestRejected)
    assert refused.error.status == 400


@pytest.mark.parametrize(
    ("error", "is_free"),
    [
        (http(429), True),
        (http(500), True),
        (http(504), False),
        (http(401), True),
        (foreign.ModelConnectionError("m", "refused", phase="connect"), True),
        (foreign.ModelConnectionError("m", "cut", phase="read"), False),
        (foreign.ModelTimeoutError("m", "slow", phase="connect"), True),
        (foreign.ModelTimeoutError("m", "slow", phase="read"), False),
        (httpx2.ConnectError("refused"), True),
        (httpx2.ReadTimeout("slow"), False),
        (foreign.UnexpectedModelBehavior("odd"), False),
        (foreign.UserError("misuse"), True),
    ],
    ids=repr,
)
def test_an_attempt_is_free_only_when_the_provider_surely_did_no_work(error: Exception, is_free: bool) -> None:
    fault = fault_of(error)
    assert fault is not None
    assert fault.is_free is is_free


@pytest.mark.parametrize(
    "error",
    [foreign.ModelConnectionError("m", "lost", phase="read"), httpx2.RemoteProtocolError("cut"), httpx2.ReadError("x")],
    ids=repr,
)
def test_a_connection_lost_in_a_stream_is_a_cut_reply(error: Exception) -> None:
    fault = fault_of(error, in_stream=True)
    assert fault is not None
    assert isinstance(fault.error, BadReply)
    assert not fault.can_retry


@pytest.mark.parametrize(
    "error", [TimeoutError(), ConnectionResetError(), json.JSONDecodeError("odd", "{", 1)], ids=repr
)
def test_common_errors_in_a_stream_may_be_the_readers_own(error: Exception) -> None:
    assert fault_of(error, in_stream=True) is None


@pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError(), KeyError("x"), OSError(13, "no")])
def test_what_is_not_about_the_call_is_left_alone(error: BaseException) -> None:
    assert fault_of(error) is None


@pytest.mark.parametrize(
    ("error", "can_retry"),
    [
        (RateLimited("slow", 1.0), True),
        (ProviderDown("away"), True),
        (ModelTimeout("slow"), True),
        (BadReply("odd"), False),
        (RequestRejected("no", 400), False),
        (ForeignText("what"), False),
    ],
    ids=repr,
)
def test_our_own_errors_pass_through_as_they_are(error: SleeptimeError, can_retry: bool) -> None:
    fault = fault_of(error)
    assert fault is not None
    assert fault.error is error
    assert fault.can_retry is can_retry


def test_a_long_error_body_is_clipped() -> None:
    fault = fault_of(foreign.ModelAPIError("m", "x" * 10_000))
    assert fault is not None
    assert len(str(fault.error)) < 500


async def test_a_machine_without_file_descriptors_is_no_fault_of_the_provider() -> None:
    client = openai.AsyncOpenAI(base_url="http://127.0.0.1:1/v1", api_key="none", max_retries=0)
    with pytest.raises(openai.APIConnectionError) as refused:
        await client.models.list()
    fault = fault_of(refused.value)
    assert fault is not None
    assert isinstance(fault.error, ProviderDown)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(openai.APIConnectionError) as short:
            await client.models.list()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await client.close()
    fault = fault_of(short.value)
    assert fault is not None
    assert isinstance(fault.error, NotNow)
    assert (fault.can_retry, fault.is_free) == (True, True)
    assert fault.error.until > datetime.now(UTC)


@pytest.mark.parametrize("number", [errno.ENFILE, errno.ENOMEM, errno.ENOSPC])
def test_what_the_machine_lacks_is_found_below_every_error(number: int) -> None:
    causes = ExceptionGroup("all failed", [ConnectionRefusedError(), OSError(number, "short")])
    error = foreign.ModelConnectionError("m", "no connection")
    error.__context__ = httpx2.ConnectError("failed")
    error.__context__.__cause__ = causes
    fault = fault_of(error)
    assert fault is not None
    assert isinstance(fault.error, NotNow)
    assert "short" in str(fault.error)
