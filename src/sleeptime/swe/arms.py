"""Arms: the ways to answer a task that are compared, and those two that know nothing of the query.

=============  ================================================================
random         as many files as a change usually has, drawn at random
recency        as many, those that were changed last
content        as many, those whose words are nearest to the query (BM25)
index          what the index of sleep without a model predicts
agent          an agent with tools that read
agent+related  the same, told earlier changes at test time (the paper's baseline)
agent+notes    the same, with what sleep has left: the index, and a model's notes
=============  ================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from statistics import median
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.swe.repository import FileKind, Repository
from sleeptime.swe.tasks import Task

LOOKED_AT: Final = 200
"""Commits that say how many files a change usually has."""
MAX_USUAL: Final = 30
"""Changes of more files, such as a new copyright year, say nothing of it."""


class Arm(StrEnum):
    """A way to answer."""

    RANDOM = "random"
    RECENCY = "recency"
    CONTENT = "content"
    INDEX = "index"
    AGENT = "agent"
    AGENT_RELATED = "agent+related"
    AGENT_NOTES = "agent+notes"

    @property
    def needs_model(self) -> bool:
        """Whether it calls a model."""
        return self.startswith("agent")


ALWAYS: Final = (Arm.RANDOM, Arm.RECENCY)
"""Arms that stand beside all others: small repositories flatter everyone."""


@dataclass(frozen=True, slots=True)
class Play:
    """One answer to a task.

    Args:
        repository: name of it.
        arm: how it is answered.
        task: which.
        steps: budget of an agent; 0 for the others.
        seed: number of the answer among those of one task.
    """

    repository: str
    arm: Arm
    task: Task
    steps: int = 0
    seed: int = 0

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What there is one answer of."""
        return self.repository, str(self.arm), self.task.id, self.steps, self.seed

    @property
    def digest(self) -> str:
        """Of what is told: an answer to a task of this id that told something else is not one to this."""
        task, is_told_related = self.task, self.arm in (Arm.AGENT_RELATED, Arm.AGENT_NOTES)
        related = [asdict(one) for one in task.related] if is_told_related else []
        told = json.dumps([task.base_commit, task.query, related])
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def id(self) -> str:
        """The key as one text."""
        return "/".join(map(str, self.key))


def plays_of(
    repository: str, tasks: Sequence[Task], arms: Sequence[Arm], *, steps: Sequence[int], seeds: int
) -> list[Play]:
    """Everything that is to be answered: arms that draw are played once a seed, agents once a budget and seed.

    Raises:
        InputError: no budget, or one below 1.
    """
    if not steps or min(steps) < 1:
        raise InputError(f"--steps are numbers of at least 1, such as 5,10,20; got {list(steps)}")
    found = []
    for arm in dict.fromkeys((*ALWAYS, *arms)):
        budgets = sorted(set(steps)) if arm.needs_model else [0]
        draws = range(seeds if arm.needs_model or arm is Arm.RANDOM else 1)
        found += [Play(repository, arm, task, budget, seed) for task in tasks for budget in budgets for seed in draws]
    return found


def usual_size(repository: Repository) -> int:
    """How many files a change of this repository usually modifies: the median of earlier ones, at least 1.

    Commits that modify a single file do not count: no task does.
    """
    counts = [sum(change.status == "modified" for change in commit.changes) for commit in repository.commits(LOOKED_AT)]
    sizes = [count for count in counts if 1 < count <= MAX_USUAL]
    return max(1, round(median(sizes))) if sizes else 1


def text_files(repository: Repository) -> tuple[str, ...]:
    """What can be modified: text files, in path order."""
    return tuple(path for path, file in repository.files().items() if file.kind is FileKind.TEXT)


def random_files(repository: Repository, size: int, rng: Random) -> tuple[str, ...]:
    """So many files, drawn."""
    files = text_files(repository)
    return tuple(rng.sample(files, min(len(files), size)))


def recent_files(repository: Repository, size: int) -> tuple[str, ...]:
    """So many files, those that were changed last."""
    there = set(text_files(repository))
    changed = (change.path for commit in repository.commits() for change in commit.changes if change.path in there)
    found: dict[str, None] = {}
    for path in changed:
        found[path] = None
        if len(found) >= size:
            break
    return tuple(found)
