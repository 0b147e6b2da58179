"""Player: serves a problem the way an arm says, through the same code as `sleeptime sleep` and `sleeptime ask`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, ModelRequestPart, SystemPromptPart, TextPart, UserPromptPart
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings, merge_model_settings

from sleeptime.core.budget import parse_budget
from sleeptime.core.context import Context, Part
from sleeptime.core.errors import BadReply, InputError, PromptRejected
from sleeptime.core.note import LearnedContext
from sleeptime.core.text import kept_text
from sleeptime.core.usage import Usage
from sleeptime.lab.answers import grade
from sleeptime.lab.arm import Arm, Damage, Harm
from sleeptime.lab.damage import damaged
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import Record, RecordBook
from sleeptime.lab.sleeper import Sleeper
from sleeptime.models.budgets import BudgetPlan, budget_request
from sleeptime.models.resolve import prompt_profile
from sleeptime.models.room import notes_room
from sleeptime.prompts.load import load_prompt
from sleeptime.sleep.settings import SleepSettings
from sleeptime.wake.answer import NOTES_LIMIT_TOKENS, Answer, answer
from sleeptime.wake.route import Route
from sleeptime.wake.select import select_notes, servable_notes

PART = "context.txt"


class Player:
    """Answers problems.

    Args:
        model: answers and sleeps, metered and retried as the caller likes.
        book: where drafts and answers are kept.
        problems: all of them; damage takes notes from the contexts of others.

    Raises:
        InputError: two texts have one context id, or an id cannot name a context.
    """

    def __init__(self, model: Model, book: RecordBook, problems: Sequence[Problem]) -> None:
        self._model = model
        self._book = book
        self._sleeper = Sleeper(model, book)
        self._profile = prompt_profile(model)
        texts: dict[str, str] = {}
        for problem in problems:
            if texts.setdefault(problem.context_id, problem.context) != problem.context:
                raise InputError(
                    f"the problem {problem.id!r} has another context than earlier ones with the context_id "
                    f"{problem.context_id!r}; an id stands for one text"
                )
        self._contexts = {name: Context(name, (Part(PART, text),) if text else ()) for name, text in texts.items()}
        order = list(texts)
        self._next = dict(zip(order, [*order[1:], order[0]], strict=True)) if order else {}

    async def play(self, problem: Problem, arm: Arm, sample: int = 0) -> Record:
        """Answer one problem, keep the record and return it; one that is there is returned as it is.

        A prompt that the provider refuses, while it has taken others of this arm, leaves an unscored answer.

        Raises:
            PromptRejected: it has taken none so far, so that the fault may lie in the settings.
            SleeptimeError: the model cannot do it, or a call failed for good.
        """
        if (kept := self._book.answers.get((arm.key, problem.id, sample))) is not None:
            return kept
        context, plan = self._contexts[problem.context_id], self._plan(arm, sample)
        query, guessing = "" if arm.is_guess else problem.query, Usage()
        try:
            if arm.is_guess:
                query, guessing = await self._guess(context, plan.settings)
            served = await self._served(context, query, arm, plan)
        except (BadReply, PromptRejected) as error:
            is_rejected = isinstance(error, PromptRejected)
            if is_rejected and not self._has_taken(arm):
                raise
            served, verdict = Answer(f"({error})", arm.route, arm.budget), "unscored"
        else:
            verdict, is_rejected = str(grade(problem.source, served.text, problem.answer)), False
        record = Record(
            arm=arm.key,
            problem=problem.id,
            sample=sample,
            context_id=problem.context_id,
            reply=served.text if not arm.is_guess else f"{query}\n{served.text}",
            verdict=verdict,
            route=str(served.route),
            usage=served.usage + guessing,
            notes=len(served.notes_used),
            latency_s=served.latency_s,
            tags=problem.tags,
            is_rejected=is_rejected,
        )
        self._book.add_answer(record)
        return record

    def _plan(self, arm: Arm, sample: int) -> BudgetPlan:
        """What the arm's budget asks of the model, and how this sample is drawn."""
        plan = budget_request(self._model, parse_budget(arm.budget))
        if not arm.temperature:
            return plan
        sampled = ModelSettings(temperature=arm.temperature, seed=arm.seed + sample)
        return replace(plan, settings=merge_model_settings(plan.settings, sampled) or sampled)

    async def _served(self, context: Context, query: str, arm: Arm, plan: BudgetPlan) -> Answer:
        learned = await self._learned(context, arm)
        room = await notes_room(self._model, context, query, NOTES_LIMIT_TOKENS)
        # An arm that serves notes serves the context alone where there are none, so that it answers every query.
        has_notes = bool(select_notes(servable_notes(learned, context), query, room.limit_tokens, room.count))
        return await answer(
            plan.apply(self._model),
            context,
            learned,
            query,
            budget=parse_budget(arm.budget),
            plan=plan,
            route=arm.route if has_notes or arm.route is not Route.NOTES else Route.FULL,
            keep_raw=arm.keep_raw,
            notes_limit_tokens=room.limit_tokens,
            profile=self._profile,
            count_tokens=room.count,
        )

    def _has_taken(self, arm: Arm) -> bool:
        """Whether the provider has answered anything that this arm asked."""
        return any(record.arm == arm.key and not record.is_rejected for record in self._book.answers.values())

    async def _learned(self, context: Context, arm: Arm) -> LearnedContext | None:
        if arm.sleep is None:
            return None
        learned = await self._sleep(context, arm.sleep)
        return learned if arm.damage is None else await self._damaged(learned, context, arm.sleep, arm.damage)

    async def _sleep(self, context: Context, settings: SleepSettings) -> LearnedContext | None:
        return (await self._sleeper.sleep(context, settings)).learned

    async def _damaged(
        self, learned: LearnedContext | None, context: Context, settings: SleepSettings, damage: Damage
    ) -> LearnedContext | None:
        other = self._contexts[self._next[context.name]]
        if other is context and damage.harm in (Harm.OTHER, Harm.DISTRACTORS):
            raise InputError("notes of another context need one: give problems of at least 2 contexts")
        return damaged(learned, damage, await self._sleep(other, settings) if other is not context else None)

    async def _guess(self, context: Context, settings: ModelSettings) -> tuple[str, Usage]:
        """The query that the model expects, and what guessing took; `settings` are those of the answer.

        Raises:
            BadReply: it guessed nothing.
        """
        prompt = load_prompt(self._profile, "guess")
        parts: list[ModelRequestPart] = [SystemPromptPart(system)] if (system := prompt.system()) else []
        parts.append(UserPromptPart("\n\n".join(prompt.user(parts=context.parts))))
        stop = ModelSettings(stop_sequences=["?"], max_tokens=60) if self._profile == "nano" else ModelSettings()
        told = merge_model_settings(settings, stop)
        response = await model_request(self._model, [ModelRequest(parts)], model_settings=told)
        text = " ".join("".join(part.content for part in response.parts if isinstance(part, TextPart)).split())
        if not text:
            raise BadReply(f"the model guessed no question about {context.name!r}")
        text = kept_text(text)
        return text if text.endswith("?") else f"{text}?", Usage.from_inclusive(response.usage)
