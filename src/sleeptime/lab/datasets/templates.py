"""Templates of problems: slots in a question, how their values are drawn, conditions on them, and the answer.

The form is that of the template files of GSM-Symbolic (arXiv:2410.05229)::

    {name,Ann} buys {n,12} pens for ${price,3} each. How much does {name,Ann} pay?

    #init:
    - name = sample(names)
    - $n = range(5, 40)
    - $price = range(2, 9)

    #conditions:
    - n * price < 200

    #answer: n * price

Expressions are read and evaluated by `expressions`; nothing of a file is executed. What is drawn follows from an
explicit generator alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.expressions import Expression, Fuel, Function, NoValue, Number, Value, Word, as_number
from sleeptime.lab.datasets.expressions import read_expression as _read
from sleeptime.lab.datasets.functions import NAMES, RANGES, functions, shown
from sleeptime.lab.datasets.rows import Row

MAX_DRAWS: Final = 20_000
"""Draws of all values after which the conditions cannot be met."""
MAX_LINES: Final = 60
MAX_SLOTS: Final = 200
MAX_TEXT_CHARS: Final = 20_000

_SECTION: Final = re.compile(r"^[ \t]*#\s?(init|conditions?|answer)\s?:[ \t]*", re.MULTILINE | re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_ASSIGNS: Final = re.compile(r"(?<![=<>!])=(?!=)")
_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_WITH_DEFAULT: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*,(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of ``#init``: names and the expression that draws their values."""

    names: tuple[str, ...]
    expression: Expression


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a text: an expression, or the default of a name that is never drawn."""

    expression: Expression | None
    default: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """A problem made from a template.

    Args:
        question: its text.
        answer: its exact answer.
        num_steps: calculations of the worked answer; 0 when the template has none.
    """

    question: str
    answer: Number
    num_steps: int


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read and found harmless.

    Args:
        where: names its place for messages.
        id: names it among the templates.
    """

    where: str
    id: str
    _question: tuple[str | Slot, ...]
    _worked: tuple[str | Slot, ...]
    _assignments: tuple[Assignment, ...]
    _conditions: tuple[Expression, ...]
    _answer: Expression | None
    _lists: Mapping[str, Sequence[Value]]

    def instance(self, rng: random.Random) -> Instance:
        """Draw values that meet the conditions, and write the problem down.

        Raises:
            InputError: no values meet the conditions, or the template says two different answers.
        """
        try:
            return self._drawn(_Drawing(self, functions(rng), rng))
        except InputError as error:
            raise InputError(f"{self.where}: {error}") from error

    def _drawn(self, drawing: _Drawing) -> Instance:
        reason = "a condition does not hold"
        for _ in range(MAX_DRAWS):
            try:
                values = drawing.draw()
                if values is not None:
                    return self._written(values, drawing)
            except NoValue as error:
                reason = str(error)
        raise InputError(f"no values meet the conditions in {MAX_DRAWS:,} draws (last of all, {reason})")

    def _written(self, values: Mapping[str, Value], drawing: _Drawing) -> Instance:
        worked = drawing.render(self._worked, values, is_worked=True)
        marked = re.search(r"####(.*)", worked)
        answers = [] if self._answer is None else [as_number(drawing.value(self._answer, values))]
        if marked:
            found = re.fullmatch(r"[\s$€£]*(-?[\d,]+(?:\.\d+)?(?:/\d+)?)[\s%]*", marked[1])
            if found is None:
                raise InputError(f"the worked answer ends in {marked[0].strip()!r}, which is not a number")
            answers.append(Fraction(found[1].replace(",", "")))
        if len(set(answers)) != 1:
            said = " and ".join(map(str, answers)) or "none"
            raise InputError(f"the template has to say one answer, after '#answer:' or '####', and says {said}")
        return Instance(drawing.render(self._question, values), answers[0], num_steps(worked))


def num_steps(worked: str) -> int:
    """Calculations in a worked answer of GSM8K's form: its ``<<...>>``, else its lines with "=", else its lines."""
    before = worked.partition("####")[0]
    lines = [line for line in before.splitlines() if line.strip()]
    return before.count("<<") or sum("=" in line for line in lines) or len(lines)


def is_template(row: Row) -> bool:
    """Whether a row is a template and not a problem."""
    return "question_annotated" in row.fields


def read_template(row: Row, lists: Mapping[str, Sequence[Value]], default_id: str) -> Template:
    """Read a template.

    Args:
        row: with ``question_annotated``, and where there is one ``answer_annotated``.
        lists: what its names of lists stand for.
        default_id: its id, when it has none.

    Raises:
        InputError: it is not a template, or an expression in it is not allowed; the message names the line.
    """
    text, worked = row.text("question_annotated"), row.text("answer_annotated", default="")
    if max(len(text), len(worked)) > MAX_TEXT_CHARS:
        raise InputError(f"{row.where}: a template is at most {MAX_TEXT_CHARS:,} characters long")
    try:
        question, sections = _sections(text)
        assignments = tuple(_assignment(line) for line in _lines(sections.get("init", "")))
        conditions = tuple(_read(line, NAMES) for line in _lines(sections.get("conditions", "")))
        answer = _read(sections["answer"], NAMES) if sections.get("answer", "").strip() else None
        known = _known(assignments, conditions) | lists.keys()
        template = Template(
            where=row.where,
            id=row.label("id_shuffled", "id", "id_orig", default=default_id),
            _question=_slots(question, known),
            _worked=_slots(worked, known),
            _assignments=assignments,
            _conditions=conditions,
            _answer=answer,
            _lists=lists,
        )
        _check_names(template, known)
    except InputError as error:
        raise InputError(f"{row.where}: {error}") from error
    return template


class _Drawing:
    """Draws of one instance; they share their fuel."""

    def __init__(self, template: Template, callable_names: Mapping[str, Function], rng: random.Random) -> None:
        self._template = template
        self._functions = callable_names
        self._rng = rng
        self._fuel = Fuel()
        self._solved = _solved(template._assignments, template._conditions)

    def value(self, expression: Expression, values: Mapping[str, Value]) -> Value:
        return expression.value(values, self._functions, self._fuel)

    def draw(self) -> Mapping[str, Value] | None:
        """One draw of all values; None where a condition does not hold, which is looked at as soon as it can be."""
        values: dict[str, Value] = dict(self._template._lists)
        waiting = list(self._template._conditions)
        for assignment in self._template._assignments:
            if assignment.names[0] not in self._solved:
                self._assign(assignment, values)
                waiting = self._still_waiting(waiting, values)
        pending = dict(self._solved)
        while ready := [name for name, (side, _) in pending.items() if side.names <= values.keys()]:
            for name in ready:
                side, domain = pending.pop(name)
                values[name] = self.value(side, values)
                if domain is not None and values[name] not in _choices(self.value(domain, values)):
                    raise NoValue(f"{name} is out of its range")
            waiting = self._still_waiting(waiting, values)
        return None if waiting or pending else values

    def _still_waiting(self, conditions: Sequence[Expression], values: Mapping[str, Value]) -> list[Expression]:
        """Conditions whose names have no values yet.

        Raises:
            NoValue: a condition does not hold.
        """
        ready = [condition for condition in conditions if condition.names <= values.keys()]
        for condition in ready:
            if not self.value(condition, values):
                raise NoValue(f"the condition {condition.text!r} does not hold")
        return [condition for condition in conditions if condition not in ready]

    def _assign(self, assignment: Assignment, values: dict[str, Value]) -> None:
        drawn = self.value(assignment.expression, values)
        names = assignment.names
        if len(names) == 1:
            if isinstance(drawn, Sequence) and not isinstance(drawn, str):
                drawn = self._functions["sample"](drawn)
            values[names[0]] = drawn
            return
        if isinstance(drawn, Word):
            drawn = (drawn.text, drawn.number)
        several = _choices(drawn)
        items = list(several) if len(several) <= len(names) else []
        if len(items) < len(names):
            items = [part for item in items for part in (item if isinstance(item, tuple) else _parts(item))]
        if len(items) != len(names):
            raise InputError(f"{len(several):,} values are drawn for the names {', '.join(names)}")
        values.update(zip(names, items, strict=True))

    def render(self, pieces: Sequence[str | Slot], values: Mapping[str, Value], *, is_worked: bool = False) -> str:
        """Fill the slots; a worked answer calculates with the numbers that a question writes as words."""
        text = ""
        for piece in pieces:
            text += piece if isinstance(piece, str) else self._filled(piece, values, text, is_worked=is_worked)
            if len(text) > 2 * MAX_TEXT_CHARS:
                raise InputError("its text grows too long")
        return text.strip()

    def _filled(self, slot: Slot, values: Mapping[str, Value], before: str, *, is_worked: bool) -> str:
        if slot.expression is None:
            return slot.default
        value = self.value(slot.expression, values)
        word = shown(value.number if is_worked and isinstance(value, Word) else value)
        if before.endswith(("$", "€", "£")) and re.fullmatch(r"-?\d+\.\d", word):
            word += "0"
        # A word at the beginning of a sentence gets a capital.
        return word[:1].upper() + word[1:] if re.search(r"(?:^|[.?!]\s+|\n\s*)$", before) else word


def _solved(
    assignments: Sequence[Assignment], conditions: Sequence[Expression]
) -> dict[str, tuple[Expression, Expression | None]]:
    """Names that a condition ``name == ...`` settles, with the range that the value has to lie in.

    Drawing them as well and hoping that they fit would seldom succeed.
    """
    domains = {a.names[0]: a.expression for a in assignments if len(a.names) == 1 and a.expression.function in RANGES}
    drawn = {name for assignment in assignments for name in assignment.names}
    solved: dict[str, tuple[Expression, Expression | None]] = {}
    for condition in conditions:
        for name, side in condition.equations():
            is_free = name in domains or name not in drawn
            needed = {need for other, _ in solved.values() for need in other.names}
            if is_free and name not in solved and name not in side.names | needed and not side.names & solved.keys():
                solved[name] = (side, domains.get(name))
                break
    return solved


def _sections(text: str) -> tuple[str, dict[str, str]]:
    marks = list(_SECTION.finditer(text))
    if not marks:
        raise InputError("it has none of the sections '#init:', '#conditions:' and '#answer:'")
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    sections: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=True):
        name = {"condition": "conditions"}.get(mark[1].lower(), mark[1].lower())
        if name in sections:
            raise InputError(f"the section '#{name}:' stands there twice")
        sections[name] = text[mark.end() : end].strip()
    return text[: marks[0].start()].strip(), sections


def _lines(section: str) -> list[str]:
    lines = [line.strip().removeprefix("-").strip() for line in section.splitlines() if line.strip()]
    if len(lines) > MAX_LINES:
        raise InputError(f"a section has at most {MAX_LINES} lines")
    return [line for line in lines if line]


def _assignment(line: str) -> Assignment:
    parts = _ASSIGNS.split(line, maxsplit=1)
    names = tuple(name.strip().removeprefix("$") for name in re.sub(r"[()]", "", parts[0]).split(","))
    names = tuple(name for name in names if name)
    if len(parts) != 2 or not names or not all(_NAME.fullmatch(name) for name in names):
        raise InputError(f"the line {line[:80]!r} of '#init:' is not 'name = expression'")
    if taken := sorted(set(names) & NAMES):
        raise InputError(f"{taken[0]!r} is a function and cannot be the name of a value")
    return Assignment(names, _read(parts[1], NAMES))


def _known(assignments: Sequence[Assignment], conditions: Sequence[Expression]) -> frozenset[str]:
    """Names that get a value: by a draw, or by a condition that says what they are."""
    names = {name for assignment in assignments for name in assignment.names}
    return frozenset(names | _solved(assignments, conditions).keys())


def _slots(text: str, known: frozenset[str]) -> tuple[str | Slot, ...]:
    pieces: list[str | Slot] = []
    start = 0
    for found in _SLOT.finditer(text):
        pieces += [text[start : found.start()], _slot(found[1], known)]
        start = found.end()
    pieces.append(text[start:])
    if len(pieces) > 2 * MAX_SLOTS:
        raise InputError(f"a text has at most {MAX_SLOTS} slots")
    if any(isinstance(piece, str) and re.search(r"[{}]", piece) for piece in pieces):
        raise InputError("a brace in a text is not closed, or stands inside another")
    return tuple(piece for piece in pieces if piece)


def _slot(inside: str, known: frozenset[str]) -> Slot:
    named = _WITH_DEFAULT.fullmatch(inside)
    if named is None:
        return Slot(_read(inside, NAMES))
    return Slot(_read(named[1], NAMES)) if named[1] in known else Slot(None, named[2].strip())


def _check_names(template: Template, known: frozenset[str]) -> None:
    slots = [piece.expression for piece in (*template._question, *template._worked) if isinstance(piece, Slot)]
    expressions = [
        *(assignment.expression for assignment in template._assignments),
        *template._conditions,
        *(expression for expression in (template._answer, *slots) if expression is not None),
    ]
    for expression in expressions:
        if unknown := sorted(expression.names - known):
            raise InputError(
                f"{unknown[0]!r} in {expression.text[:80]!r} is neither drawn in '#init:' nor a list; known lists: "
                f"{', '.join(sorted(template._lists))} (more can be given in a file lists.json)"
            )


def _choices(value: Value) -> Sequence[Value]:
    if isinstance(value, str | Word) or not isinstance(value, Sequence):
        raise InputError("several names need several values")
    return value


def _parts(value: Value) -> tuple[Value, ...]:
    return (value.text, value.number) if isinstance(value, Word) else (value,)
