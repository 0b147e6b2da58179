"""Inspect tasks: problems by arms as samples, our wake as the solver, our grades as the scorer.

The models are ours, so that sleep, notes and usage by phase are those of the product; Inspect runs the samples, logs
them and shows them (`inspect view`). Its own model is not used: `--model none`.
"""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage
from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER, Score, Scorer, Target, accuracy, grouped, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from sleeptime.lab.player import Player
from sleeptime.lab.plays import Play
from sleeptime.lab.records import Record
from sleeptime.lab.tally import Tally

_GRADES = {"right": CORRECT, "wrong": INCORRECT, "unscored": NOANSWER}


def lab_task(name: str, wanted: Sequence[Play], player: Player, tally: Tally) -> Task:
    """An Inspect task that plays what is wanted.

    Args:
        name: of the experiment.
        wanted: at least one.
        player: answers, and keeps records.
        tally: counts the answers.
    """
    by_id = {play.id: play for play in wanted}
    samples = [
        Sample(
            id=play.id,
            input=play.problem.query,
            target=play.problem.answer,
            metadata=dict(play.problem.tags)
            | {"arm": play.arm.key, "context": play.problem.context_id, "sample": play.sample},
        )
        for play in wanted
    ]
    return Task(
        dataset=MemoryDataset(samples, name=name),
        solver=serve(by_id, player, tally),
        scorer=verdict(),
        name=name,
    )


@solver
def serve(wanted: dict[str, Play], player: Player, tally: Tally) -> Solver:
    """Answers a sample through `Player`."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        play = wanted[str(state.sample_id)]
        with tally.answer():
            record = await player.play(play.problem, play.arm, play.sample)
        usage = record.usage
        state.output = ModelOutput.from_content("sleeptime", record.reply)
        state.output.usage = ModelUsage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            total_tokens=usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
            + usage.output_tokens,
            input_tokens_cache_read=usage.cached_input_tokens,
            input_tokens_cache_write=usage.cache_write_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        )  # fmt: skip
        state.messages.append(state.output.message)
        state.store.set("record", record)
        return state

    return solve


@scorer(
    metrics=[
        grouped(accuracy(), "arm", all_label="every arm"),
        grouped(stderr(cluster="context"), "arm", all=False, name_template="{group_name}: standard error"),
    ]
)
def verdict() -> Scorer:
    """The verdict of the record: C right, I wrong, N unscored."""

    async def score(state: TaskState, target: Target) -> Score:
        record: Record = state.store.get("record")
        return Score(value=_GRADES[record.verdict], answer=record.reply, metadata={"route": record.route})

    return score
