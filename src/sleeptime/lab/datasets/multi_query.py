"""Further queries for a context, written by any model (the protocol of Multi-Query GSM-Symbolic, arXiv:2504.13171).

A query is kept only when it is new, as hard as the one that is there (as many calculations), when its working computes,
and when it neither gives away the answer of another query nor asks for what the context simply says.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_ai.messages import ToolCallPart, ToolReturnPart
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.errors import InputError, SleeptimeError
from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.core.text import kept_text
from sleeptime.core.tokens import approximate_tokens
from sleeptime.core.usage import Usage
from sleeptime.lab.answers import Value, true_value
from sleeptime.lab.datasets.build import Build, Collector, Progress, Request, no_progress
from sleeptime.lab.datasets.functions import shown
from sleeptime.lab.datasets.jsonl import read_problems
from sleeptime.lab.datasets.leaks import are_leaking, is_stated, numbers_in
from sleeptime.lab.problem import Problem
from sleeptime.prompts.load import load_prompt
from sleeptime.sleep.dialogue import Dialogue, accepted, refused, unknown_tool
from sleeptime.sleep.verify import arithmetic

WRITE: Final = "write_queries"
DEFAULT_QUERIES: Final = 10
"""Queries of a context, those that are there included, as in the paper's set."""
MAX_REQUESTS: Final = 4
"""Requests for one context; after each one the model is told what was dropped, and why."""
CONCURRENCY: Final = 4
MAX_QUERY_CHARS: Final = 1_000
_ANSWER_TOKENS: Final = 120
"""About what one query takes with its working; for estimates."""


class WrittenQuery(BaseModel):
    """One query as a model writes it."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    query: str = Field(description="The question, as a user would ask it.")
    working: list[str] = Field(description="One calculation each, as plain arithmetic: 24 * 3 = 72.")
    answer: str = Field(description="The answer alone, a number.")


class WrittenQueries(BaseModel):
    """Arguments of the tool."""

    queries: list[WrittenQuery] = Field(description="All questions.")


TOOLS: Final = (
    ToolDefinition(
        name=WRITE,
        description="Write all questions, in one call.",
        parameters_json_schema=WrittenQueries.model_json_schema(),
    ),
)


class Fault(StrEnum):
    """Why a written query is dropped."""

    UNREADABLE = "it is not a question with working and a number as its answer"
    REPEATED = "it repeats another question"
    WRONG = "its working does not compute, or does not arrive at its answer"
    OTHER_STEPS = "its working takes another number of calculations"
    STATED = "the context simply says its answer"
    LEAKS = "it gives away the answer of another question, or another one gives away its answer"


@dataclass(frozen=True, slots=True)
class Extended:
    """What a model wrote for one context.

    Args:
        problems: the new ones that were kept.
        dropped: how many were not, by fault.
        requests: that were answered.
        usage: their tokens.
        reason: why there are fewer than asked for, "" when there are not.
    """

    problems: tuple[Problem, ...]
    dropped: Counter[Fault] = field(default_factory=Counter)
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    reason: str = ""


async def more_queries(
    model: Model, given: Sequence[Problem], count: int, *, max_requests: int = MAX_REQUESTS
) -> Extended:
    """Write `count` more queries for one context.

    Args:
        model: metered, retried and capped as the caller likes.
        given: problems of this context, at least one; their ``depth`` is the number of calculations asked for.
        max_requests: requests at most.

    Returns:
        What was kept, which may be less than asked for; a model that fails after a reply loses nothing.

    Raises:
        InputError: the context is empty.
        Exception: whatever the model raises on the first request.
    """
    assert given, "a context is known by its queries"
    if not given[0].context.strip():
        raise InputError(f"{given[0].id}: a problem without a context has no further queries")
    depth = given[0].tags.get("depth", 0)
    num_steps = depth if isinstance(depth, int) else 0
    dialogue = Dialogue(
        model,
        load_prompt("default", "queries"),
        TOOLS,
        ModelSettings(),
        context=given[0].context,
        examples=[problem.query for problem in given],
        num_steps=num_steps,
        count=count,
    )
    written = _Written(given, num_steps, count, model.model_name)
    requests, reason = 0, ""
    while requests < max_requests and not written.is_complete:
        try:
            calls = await dialogue.calls()
        except SleeptimeError as error:
            if not requests:
                raise
            reason = str(error)
            break
        requests += 1
        if calls:
            dialogue.reply([written.take(call) for call in calls])
        else:
            dialogue.remind()
    if not written.is_complete and not reason:
        faults = ", ".join(f"{number} because {fault}" for fault, number in written.dropped.items())
        reason = f"the model wrote {len(written.kept)} of {count} queries in {requests} requests"
        reason += f"; dropped: {faults}" if faults else ""
    return Extended(tuple(written.kept), written.dropped, requests, dialogue.usage, reason)


async def build_multi_query(request: Request, progress: Progress = no_progress) -> Build:
    """Contexts of problem files, each with `request.queries` queries (`DEFAULT_QUERIES`), those there are included.

    A context for which the model fails keeps what it had, and is named in what was skipped.

    Raises:
        InputError: there is no model, or a source is no problem file.
        SleeptimeError: the model failed for every context.
    """
    if request.model is None:
        raise InputError("multi-query needs a model that writes the queries: add --model")
    if request.model.system == "nano":
        raise InputError("nano answers and sleeps, and writes no queries: choose another model")
    groups = multi_query_contexts(request)
    count = request.queries or DEFAULT_QUERIES
    collector = Collector(can_skip=request.can_skip)
    limit, done = asyncio.Semaphore(CONCURRENCY), 0
    failures: list[SleeptimeError] = []

    async def extended(group: Sequence[Problem]) -> Extended:
        nonlocal done
        try:
            async with limit:
                lacking = count - len(group)
                return await more_queries(_given(request.model), group, lacking) if lacking > 0 else Extended(())
        except SleeptimeError as error:
            failures.append(error)
            return Extended((), reason=str(error))
        finally:
            done += 1
            progress(done, len(groups))

    found = await asyncio.gather(*(extended(group) for group in groups))
    if len(failures) == len(groups):
        raise failures[0]
    usage = Usage()
    for group, more in zip(groups, found, strict=True):
        usage += more.usage
        for problem in (*group, *more.problems):
            collector.add(problem.id, problem)
        if more.reason:
            collector.skip(group[0].context_id, more.reason)
    built = collector.build(request.seed, None)
    return Build(built.problems, built.skipped, usage)


def multi_query_contexts(request: Request) -> list[list[Problem]]:
    """Problems of the sources by context, within the limit.

    Raises:
        InputError: a source cannot be read.
    """
    if not request.sources:
        raise InputError("give at least one file of problems, as `sleeptime lab build` writes them")
    collector = Collector(can_skip=request.can_skip)
    for source in request.sources:
        for problem in read_problems(Path(source)):
            with collector.usable(source):
                collector.add(source, problem)
    groups: dict[str, list[Problem]] = {}
    for problem in collector.build(request.seed, request.limit).problems:
        groups.setdefault(problem.context_id, []).append(problem)
    return list(groups.values())


def estimate_multi_query(groups: Sequence[Sequence[Problem]], count: int) -> Usage:
    """About what it takes when every context needs two requests. A guess from the length of texts."""
    usage = Usage()
    for group in groups:
        lacking = max(0, count - len(group))
        prompt = 700 + approximate_tokens(group[0].context + "".join(problem.query for problem in group))
        output = lacking * _ANSWER_TOKENS
        if lacking:
            usage += Usage(input_tokens=2 * prompt + output, output_tokens=2 * output)
    return usage


class _Written:
    """Queries of one context that are kept so far."""

    def __init__(self, given: Sequence[Problem], num_steps: int, count: int, writer: str) -> None:
        self._first, self._num_steps, self._count, self._writer = given[0], num_steps, count, writer
        self._known = [(problem.query, true_value(problem.source, problem.answer)) for problem in given]
        self._texts = {_normal(problem.query) for problem in given}
        self._workings: set[tuple[Fraction | int, frozenset[Fraction]]] = set()
        self.kept: list[Problem] = []
        self.dropped: Counter[Fault] = Counter()

    @property
    def is_complete(self) -> bool:
        return len(self.kept) >= self._count

    def take(self, call: ToolCallPart) -> ToolReturnPart:
        """Keep what is good of one call, and tell the model about the rest."""
        if call.tool_name != WRITE:
            return unknown_tool(call, TOOLS)
        items = _items(call)
        if items is None:
            return refused(call, "The argument queries has to be a list of questions.")
        faults: list[str] = []
        for number, item in enumerate(items, 1):
            if self.is_complete:
                break
            fault = self._keep(item)
            if fault is not None:
                self.dropped[fault] += 1
                faults.append(f"Question {number} was dropped: {fault}.")
        lacking = self._count - len(self.kept)
        if not lacking:
            return accepted(call, "All are kept.")
        return refused(call, " ".join([*faults[:20], f"Write {lacking} other questions."]))

    def _keep(self, item: object) -> Fault | None:
        try:
            written = WrittenQuery.model_validate(item)
            query = " ".join(kept_text(written.query).split())
            answer = true_value(self._first.source, kept_text(written.answer))
        except (ValidationError, ValueError, InputError):
            return Fault.UNREADABLE
        working = [kept_text(step) for step in written.working if step.strip()]
        fault = self._fault(query, working, answer)
        if fault is None:
            self._texts.add(_normal(query))
            self._workings.add(_key(working, answer))
            self._known.append((query, answer))
            self.kept.append(self._problem(query, answer, len(working)))
        return fault

    def _fault(self, query: str, working: Sequence[str], answer: Value) -> Fault | None:
        if not _normal(query) or len(query) > MAX_QUERY_CHARS or not working:
            return Fault.UNREADABLE
        if _normal(query) in self._texts or _key(working, answer) in self._workings:
            return Fault.REPEATED
        note = Note(NoteKind.DERIVED, query, value=shown(answer), derivation="; ".join(working))
        if arithmetic(note) is Verdict.REFUTED:
            return Fault.WRONG
        if self._num_steps and len(working) != self._num_steps:
            return Fault.OTHER_STEPS
        if is_stated(self._first.context, query, answer):
            return Fault.STATED
        if any(are_leaking((query, answer), known) for known in self._known):
            return Fault.LEAKS
        return None

    def _problem(self, query: str, answer: Value, num_steps: int) -> Problem:
        first = self._first
        return Problem(
            id=f"{first.id}-{self._writer}-{len(self.kept)}",
            context=first.context,
            query=query,
            answer=shown(answer),
            source=first.source,
            context_id=first.context_id,
            tags={"depth": num_steps, "own_number": bool(numbers_in(query)), "written_by": self._writer},
        )


def _items(call: ToolCallPart) -> list[Any] | None:
    """What the call lists; None when it is no list. Some models write the list as text."""
    try:
        items = call.args_as_dict().get("queries")
        items = json.loads(items) if isinstance(items, str) else items
    except (ValueError, AssertionError, RecursionError):
        return None
    return items if isinstance(items, list) else None


def _normal(query: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", query.casefold()))


def _key(working: Sequence[str], answer: Value) -> tuple[Fraction | int, frozenset[Fraction]]:
    """What makes two queries the same in other words: the same numbers in the working, and the same answer."""
    return answer, numbers_in(" ; ".join(working))


def _given(model: Model | None) -> Model:
    assert model is not None, "looked at before any context is taken up"
    return model
