"""The experiments as Inspect finds them: `inspect eval sleeptime/pareto --model none -T output=lab-results`.

Answers go into the same records as those of `sleeptime lab run`, which are not played again; `sleeptime lab report`
then makes figures and page of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

from inspect_ai import Task, task

from sleeptime.lab.datasets.selection import choose_problems
from sleeptime.lab.experiments import NAMES, load_experiment
from sleeptime.lab.manifest import command
from sleeptime.lab.player import Player
from sleeptime.lab.plays import plays
from sleeptime.lab.tally import Tally
from sleeptime.lab.tasks import lab_task
from sleeptime.lab.workspace import Workspace
from sleeptime.models.resolve import resolve_model
from sleeptime.models.retry import RetryModel


def _registered(name: str) -> Callable[..., Task]:
    @task(name=name)
    def experiment(
        model: str = "nano",
        dataset: str | None = None,
        limit: int | None = None,
        seed: int = 0,
        output: str = "lab-results",
        quick: bool = False,
    ) -> Task:
        """One experiment; `-T` gives the same options as those of `sleeptime lab run`."""
        space, player = _begun(model, dataset, limit, seed, output, quick)
        space.keep_command(command(), [name])
        wanted = plays(space.problems, load_experiment(name).arms(is_quick=quick))
        return lab_task(name, wanted, player, Tally(len(wanted)))

    return experiment


@cache
def _begun(
    model: str, dataset: str | None, limit: int | None, seed: int, output: str, quick: bool
) -> tuple[Workspace, Player]:
    """What the tasks of one process share: the book, which one process at a time writes, and who plays into it."""
    resolved = resolve_model(model)
    problems = choose_problems(None if dataset is None else Path(dataset), limit, seed=seed, is_quick=quick)
    space = Workspace.begin(Path(output), resolved, model, problems, seed=seed, is_quick=quick)
    return space, Player(RetryModel(resolved, rng=random.Random()), space.book, space.problems)


TASKS = {name: _registered(name) for name in NAMES}
"""Made on import, which registers them."""
