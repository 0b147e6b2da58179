"""EchoScorer over real HTTP: which tokens are the query's, and what servers without such log-probabilities get told."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import (
    BadReply,
    EmptyInput,
    InputError,
    ModelTimeout,
    ProviderDown,
    RateLimited,
    RequestRejected,
)
from sleeptime.gate.echo import EchoScorer
from sleeptime.lab.scoring import query_scorer
from sleeptime.models.resolve import resolve_model
from sleeptime.models.retry import RetryModel
from sleeptime.models.scripted import ScriptedModel

CONTEXT = Context("shop", (Part("shop.txt", "Tom has 72 apples."),))


@dataclass
class CompletionsServer:
    """Echoes prompts; the log-probability of a token is minus a tenth of its letters and of those of the one before.

    Args:
        replies: JSON or ready responses to send instead, first come first served.
        first_token: what the server puts before every prompt.
        merges: joins the last word of a context with the first of a query into one token.
    """

    url: str = ""
    replies: list[Any] = field(default_factory=list)
    first_token: str = ""
    merges: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def tokens(self, prompt: str) -> list[str]:
        pattern = rf"{re.escape(self.merges)}|\s*\S+" if self.merges else r"\s*\S+"
        return [*([self.first_token] if self.first_token else []), *re.findall(pattern, prompt)]

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        assert body["echo"] is True
        assert body["logprobs"] == 1
        assert body["max_tokens"] == 1
        tokens = [*self.tokens(body["prompt"]), " generated"]
        logprobs = [None, *(-(len(a) + len(b)) / 10 for a, b in pairwise(tokens))]
        said = {"tokens": tokens, "token_logprobs": logprobs, "text_offset": [0] * len(tokens)}
        usage = {"prompt_tokens": len(tokens) - 1, "completion_tokens": 1}
        return {"choices": [{"index": 0, "text": body["prompt"], "logprobs": said}], "usage": usage}


@pytest.fixture
def server() -> Iterator[CompletionsServer]:
    served, app = CompletionsServer(), FastAPI()

    @app.post("/v1/completions")
    async def complete(request: Request) -> Response:
        body = await request.json()
        served.bodies.append(body)
        served.headers.append(dict(request.headers))
        reply = served.replies.pop(0) if served.replies else served.reply(body)
        return reply if isinstance(reply, Response) else JSONResponse(reply)

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive(), "the test server died"
        time.sleep(0.005)
    served.url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/v1"
    yield served
    running.should_exit = True
    thread.join(timeout=10)


async def test_a_query_is_scored_behind_its_context(server: CompletionsServer) -> None:
    scores = await EchoScorer(server.url, "base", api_key="key").score(CONTEXT, ["How many pens?", "Why?"])
    assert [body["prompt"] for body in server.bodies] == [
        "Tom has 72 apples.",
        "Tom has 72 apples. How many pens?",
        "Tom has 72 apples. Why?",
    ]
    assert {body["model"] for body in server.bodies} == {"base"}
    assert {header["authorization"] for header in server.headers} == {"Bearer key"}
    # " apples." 8, " How" 4, " many" 5, " pens?" 6
    assert [score.logprob for score in scores] == pytest.approx([-(8 + 4 + 4 + 5 + 5 + 6) / 10, -(8 + 5) / 10])
    assert [score.tokens for score in scores] == [3, 1]


async def test_a_token_that_the_server_puts_first_is_not_the_querys(server: CompletionsServer) -> None:
    plain = await EchoScorer(server.url, "base").score(CONTEXT, ["How many pens?"])
    server.first_token = "<|begin_of_text|>"
    assert await EchoScorer(server.url, "base").score(CONTEXT, ["How many pens?"]) == plain


async def test_a_token_across_the_border_counts_for_the_query(server: CompletionsServer) -> None:
    server.merges = " apples. How"
    [score] = await EchoScorer(server.url, "base").score(CONTEXT, ["How many pens?"])
    assert score.tokens == 3


async def test_an_empty_context_has_a_beginning_of_its_own(server: CompletionsServer) -> None:
    [score] = await EchoScorer(server.url, "base").score(Context("none", ()), ["How many?"])
    assert server.bodies[1]["prompt"] == "Question: How many?"
    assert score.tokens == 2


async def test_a_resolved_model_scores_through_its_wrappers(
    server: CompletionsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEPTIME_API_KEY", "secret")
    model = resolve_model(f"openai-compatible:{server.url}#base")
    scorer = await query_scorer(RetryModel(model, rng=Random(0)))
    assert [score.tokens for score in await scorer.score(CONTEXT, ["Why not?"])] == [2]
    assert server.headers[0]["authorization"] == "Bearer secret"


async def test_a_model_without_log_probabilities_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"gives no log-probabilities.*nano.*vLLM"):
        await query_scorer(ScriptedModel([]))


GENERATED_ALONE = {
    "choices": [{"logprobs": {"tokens": [" x"], "token_logprobs": [-1.0]}}],
    "usage": {"prompt_tokens": 4},
}
NO_LOGPROBS = {"choices": [{"text": "Tom", "logprobs": None}], "usage": {"prompt_tokens": 4}}


@pytest.mark.parametrize(
    "reply",
    [
        GENERATED_ALONE,
        NO_LOGPROBS,
        JSONResponse({"error": {"message": "Only no echo is supported"}}, 500),
        JSONResponse({"detail": "Not Found"}, 404),
        JSONResponse({"error": "not here"}, 501),
    ],
    ids=["generated alone", "none", "refused", "no endpoint", "not implemented"],
)
async def test_a_server_that_cannot_echo_is_told_from_one_that_fails(server: CompletionsServer, reply: Any) -> None:
    server.replies = [reply]
    with pytest.raises(InputError, match="vLLM"):
        await EchoScorer(server.url, "base").score(CONTEXT, ["Why?"])


async def test_log_probabilities_that_are_no_numbers_are_refused(server: CompletionsServer) -> None:
    tokens = ["Tom", " has", " 72", " apples.", " Why?", " x"]
    for bad in (None, "nan", 3.0, True):
        said = {"tokens": tokens, "token_logprobs": [None, -1, -1, -1, bad, -1]}
        first = server.reply({"prompt": "Tom has 72 apples.", "echo": True, "logprobs": 1, "max_tokens": 1})
        server.replies = [first, {"choices": [{"logprobs": said}], "usage": {"prompt_tokens": 5}}]
        with pytest.raises(InputError, match="gave no log-probabilities of the query"):
            await EchoScorer(server.url, "base").score(CONTEXT, ["Why?"])


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (JSONResponse({"error": "busy"}, 503), ProviderDown),
        (JSONResponse({"error": "slow down"}, 429), RateLimited),
        (JSONResponse({"error": "who are you"}, 401), RequestRejected),
        (Response(b"\xff\xfe", media_type="application/json"), BadReply),
        ([1], BadReply),
        ({"choices": []}, BadReply),
        ({"choices": [{"logprobs": {"tokens": "abc", "token_logprobs": 3}}], "usage": {"prompt_tokens": 1}}, BadReply),
        ({"choices": ["x"], "usage": {"prompt_tokens": 1}}, BadReply),
    ],
)
async def test_failures_are_errors_of_our_tree(server: CompletionsServer, reply: Any, error: type[Exception]) -> None:
    server.replies = [reply]
    with pytest.raises(error):
        await EchoScorer(server.url, "base").score(CONTEXT, ["Why?"])


async def test_a_server_that_is_not_there_or_too_slow_is_an_error_of_our_tree(server: CompletionsServer) -> None:
    with pytest.raises(ProviderDown, match="cannot be reached"):
        await EchoScorer("http://127.0.0.1:9", "base").score(CONTEXT, ["Why?"])
    server.replies = [_Late({})]
    with pytest.raises(ModelTimeout, match=r"within 0\.05 s"):
        await EchoScorer(server.url, "base", timeout_s=0.05).score(CONTEXT, ["Why?"])


async def test_a_blank_query_is_refused(server: CompletionsServer) -> None:
    with pytest.raises(EmptyInput):
        await EchoScorer(server.url, "base").score(CONTEXT, [" "])


class _Late(JSONResponse):
    """Sends its body a second late."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(1)
        await super().__call__(scope, receive, send)
