"""A small experiment and problems for it, and a model that answers them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Claim, Findings, Study, Table
from sleeptime.lab.problem import Problem
from sleeptime.models.scripted import Reply, ScriptedModel, ToolCall
from sleeptime.sleep.settings import SleepSettings


@dataclass
class TinyExperiment:
    """Arms that are right and wrong in known numbers."""

    played: Sequence[Arm] = (Arm("v0"), Arm("v0", SleepSettings(drafts=2)))
    name: str = "tiny"
    question: str = "Does a pipe of all this work?"
    needs_scores: bool = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """All of them, always."""
        return self.played

    def analyse(self, study: Study) -> Findings:
        """Count."""
        right = {arm.key: sum(record.is_right for record in study.book.of(arm.key)) for arm in self.played}
        table = Table("Right", ("arm", "right"), tuple((arm, str(number)) for arm, number in right.items()))
        claim = Claim("all are right", f"{sum(right.values())} are", None)
        return Findings("It does.", (table,), (), (claim,), {"right": right})


def boxes(contexts: int, queries: int = 1) -> list[Problem]:
    """Problems whose context says the answer."""
    return [
        Problem(
            id=f"p{number}-{query}",
            context=f"Tom has {number} boxes.",
            query=f"How many boxes has Tom, asked for the {query}. time?",
            answer=str(number),
            source="worlds:boxes",
            context_id=f"c{number}",
            tags={"depth": 1 + query, "arm": "a tag like any other"},
        )
        for number in range(1, contexts + 1)
        for query in range(queries)
    ]


def reader(delay_s: float = 0.0) -> ScriptedModel:
    """Notes and answers with the number of boxes that it reads."""

    def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> Reply:
        text = _asked(messages)
        found = re.search(r"(\d+) boxes", text)
        number = found.group(1) if found else "no"
        if "write_notes" in parameters.tool_defs:
            note: dict[str, object] = {
                "kind": "fact",
                "text": f"{number} boxes",
                "subject": "boxes",
                "value": number,
                "parts": [],
            }
            return Reply([ToolCall("write_notes", {"notes": [note]})], delay_s=delay_s)
        return Reply([f"The answer is {number}."], delay_s=delay_s)

    return ScriptedModel(reply)


def _asked(messages: list[ModelMessage]) -> str:
    contents = (
        part.content
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart)
    )
    return "\n".join(
        content if isinstance(content, str) else "\n".join(str(item) for item in content) for content in contents
    )
