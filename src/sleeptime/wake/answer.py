"""Answer a query within a budget, by recall, from notes, or from the context alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.budget import Budget
from sleeptime.core.context import Context
from sleeptime.core.errors import BadReply, EmptyInput
from sleeptime.core.note import LearnedContext
from sleeptime.core.text import checked_text, kept_text
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.core.usage import Usage
from sleeptime.prompts.load import load_prompt
from sleeptime.wake.prompt import query_messages
from sleeptime.wake.route import Route, choose_route, wants_notes
from sleeptime.wake.select import select_notes, servable_notes

NOTES_LIMIT_TOKENS: Final = 16_000
"""Room for notes in a prompt: ten concatenated drafts of the paper's size, with some to spare."""


class Plan(Protocol):
    """How a request follows its budget; `models.budgets` makes one for a model."""

    @property
    def settings(self) -> ModelSettings:
        """Model settings of the request."""
        ...

    @property
    def verbosity(self) -> int | None:
        """Prompt level 0 to 4; ``None`` when the budget is followed by other means."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query got.

    Args:
        text: the answer, with whatever reasoning the budget allows to show.
        route: ``recall``, ``notes`` or ``full``.
        budget: as `str` writes it.
        notes_used: ids of the notes in the prompt, in its order; of the one recalled note for ``recall``.
        usage: tokens of the model call that answered; zeros for ``recall``.
        latency_s: wall-clock seconds from question to answer.
        model: name of the model, ``""`` for ``recall``.
        prompt_digest: 16 hex digits of the prompt file, ``""`` for ``recall``.
    """

    text: str
    route: Route
    budget: str
    notes_used: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0
    model: str = ""
    prompt_digest: str = ""


async def answer(
    model: Model,
    context: Context,
    learned: LearnedContext | None,
    query: str,
    *,
    budget: Budget,
    plan: Plan,
    route: Route = Route.AUTO,
    keep_raw: bool = True,
    notes_limit_tokens: int = NOTES_LIMIT_TOKENS,
    profile: str = "default",
    cache_point: bool = False,
    count_tokens: TokenCounter = approximate_tokens,
) -> Answer:
    """Answer ``query`` about ``context``.

    Args:
        model: any pydantic-ai model, metered and retried as the caller likes.
        context: what is asked about, as it is now; empty contexts are allowed (arXiv:2504.13171, section 4).
        learned: the c' in service, if any; notes whose parts have changed are not served.
        query: the question.
        budget: what the query may spend, as the answer reports it.
        plan: how this model follows that budget.
        route: the route to take; ``auto`` takes the first possible of recall, notes (`wants_notes`) and full.
        keep_raw: send c beside c', as the paper's released code does; False sends c' in place of c, as its text says.
        notes_limit_tokens: room for notes.
        profile: prompt profile.
        cache_point: mark the end of the stable prefix, for providers that cache only where they are told to.
        count_tokens: tokens of a text, for the limit on notes; an estimate by default.

    Raises:
        EmptyInput: the query is blank.
        NotText: the query holds characters that cannot be kept.
        NotFound: ``recall`` or ``notes`` was asked for and is impossible.
        BadReply: the model replied without any text.
        ModelError: the call failed otherwise; and whatever else the model raises.
    """
    started_s = time.perf_counter()
    if not query.strip():
        raise EmptyInput("the query is blank; ask something")
    checked_text("the query", query)
    asked = Route(route)
    notes = servable_notes(learned, context) if wants_notes(asked, budget) else ()
    notes = select_notes(notes, query, notes_limit_tokens, count_tokens)
    choice = choose_route(asked, query, context, learned, notes)
    if choice.recalled is not None:
        used = (choice.recalled.id,)
        return Answer(choice.recalled.value, choice.route, str(budget), used, latency_s=time.perf_counter() - started_s)
    prompt = load_prompt(profile, "answer")
    parts = context.parts if keep_raw or choice.route is Route.FULL else ()
    response = await model_request(
        model,
        query_messages(prompt, parts, notes, query, plan.verbosity, cache_point=cache_point),
        model_settings=plan.settings,
    )
    return Answer(
        text=_text(response),
        route=choice.route,
        budget=str(budget),
        notes_used=tuple(note.id for note in notes),
        usage=Usage.from_inclusive(response.usage),
        latency_s=time.perf_counter() - started_s,
        model=model.model_name,
        prompt_digest=prompt.digest,
    )


def _text(response: ModelResponse) -> str:
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart)).strip()
    if not text:
        why = f"finish reason {response.finish_reason!r}" if response.finish_reason else "no finish reason given"
        raise BadReply(f"the model replied without any text ({why}); ask again, or within a larger budget")
    return kept_text(text)
