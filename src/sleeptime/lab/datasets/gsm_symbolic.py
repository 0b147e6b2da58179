"""Stateful GSM-Symbolic from the user's own copy of GSM-Symbolic, from its problems or from its templates.

The last sentence of a problem is the query, all before it the context (arXiv:2504.13171, section 4). GSM-Symbolic
(arXiv:2410.05229) is licensed CC BY-NC-ND and carries a canary: it is never bundled, and the canary goes with what is
built from it.
"""

from __future__ import annotations

import hashlib
import random
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.lab.answers import Value, true_value
from sleeptime.lab.datasets.build import Build, Collector, Progress, Request, no_progress
from sleeptime.lab.datasets.functions import shown
from sleeptime.lab.datasets.hub import Hub
from sleeptime.lab.datasets.jsonl import context_id_of
from sleeptime.lab.datasets.leaks import numbers_in
from sleeptime.lab.datasets.rows import Row
from sleeptime.lab.datasets.sentences import split_problem
from sleeptime.lab.datasets.sources import Sources, build_rows
from sleeptime.lab.datasets.templates import Template, is_template, num_steps, read_template
from sleeptime.lab.problem import Problem, Tag

SOURCE: Final = "stateful-gsm-symbolic"
MAX_REPEATS: Final = 20
"""Instances in a row that a template gave before, after which it has no more."""


async def build_gsm_symbolic(request: Request, progress: Progress = no_progress, hub: Hub | None = None) -> Build:
    """Problems of GSM-Symbolic rows (``question, answer, id, instance``) and templates (``question_annotated``).

    Raises:
        InputError: a source or a row cannot be used; with `request.can_skip` such a row is left out.
    """

    def use(collector: Collector, sources: Sources, row: Row, number: int) -> None:
        if is_template(row):
            _add_instances(collector, sources, row, number, request)
        else:
            collector.add(row.where, _problem(row, number))

    return await build_rows(request, use, progress, hub)


def gsm_problem(row: Row, name: str, question: str, answer: Value, depth: int, **tags: Tag) -> Problem:
    """A problem of a whole question, cut into context and query.

    Args:
        name: id of the problem.
        depth: steps of the worked answer, 0 when it is not known.
    """
    context, query = (part.strip() for part in split_problem(question))
    return stateful_problem(row, name, context, query, answer, depth, **tags)


def stateful_problem(row: Row, name: str, context: str, query: str, answer: Value, depth: int, **tags: Tag) -> Problem:
    """A problem whose context and query are given."""
    known: dict[str, Tag] = {"depth": depth} if depth else {}
    if isinstance(canary := row.fields.get("canary"), str):
        known["canary"] = canary
    return Problem(
        id=name,
        context=context,
        query=query,
        answer=shown(answer),
        source=f"{SOURCE}:{row.origin}",
        context_id=context_id_of(context) if context else name,
        tags=known | {"own_number": bool(numbers_in(query))} | tags,
    )


def worked_answer(row: Row) -> tuple[Value, int]:
    """The value behind the ``####`` of GSM8K's form, and the steps before it; a number alone is fine as well.

    Raises:
        InputError: there is no number.
    """
    if isinstance(row.fields.get("answer"), int) and not isinstance(row.fields["answer"], bool):
        return int(row.fields["answer"]), 0
    text = row.text("answer")
    before, mark, after = text.rpartition("####")
    try:
        return true_value("gsm", after.strip().partition("\n")[0]), num_steps(before) if mark else 0
    except InputError as error:
        raise InputError(f"{row.where}: {error}") from error


def _problem(row: Row, number: int) -> Problem:
    question = row.text("question")
    answer, steps = worked_answer(row)
    template = row.label("id", "original_id", default=str(number))
    instance = row.label("instance", default="0")
    return gsm_problem(
        row, f"{row.origin}-{template}-{instance}", question, answer, steps, template=template, instance=instance
    )


def _add_instances(collector: Collector, sources: Sources, row: Row, number: int, request: Request) -> None:
    template = read_template(row, sources.lists, default_id=str(number))
    name = f"{row.origin}-{template.id}"
    # The generator follows from the template's text, so that its problems do not change with what stands beside it.
    text = hashlib.sha256(row.text("question_annotated").encode()).hexdigest()
    rng = random.Random(f"instances:{request.seed}:{text}")
    questions: set[str] = set()
    repeats = 0
    while len(questions) < request.instances and repeats < MAX_REPEATS:
        problem = _instance(row, template, f"{name}-{len(questions)}", rng, len(questions))
        question = f"{problem.context} {problem.query}"
        repeats = repeats + 1 if question in questions else 0
        if not repeats:
            questions.add(question)
            collector.add(row.where, problem)
    if repeats:
        collector.skip(row.where, f"it gives only {len(questions)} different problems of {request.instances}")


def _instance(row: Row, template: Template, name: str, rng: random.Random, number: int) -> Problem:
    drawn = template.instance(rng)
    return gsm_problem(
        row, name, drawn.question, drawn.answer, drawn.num_steps, template=template.id, instance=str(number)
    )
