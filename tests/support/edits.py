"""Random edits of a context, and what must be true of notes whatever was edited.

Every text says something that no other text ever said (``w17 holds 5 and 7.``), and a note that rests on it repeats it.
So a note is stale exactly when it says a word that no part says any more, whatever the store believes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import pairwise

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters

from sleeptime.core.context import Context, Part
from sleeptime.models.scripted import AnyReply, Request, ScriptedModel, ToolCall
from tests.support.sleepers import shown_parts

KINDS = ("change", "change", "add", "append", "append", "remove", "move", "rename", "revert")
"""Sorts of edits; those named twice are drawn twice as often."""

_WORD = re.compile(r"w\d+")
_SAYS = re.compile(r"(w\d+) holds (\d+) and (\d+)")


def words(text: str) -> frozenset[str]:
    """The words that only one text ever says."""
    return frozenset(_WORD.findall(text))


class Editor:
    """Edits a context at random.

    Args:
        context: what is there.
        rng: draws everything.
        first_word: number of the first new word; no two editors of a context may use the same.
        size: about how many parts there are.
    """

    def __init__(self, context: Context, rng: random.Random, first_word: int, size: int = 12) -> None:
        self.context = context
        self.said = sorted(words(context.render()))
        """Every word that was ever said, also those that are gone."""
        self._rng, self._size = rng, size
        self._next = first_word
        self._earlier = [context]

    def edit(self) -> tuple[str, Context, tuple[Part, ...]]:
        """The next edit: its sort, the context after it, and for ``append`` the parts that are new."""
        parts = list(self.context.parts)
        kind = self._rng.choice(KINDS)
        if len(parts) < self._size // 2:
            kind = "append"
        elif len(parts) > 2 * self._size:
            kind = "remove"
        place = self._rng.randrange(len(parts)) if parts else 0
        new: tuple[Part, ...] = ()
        match kind:
            case "append":
                new = tuple(self._part() for _ in range(self._rng.choice((1, 1, 3))))
                parts += new
            case "add":
                parts.insert(place, self._part())
            case "change":
                parts[place] = Part(parts[place].name, self._part().text)
            case "remove":
                del parts[place]
            case "move":
                self._rng.shuffle(parts)
            case "rename":
                parts[place] = Part(f"renamed {self._next}", parts[place].text)
                self._next += 1
            case "revert":
                parts = list(self._rng.choice(self._earlier).parts)
        self.context = Context(self.context.name, tuple(parts))
        self._earlier = [*self._earlier[-20:], self.context]
        return kind, self.context, new

    def query(self) -> str:
        """A question about a word that is said or was."""
        return question(self._rng.choice(self.said)) if self.said else "What is there?"

    def _part(self) -> Part:
        word = f"w{self._next}"
        self._next += 1
        self.said.append(word)
        return Part(f"part {word}", f"{word} holds {self._rng.randrange(90)} and {self._rng.randrange(90)}.")


def question(word: str) -> str:
    """What a pre-answer answers."""
    return f"How many does {word} hold?"


def right_answer(context: Context, asked: str) -> str | None:
    """The answer to a `question`; None when nothing says it any more."""
    sums = {question(word): str(int(one) + int(other)) for word, one, other in _SAYS.findall(context.render())}
    return sums.get(asked)


def rememberer(stale: list[str]) -> ScriptedModel:
    """A model that sleeps by repeating what it reads, and that tells when it is asked with stale notes.

    It writes a fact and a pre-answer per part, a fact on each two parts side by side, and one that names no part.

    Args:
        stale: takes the words of notes in a query's prompt that the context in the same prompt does not say.
    """

    def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        if parameters.tool_defs:
            return ToolCall("write_notes", {"notes": _notes(shown_parts(messages))})
        text = Request(tuple(messages), {}, parameters).text
        context, _, notes = text.partition("<notes>")
        stale.extend(sorted(words(notes.partition("</notes>")[0]) - words(context)))
        return "an answer"

    return ScriptedModel(reply, model_name="rememberer")


def _notes(parts: Sequence[tuple[str, str]]) -> list[dict[str, object]]:
    notes: list[dict[str, object]] = []
    for name, text in parts:
        notes.append({"kind": "fact", "text": text, "parts": [name]})
        for word, one, other in _SAYS.findall(text):
            working = {"value": int(one) + int(other), "derivation": f"{one} + {other} = {int(one) + int(other)}"}
            notes.append({"kind": "question", "subject": question(word), "parts": [name], **working})
    for (name, text), (next_name, next_text) in pairwise(parts):
        notes.append({"kind": "fact", "text": f"{text} {next_text}", "parts": [name, next_name]})
    notes.append({"kind": "fact", "text": " ".join(text for _, text in parts)})
    return notes
