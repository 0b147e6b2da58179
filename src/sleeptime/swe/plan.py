"""Plan: which tasks are played by which arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sleeptime.swe.arms import Arm, Play, plays_of
from sleeptime.swe.book import Book
from sleeptime.swe.field import Field
from sleeptime.swe.tasks import digest_of

SLEEP_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be played.

    Args:
        fields: at least one.
        arms: beside those that always are.
        steps: budgets of agents.
        seeds: answers to each task, of arms that draw.
        replays: earlier commits that the index tunes its weights on.
        sleep_steps: budget of the sleep on one change.
    """

    fields: tuple[Field, ...]
    arms: tuple[Arm, ...]
    steps: tuple[int, ...] = (5, 10, 15, 20, 30)
    seeds: int = 3
    replays: int = 30
    sleep_steps: int = SLEEP_STEPS

    def plays(self) -> list[Play]:
        """Every answer; those of one base commit come together."""
        found: list[Play] = []
        for one in self.fields:
            found += plays_of(one.name, one.tasks, self.arms, steps=self.steps, seeds=self.seeds)
        order = {(one.name, task.id): number for one in self.fields for number, task in enumerate(one.tasks)}
        return sorted(found, key=lambda play: order[play.repository, play.task.id])

    def as_dict(self) -> dict[str, Any]:
        """What is played, as JSON."""
        return {
            "repositories": {
                one.name: {
                    "commit": one.repository.commit_id,
                    "tasks": len(one.tasks),
                    "tasks_digest": digest_of(one.tasks),
                }
                for one in self.fields
            },
            "arms": list(map(str, self.arms)),
            "steps": list(self.steps),
            "seeds": self.seeds,
            "replays": self.replays,
            "sleep_steps": self.sleep_steps,
        }

    def missing(self, book: Book) -> list[Play]:
        """What has to be played: what needs no model, always, and what it lacks of the others."""
        return [play for play in self.plays() if not play.arm.needs_model or not book.has(play)]
