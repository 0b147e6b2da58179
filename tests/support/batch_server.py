"""A real HTTP server on loopback with the batch endpoints of OpenAI and of Anthropic, and their single requests.

It keeps what it was sent while clients come, are killed, and come again. Batches end when the test says so.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from itertools import count
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sleeptime.models.scripted import ToolCall
from tests.support.serving import serving

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """An HTTP status instead of an answer."""

    status: int
    code: str | None = None
    message: str = "injected"
    retry_after_s: int | None = None

    def response(self) -> Response:
        """As OpenAI and Anthropic send it."""
        headers = {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}
        return JSONResponse(self.body, status_code=self.status, headers=headers)

    @property
    def body(self) -> Json:
        """What both say."""
        kinds = {400: "invalid_request_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}
        return {
            "type": "error",
            "error": {"type": kinds.get(self.status, "api_error"), "code": self.code, "message": self.message},
        }


Answer = str | ToolCall | Refused
Answers = Callable[[Json], Answer]
"""What the model says to the body of a request."""


@dataclass
class Sent:
    """A batch that a client sent."""

    id: str
    provider: str
    requests: dict[str, Json]
    created_at: datetime
    file_id: str = ""
    status: str = "in_progress"
    """``in_progress``, ``cancelling``, ``completed``, ``cancelled``, ``expired`` or ``failed``."""
    results: dict[str, Json] = field(default_factory=dict)
    """By custom id, a line of the results as the provider writes it."""
    errors: list[Json] = field(default_factory=list)


class BatchServer:
    """What the server has, and how it behaves.

    Args:
        answers: what the model says.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.url = ""
        self.batches: dict[str, Sent] = {}
        self.files: dict[str, str] = {}
        self.seen: list[str] = []
        """What was asked for, in order: upload, create, status, results, list, cancel, single."""
        self.singles: list[Json] = []
        """Bodies of requests that were made by themselves."""
        self.refusals: dict[str, Refused] = {}
        """By what is asked for."""
        self.served_tier: str | None = None
        """In which single requests to OpenAI are served; None for the one that was asked for."""
        self.is_prompt = False
        """Batches end when they are created."""
        self.keeps_replies = False
        """Batches are created, and nobody is told."""
        self.created = threading.Event()
        """A batch was created."""
        self.ahead = timedelta()
        """How far the server's clock is ahead."""
        self._ids = count(1)

    def environment(self) -> dict[str, str]:
        """Variables that let the names of both providers' models mean this server."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "test",
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "test",
        }

    def count(self, operation: str) -> int:
        """How often something was asked for."""
        return self.seen.count(operation)

    def finish(self, status: str = "completed", *, answered: int | None = None) -> None:
        """End every batch that has not ended, with so many of its requests answered (all of a completed one)."""
        for batch in self.batches.values():
            if batch.status not in ("in_progress", "cancelling"):
                continue
            limit = len(batch.requests) if answered is None and status == "completed" else answered or 0
            for number, (custom_id, body) in enumerate(batch.requests.items()):
                if number < limit:
                    batch.results[custom_id] = _RESULT[batch.provider](self, custom_id, body)
            batch.status = status

    def fail(self, code: str, message: str) -> None:
        """Refuse every OpenAI batch that has not ended as a whole."""
        for batch in self.batches.values():
            if batch.status == "in_progress":
                batch.status = "failed"
                batch.errors = [{"code": code, "message": message, "line": None, "param": None}]

    def add(self, provider: str, requests: dict[str, Json], file_id: str = "") -> Sent:
        """Take a batch in."""
        now = datetime.now(UTC) + self.ahead
        batch = Sent(f"{_PREFIX[provider]}_{next(self._ids)}", provider, requests, now, file_id)
        self.batches[batch.id] = batch
        if self.is_prompt:
            self.finish()
        return batch

    def new_file(self, text: str) -> str:
        """Keep a file."""
        file_id = f"file-{next(self._ids)}"
        self.files[file_id] = text
        return file_id


_PREFIX = {"openai": "batch", "anthropic": "msgbatch"}


@contextmanager
def batch_server(answers: Answers) -> Iterator[BatchServer]:
    """Serve on a random port of 127.0.0.1 until the block ends."""
    server = BatchServer(answers)
    with serving(_app(server)) as url:
        server.url = url
        yield server


def _app(server: BatchServer) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def refuse(request: Request, call_next: Callable[[Request], Any]) -> Response:
        operation = _operation(request)
        server.seen.append(operation)
        refused = server.refusals.get(operation) or server.refusals.get("all")
        if refused is not None:
            return refused.response()
        response: Response = await call_next(request)
        if operation == "create":
            server.created.set()
            if server.keeps_replies:
                await asyncio.sleep(3600)
        return response

    _add_openai(app, server)
    _add_anthropic(app, server)
    return app


def _operation(request: Request) -> str:
    path, is_get = request.url.path, request.method == "GET"
    if path.endswith("/cancel"):
        return "cancel"
    if path.endswith(("/results", "/content")):
        return "results"
    if path.endswith("/batches"):
        return "list" if is_get else "create"
    if "/batches/" in path:
        return "status"
    if "/files" in path:
        return "upload" if request.method == "POST" else "delete"
    return "single"


def _add_openai(app: FastAPI, server: BatchServer) -> None:
    @app.post("/v1/responses")
    async def respond(request: Request) -> Response:
        body = await request.json()
        server.singles.append(body)
        answer = server.answers(body)
        if isinstance(answer, Refused):
            return answer.response()
        return JSONResponse(
            _response(body, answer) | {"service_tier": server.served_tier or body.get("service_tier", "default")}
        )

    @app.post("/v1/files")
    async def upload(request: Request) -> Json:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        form = message_from_bytes(head + await request.body(), policy=HTTP)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        assert parts["purpose"].get_content().strip() == "batch"
        payload = parts["file"].get_payload(decode=True)
        assert isinstance(payload, bytes)
        text = payload.decode()
        file_id = server.new_file(text)
        return {
            "id": file_id, "object": "file", "bytes": len(text), "created_at": 0, "filename": "batch.jsonl",
            "purpose": "batch", "status": "processed",
        }  # fmt: skip

    @app.get("/v1/files/{file_id}/content")
    async def content(file_id: str) -> Response:
        if file_id not in server.files:
            return Refused(404).response()
        return PlainTextResponse(server.files[file_id])

    @app.delete("/v1/files/{file_id}")
    async def delete(file_id: str) -> Json:
        del server.files[file_id]
        return {"id": file_id, "object": "file", "deleted": True}

    @app.post("/v1/batches")
    async def create(request: Request) -> Json:
        body = await request.json()
        assert body["endpoint"] == "/v1/responses"
        lines = [json.loads(line) for line in server.files[body["input_file_id"]].splitlines()]
        requests = {line["custom_id"]: line["body"] for line in lines}
        assert len(requests) == len(lines), "names are unique within a batch"
        return _openai_batch(server, server.add("openai", requests, body["input_file_id"]))

    @app.get("/v1/batches")
    async def batches(limit: int = 20, after: str = "") -> Json:
        listed = [batch for batch in reversed(server.batches.values()) if batch.provider == "openai"]
        ids = [batch.id for batch in listed]
        begin = ids.index(after) + 1 if after else 0
        page = listed[begin : begin + limit]
        data = [_openai_batch(server, batch) for batch in page]
        return {"object": "list", "data": data, "has_more": begin + limit < len(listed)}

    @app.get("/v1/batches/{batch_id}")
    async def status(batch_id: str) -> Response:
        if batch_id not in server.batches:
            return Refused(404).response()
        return JSONResponse(_openai_batch(server, server.batches[batch_id]))

    @app.post("/v1/batches/{batch_id}/cancel")
    async def cancel(batch_id: str) -> Json:
        server.batches[batch_id].status = "cancelling"
        return _openai_batch(server, server.batches[batch_id])


def _openai_batch(server: BatchServer, batch: Sent) -> Json:
    lines: dict[str, list[str]] = {"response": [], "error": []}
    for line in batch.results.values():
        lines["response" if (line["response"] or {}).get("status_code") == 200 else "error"].append(json.dumps(line))
    ended = batch.status in ("completed", "expired", "cancelled")
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/responses",
        "completion_window": "24h",
        "created_at": int(batch.created_at.timestamp()),
        "input_file_id": batch.file_id,
        "output_file_id": server.new_file("\n".join(lines["response"])) if ended and lines["response"] else None,
        "error_file_id": server.new_file("\n".join(lines["error"])) if ended and lines["error"] else None,
        "status": batch.status,
        "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
        "request_counts": {"total": len(batch.requests), "completed": len(batch.results), "failed": 0},
    }


def _openai_result(server: BatchServer, custom_id: str, body: Json) -> Json:
    answer = server.answers(body)
    content = answer.body if isinstance(answer, Refused) else _response(body, answer)
    status = answer.status if isinstance(answer, Refused) else 200
    response = {"status_code": status, "request_id": "r", "body": content}
    return {"id": "x", "custom_id": custom_id, "response": response, "error": None}


def _response(body: Json, answer: str | ToolCall) -> Json:
    item: Json
    if isinstance(answer, ToolCall):
        arguments = json.dumps(answer.args)
        item = {
            "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": answer.name, "arguments": arguments,
            "status": "completed",
        }  # fmt: skip
    else:
        content = [{"type": "output_text", "text": answer, "annotations": []}]
        item = {"type": "message", "id": "m_1", "role": "assistant", "status": "completed", "content": content}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": body["model"],
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        # Also of a reply within a batch, which is billed as one all the same.
        "service_tier": "default",
        "usage": {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 100,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 1100,
        },
    }


def _add_anthropic(app: FastAPI, server: BatchServer) -> None:
    @app.post("/v1/messages")
    async def message(request: Request) -> Response:
        body = await request.json()
        server.singles.append(body)
        answer = server.answers(body)
        if isinstance(answer, Refused):
            return answer.response()
        return JSONResponse(_message(body, answer, "standard"))

    @app.post("/v1/messages/batches")
    async def create(request: Request) -> Json:
        items = (await request.json())["requests"]
        requests = {item["custom_id"]: item["params"] for item in items}
        assert len(requests) == len(items), "names are unique within a batch"
        return _anthropic_batch(server.add("anthropic", requests))

    @app.get("/v1/messages/batches")
    async def batches(limit: int = 20, after_id: str = "") -> Json:
        listed = [batch for batch in reversed(server.batches.values()) if batch.provider == "anthropic"]
        ids = [batch.id for batch in listed]
        begin = ids.index(after_id) + 1 if after_id else 0
        page = ids[begin : begin + limit]
        data = [_anthropic_batch(batch) for batch in listed[begin : begin + limit]]
        has_more = begin + limit < len(listed)
        return {
            "data": data, "has_more": has_more, "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }  # fmt: skip

    @app.get("/v1/messages/batches/{batch_id}")
    async def status(batch_id: str) -> Response:
        if batch_id not in server.batches:
            return Refused(404).response()
        return JSONResponse(_anthropic_batch(server.batches[batch_id]))

    @app.post("/v1/messages/batches/{batch_id}/cancel")
    async def cancel(batch_id: str) -> Json:
        server.batches[batch_id].status = "cancelling"
        return _anthropic_batch(server.batches[batch_id])

    @app.get("/v1/messages/batches/{batch_id}/results")
    async def results(batch_id: str) -> Response:
        batch = server.batches[batch_id]
        unrun = {"type": "expired" if batch.status == "expired" else "canceled"}
        lines = [batch.results.get(name, {"custom_id": name, "result": unrun}) for name in batch.requests]
        return PlainTextResponse("\n".join(map(json.dumps, lines)), media_type="application/x-jsonl")


def _anthropic_batch(batch: Sent) -> Json:
    is_over = batch.status not in ("in_progress", "cancelling")
    status = "ended" if is_over else {"cancelling": "canceling"}.get(batch.status, batch.status)
    open_ = 0 if is_over else len(batch.requests)
    counts = {"processing": open_, "succeeded": len(batch.requests) - open_, "errored": 0, "canceled": 0, "expired": 0}
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": counts,
        "created_at": batch.created_at.isoformat(),
        "expires_at": (batch.created_at + timedelta(days=1)).isoformat(),
        "ended_at": batch.created_at.isoformat() if is_over else None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": f"/v1/messages/batches/{batch.id}/results" if is_over else None,
    }


def _anthropic_result(server: BatchServer, custom_id: str, body: Json) -> Json:
    answer = server.answers(body)
    if isinstance(answer, Refused):
        return {"custom_id": custom_id, "result": {"type": "errored", "error": answer.body}}
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": _message(body, answer, "batch")}}


def _message(body: Json, answer: str | ToolCall, tier: str) -> Json:
    if isinstance(answer, ToolCall):
        content = {"type": "tool_use", "id": "tool_1", "name": answer.name, "input": answer.args}
    else:
        content = {"type": "text", "text": answer}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [content],
        "stop_reason": "tool_use" if isinstance(answer, ToolCall) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1000, "output_tokens": 100, "service_tier": tier},
    }


_RESULT: dict[str, Callable[[BatchServer, str, Json], Json]] = {
    "openai": _openai_result,
    "anthropic": _anthropic_result,
}
