"""Note quality: what c' holds by recipe, judged by the queries that are asked; made of kept drafts, without a model.

A query of a generated world names the quantity it asks for (the tag ``quantity``), so a note about it is right when its
value is the answer, or when its function gives the answer for the query's own number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sleeptime.core.context import Context, Part
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.lab.experiments.drafts import drafts_of
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.player import PART
from sleeptime.lab.problem import Problem
from sleeptime.lab.statistics import Bootstrap, Estimate
from sleeptime.sleep.arithmetic import numbers_in, read_expression, read_number
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.settings import SleepSettings
from sleeptime.sleep.sleep import combine_drafts

QUANTITY: Final = "quantity"
"""The tag of a problem that names what it asks for."""

_UNKNOWN: Final = re.compile(r"\bn\b")


@dataclass(frozen=True, slots=True)
class NoteQuality:
    """Notes of all contexts by one recipe, or by some that differ in a seed alone: then over all of their c'.

    Args:
        sizes: notes of each context's c', by seed; 0 where sleep wrote none.
        notes: mean notes of a c'.
        verified: share of the notes that are verified; None without notes.
        right: share of the notes on an asked quantity that are right; None where no query names its quantity.
        covered: share of the queries that have a right note.
        disputed: share of the queries that have a right note and a wrong one.
        drafted_tokens: mean output tokens of one sleep.
    """

    sizes: tuple[Mapping[str, int], ...]
    notes: Estimate
    verified: Estimate | None
    right: Estimate | None
    covered: Estimate | None
    disputed: Estimate | None
    drafted_tokens: Estimate


def quality_of(study: Study, sleeps: Sequence[SleepSettings], bootstrap: Bootstrap) -> NoteQuality:
    """The quality of the notes by recipes that differ in a seed alone.

    Raises:
        InputError: drafts are missing; the message says of how many contexts.
    """
    texts = {problem.context_id: problem.context for problem in study.problems}
    drafted = [drafts_of(study, settings) for settings in sleeps]
    learned = [
        {name: _learned(drafts, name, texts[name], settings) for name, drafts in of_seed.items()}
        for settings, of_seed in zip(sleeps, drafted, strict=True)
    ]
    names = [name for of_seed in learned for name in of_seed]
    every = [notes for of_seed in learned for notes in of_seed.values()]
    size = [float(len(notes)) for notes in every]
    verified = [float(sum(note.verdict is Verdict.VERIFIED for note in notes)) for notes in every]
    spent = [float(sum(draft.usage.output_tokens for draft in of)) for of_seed in drafted for of in of_seed.values()]
    judged = [(problem, of_seed) for of_seed in learned for problem in study.problems if QUANTITY in problem.tags]
    verdicts = [_verdicts(problem, of_seed[problem.context_id]) for problem, of_seed in judged]
    contexts = [problem.context_id for problem, _ in judged]
    return NoteQuality(
        tuple({name: len(notes) for name, notes in of_seed.items()} for of_seed in learned),
        bootstrap.mean(size, names),
        bootstrap.ratio(verified, size, names) if sum(size) else None,
        bootstrap.ratio([sum(v) for v in verdicts], [len(v) for v in verdicts], contexts) if judged else None,
        bootstrap.share([any(v) for v in verdicts], contexts) if judged else None,
        bootstrap.share([any(v) and not all(v) for v in verdicts], contexts) if judged else None,
        bootstrap.mean(spent, names),
    )


def is_right(note: Note, problem: Problem) -> bool:
    """Whether a note about the quantity of a query holds its answer."""
    answer = read_number(problem.answer)
    if answer is None:
        return False
    if note.kind is not NoteKind.FUNCTION:
        value = read_number(note.value)
        return value is not None and value[0] == answer[0]
    return any(_at(note.value, number) == answer[0] for number in numbers_in(problem.query))


def _at(function: str, number: Fraction) -> Fraction | None:
    """Value of a function of ``n`` for a number."""
    found = read_expression(_UNKNOWN.sub(f"({number})", function))
    return None if found is None else found.number


def _verdicts(problem: Problem, notes: Sequence[Note]) -> list[bool]:
    """Per note on the asked quantity, whether it is right."""
    asked = str(problem.tags[QUANTITY]).casefold()
    return [is_right(note, problem) for note in notes if note.subject.casefold() == asked]


def _learned(drafts: tuple[Draft, ...], name: str, text: str, settings: SleepSettings) -> tuple[Note, ...]:
    """The notes of a context by a recipe; none where sleep wrote none."""
    context = Context(name, (Part(PART, text),) if text else ())
    learned: LearnedContext | None = combine_drafts(drafts, context, settings, model_name="").learned
    return learned.notes if learned is not None else ()
