"""Scoring: measures log P(query | context) of problems and keeps it in their book, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic_ai.models import Model
from pydantic_ai.models.wrapper import WrapperModel

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import InputError
from sleeptime.gate.echo import EchoScorer
from sleeptime.gate.nano import NanoScorer
from sleeptime.gate.predictability import QueryScorer
from sleeptime.lab.player import PART
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook
from sleeptime.models.nano import NanoModel
from sleeptime.models.resolve import model_family

Progress = Callable[[int, int], None]
"""Told the scores that were measured, and how many were missing."""


async def query_scorer(model: Model) -> QueryScorer:
    """What measures log-probabilities of queries with a model.

    Raises:
        InputError: the model gives none; the message says what to do.
    """
    while isinstance(model, WrapperModel):
        model = model.wrapped
    if isinstance(model, NanoModel):
        return NanoScorer(*await model.loaded())
    if model_family(model) == "openai-compatible":
        from sleeptime.models.compatible import CompatibleChatModel

        assert isinstance(model, CompatibleChatModel)
        return EchoScorer(model.base_url, model.model_name, api_key=model.client.api_key)
    raise InputError(
        f"{model.model_name} gives no log-probabilities of a prompt, which this experiment needs: run it with nano, or "
        "with openai-compatible:URL#MODEL behind vLLM or llama-cpp-python; the other experiments do without"
    )


async def score_problems(
    scorer: QueryScorer, problems: Sequence[Problem], book: RecordBook, progress: Progress | None = None
) -> None:
    """Score the queries that have no score yet, all those of a context together, and keep each as it comes.

    Args:
        scorer: measures.
        problems: of one dataset.
        book: where scores are kept, as ``{"logprob": nats, "tokens": n}``.
        progress: called after each context.

    Raises:
        SleeptimeError: as `QueryScorer.score`; what came before is kept.
    """
    missing: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.id not in book.scores:
            missing.setdefault(problem.context_id, []).append(problem)
    total, done = sum(map(len, missing.values())), 0
    for context_id, asked in missing.items():
        text = asked[0].context
        context = Context(context_id, (Part(PART, text),) if text else ())
        scores = await scorer.score(context, [problem.query for problem in asked])
        for problem, score in zip(asked, scores, strict=True):
            book.add_score(problem.id, logprob=round(score.logprob, 6), tokens=score.tokens)
        done += len(asked)
        if progress is not None:
            progress(done, total)
