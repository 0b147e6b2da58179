"""Inspect task of a run: answers as samples, our player as the solver, precision, recall and F1 as the scores.

The models are ours; Inspect runs the samples, logs them and shows them (`inspect view`).
"""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai import Task as InspectTask
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, grouped, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from sleeptime.lab.tally import Tally
from sleeptime.swe.arms import Play
from sleeptime.swe.book import Answer
from sleeptime.swe.player import Player
from sleeptime.swe.score import score


def swe_task(wanted: Sequence[Play], player: Player, tally: Tally) -> InspectTask:
    """A task of Inspect that plays what is wanted.

    Args:
        wanted: at least one.
        player: answers, and keeps records.
        tally: counts the answers.
    """
    samples = [
        Sample(
            id=play.id,
            input=play.task.query,
            target=[_shown(path) for path in play.task.modified_all],
            metadata={"arm": play.arm.value, "repository": play.repository, "steps": play.steps, "seed": play.seed},
        )
        for play in wanted
    ]
    return InspectTask(
        dataset=MemoryDataset(samples, name="swe"),
        solver=answering({play.id: play for play in wanted}, player, tally),
        scorer=files_score(),
        name="swe",
    )


@solver
def answering(wanted: dict[str, Play], player: Player, tally: Tally) -> Solver:
    """Answers a sample through `Player`."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        play = wanted[str(state.sample_id)]
        with tally.answer():
            answer = await player.play(play)
        state.output = ModelOutput.from_content("sleeptime", "\n".join(map(_shown, answer.predicted)))
        state.messages.append(state.output.message)
        state.store.set("answer", answer)
        state.store.set("truth", play.task.modified_all)
        return state

    return solve


_BY_ARM = [grouped(mean(), "arm", all=False), grouped(stderr(), "arm", all=False, name_template="{group_name} ±")]


@scorer(metrics={"f1": _BY_ARM, "precision": _BY_ARM, "recall": _BY_ARM})
def files_score() -> Scorer:
    """Precision, recall and F1 of the files that were predicted, against all that were modified."""

    async def grade(state: TaskState, target: Target) -> Score:
        answer: Answer = state.store.get("answer")
        found = score(answer.predicted, state.store.get("truth"))
        value: dict[str, str | int | float | bool | None] = {
            "f1": found.f1,
            "precision": found.precision,
            "recall": found.recall,
        }
        return Score(value=value, answer="\n".join(map(_shown, answer.predicted)))

    return grade


def _shown(path: str) -> str:
    """A path as text that can be logged."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
