r"""Stateful AIME from the user's problem files, by the paper's rules (arXiv:2504.13171, section 4).

The last statement is the query. Where the question stands earlier, statements are reordered so that it comes last. A
problem of one statement has an empty context. The source of a figure (``[asy]``, TikZ, pictures) is taken out, because
it can hold the answer.
"""

from __future__ import annotations

import re
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.lab.answers import MAX_AIME, aime_answer
from sleeptime.lab.datasets.build import Build, Collector, Progress, Request, no_progress
from sleeptime.lab.datasets.hub import Hub
from sleeptime.lab.datasets.jsonl import context_id_of
from sleeptime.lab.datasets.rows import Row
from sleeptime.lab.datasets.sentences import is_question, split_sentences
from sleeptime.lab.datasets.sources import Sources, build_rows
from sleeptime.lab.problem import Problem

SOURCE: Final = "stateful-aime"

_FIGURES: Final = re.compile(
    r"\[asy\].*?(?:\[/asy\]|\Z)"
    r"|\\begin\{(asy|tikzpicture|picture|figure|pspicture)\*?\}.*?(?:\\end\{\1\*?\}|\Z)"
    r"|\\includegraphics\s*(?:\[[^\]]*\])?\s*\{[^}]*\}"
    r"|!\[[^\]]*\]\([^)]*\)|<img\b[^>]*>|<svg\b.*?(?:</svg>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_EMPTY_SHELLS: Final = re.compile(r"\\begin\{(center|centering)\}\s*\\end\{\1\}|\$\$\s*\$\$|\\\[\s*\\\]")
_ASKS: Final = re.compile(
    r"(?:^|[,;]\s*(?:then\s+|and\s+)?|\b(?:then|please)\s+)(?:find|determine|compute|calculate|evaluate|express|"
    r"what\s+(?:is|are)|how\s+many)\b",
    re.IGNORECASE,
)


async def build_aime(request: Request, progress: Progress = no_progress, hub: Hub | None = None) -> Build:
    """Problems of rows with ``problem`` (or ``question``) and ``answer``.

    Raises:
        InputError: a source or a row cannot be used; with `request.can_skip` such a row is left out.
    """

    def use(collector: Collector, sources: Sources, row: Row, number: int) -> None:
        collector.add(row.where, _problem(row, number))

    return await build_rows(request, use, progress, hub)


def without_figures(text: str) -> str:
    """The text without the source of its figures."""
    return re.sub(r"[ \t]{2,}", " ", _EMPTY_SHELLS.sub(" ", _FIGURES.sub(" ", text))).strip()


def split_statements(text: str) -> tuple[str, str, bool]:
    """Cut a problem into context and query, and say whether statements were reordered.

    The query is the last statement that asks; where none does, the last one.
    """
    statements = split_sentences(text, is_latex=True)
    if not statements:
        return "", "", False
    asking = [index for index, statement in enumerate(statements) if asks(statement)]
    chosen = asking[-1] if asking else len(statements) - 1
    context = "".join(
        statement if statement[-1:].isspace() else statement + " " for statement in statements[:chosen]
    ) + "".join(statements[chosen + 1 :])
    return context.strip(), statements[chosen].strip(), chosen < len(statements) - 1


def asks(statement: str) -> bool:
    """Whether a statement is a question or tells to find something, also behind a condition ("If ..., find ...")."""
    return is_question(statement) or bool(_ASKS.search(statement.strip()))


def whole_answer(row: Row) -> int:
    """The answer of a row.

    Raises:
        InputError: it is not a whole number from 0 to 999.
    """
    answer = row.fields.get("answer", row.fields.get("Answer"))
    value = None if isinstance(answer, bool) else answer
    if isinstance(value, str):
        value = aime_answer(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not 0 <= value <= MAX_AIME:
        raise InputError(f"{row.where}: the answer must be a whole number from 0 to {MAX_AIME}, got {answer!r}")
    return value


def aime_problem(row: Row, name: str, context: str, query: str, **tags: bool) -> Problem:
    """A problem whose context and query are given."""
    return Problem(
        id=name,
        context=context,
        query=query,
        answer=str(whole_answer(row)),
        source=f"{SOURCE}:{row.origin}",
        context_id=context_id_of(context) if context else name,
        tags=tags,
    )


def _problem(row: Row, number: int) -> Problem:
    field = next((name for name in ("problem", "Problem", "question", "Question") if name in row.fields), "problem")
    text = row.text(field)
    shown = without_figures(text)
    if not shown:
        raise InputError(f"{row.where}: the problem is nothing but a figure")
    context, query, is_moved = split_statements(shown)
    name = f"{row.origin}-{row.label('id', 'ID', 'problem_id', 'problem_idx', default=str(number))}"
    return aime_problem(row, name, context, query, moved=is_moved, figure=bool(_FIGURES.search(text)))
