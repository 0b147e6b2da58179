"""Books of records made by hand, whose right result is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sleeptime.core.note import Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.core.price import Price
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Experiment, Study
from sleeptime.lab.problem import Problem, Tag
from sleeptime.lab.records import Record, RecordBook
from sleeptime.lab.sleeper import draft_keys
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.settings import SleepSettings

PRICE = Price(input=1.0, cached_input=0.5, cache_write=1.0, output=4.0)

Right = Callable[[Arm, int], bool | str]
"""Of an arm and the number of a problem: is the answer right? A text is a verdict."""


def problems(contexts: int, queries: int, tags: Callable[[int], dict[str, Tag]] = lambda _: {}) -> list[Problem]:
    """Numbered through all contexts; the answer to number i is i."""
    return [
        Problem(
            f"p{i:04}", f"Context {i // queries}.", f"How many {i}?", str(i), "worlds:shop", f"c{i // queries}", tags(i)
        )
        for i in range(contexts * queries)
    ]


def play(
    folder: Path,
    asked: Sequence[Problem],
    arms: Iterable[Arm],
    right: Right,
    *,
    tokens: Callable[[Arm, int], int] = lambda arm, i: 100,
    notes: Callable[[Arm], int] = lambda arm: 3 if arm.sleep is not None else 0,
    route: Callable[[Arm], str] = lambda arm: "notes" if arm.sleep is not None else "full",
    reply: Callable[[Arm, int], str] = lambda arm, i: "The answer is 1.",
) -> RecordBook:
    """A book in which every arm has answered every problem."""
    book = RecordBook(folder)
    for arm in arms:
        for i, problem in enumerate(asked):
            verdict = right(arm, i)
            book.answers[arm.key, problem.id, 0] = Record(
                arm=arm.key,
                problem=problem.id,
                sample=0,
                context_id=problem.context_id,
                reply=reply(arm, i),
                verdict=verdict if isinstance(verdict, str) else "right" if verdict else "wrong",
                route=route(arm),
                usage=Usage(input_tokens=tokens(arm, i), output_tokens=10),
                notes=notes(arm),
                tags=problem.tags,
            )
    return book


def fact(subject: str, value: str) -> Note:
    """A note that says that the subject has the value."""
    return Note(NoteKind.FACT, f"{subject} = {value}.", subject, value)


def write_drafts(
    book: RecordBook,
    asked: Sequence[Problem],
    settings: SleepSettings,
    notes: Callable[[str, int], Sequence[Note]] = lambda context, index: [fact("a", "1")],
    output_tokens: int = 20,
) -> None:
    """Keep drafts of every context: of a context and the number of a draft, its notes."""
    for context in dict.fromkeys(problem.context_id for problem in asked):
        for key in draft_keys(context, settings):
            written = tuple(notes(context, key[2]))
            outcome = Outcome.WROTE if written else Outcome.NOTHING_NEW
            book.drafts[key] = Draft(outcome, written, "", Usage(output_tokens=output_tokens))


def study(book: RecordBook, asked: Sequence[Problem], *, is_quick: bool = False) -> Study:
    """A study of these records."""
    return Study(tuple(asked), book, 0, PRICE, "openai:gpt-4o-mini", is_quick)


def arms_of(experiment: Experiment, *, is_quick: bool = False) -> list[Arm]:
    """Its arms, each once."""
    return list({arm.key: arm for arm in experiment.arms(is_quick=is_quick)}.values())
