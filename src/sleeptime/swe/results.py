"""Results of a run: what each arm scored, what it took, when sleep pays, and where it stops to help.

Figures are means over the tasks of a repository, and of those means over the repositories (macro), so that a repository
with many tasks does not speak for all. Intervals draw tasks with replacement, each with all of its answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sleeptime.core.price import Price, billed_cost_usd
from sleeptime.core.usage import Usage
from sleeptime.lab.statistics import Bootstrap, Estimate, divide
from sleeptime.swe.arms import Arm
from sleeptime.swe.book import Answer, Book
from sleeptime.swe.plan import Plan
from sleeptime.swe.run import Played
from sleeptime.swe.score import Score, score
from sleeptime.swe.tasks import Task

RESAMPLES: Final = 2_000

_INDEXED: Final = (Arm.CONTENT, Arm.INDEX, Arm.AGENT_NOTES)


@dataclass(frozen=True, slots=True)
class Row:
    """One answer with what it scored.

    Args:
        answer: as it was kept.
        all: against every file that was modified.
        source: source files alone, predicted and modified.
    """

    answer: Answer
    all: Score
    source: Score

    @property
    def cluster(self) -> str:
        """What is drawn together: a task."""
        return f"{self.answer.repository}/{self.answer.task}"


class Results:
    """The answers of a plan, scored.

    Args:
        plan: what was played.
        book: has the answers; those of other plans are left out.
        played: what was measured beside them.
        price: of the model; None where there is none, or it is unknown.
        seed: of the resamples.
    """

    def __init__(self, plan: Plan, book: Book, played: Played, price: Price | None, *, seed: int = 0) -> None:
        self._book = book
        self._played = played
        self._price = price
        self._made_with = {**plan.as_dict(), "resamples": RESAMPLES, "seed": seed}
        self._repositories = tuple(one.name for one in plan.fields)
        tasks = {(one.name, task.id): task for one in plan.fields for task in one.tasks}
        self._rows: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
        for play in plan.plays():
            answer = book.answers.get(play.key)
            if answer is not None:
                row = _scored(answer, tasks[play.repository, play.task.id])
                self._rows[str(play.arm), play.steps].append(row)
        clusters = [f"{one.name}/{task.id}" for one in plan.fields for task in one.tasks]
        self._bootstrap = Bootstrap(clusters, seed=seed, resamples=RESAMPLES)

    def as_dict(self) -> dict[str, Any]:
        """All of it, as the command prints it."""
        return {
            "made_with": self._made_with,
            "repositories": list(self._repositories),
            "arms": {_name(*key): self._figures(Arm(key[0]), rows) for key, rows in self._rows.items()},
            "notes_against_agent": self._crossover(),
            "sleep": self._sleep(),
        }

    def _figures(self, arm: Arm, rows: Sequence[Row]) -> dict[str, Any]:
        answers = [row.answer for row in rows]
        usage = sum((answer.usage for answer in answers), Usage())
        cold = [cold.build_s + cold.answer_s for cold in self._played.cold.values()] if arm in _INDEXED else []
        f1, f1_source = (self._macro(rows, value) for value in (_f1, _f1_of_source))
        return {
            "f1": f1.mean,
            "f1_interval": _interval(f1),
            "precision": self._macro(rows, lambda row: row.all.precision).mean,
            "recall": self._macro(rows, lambda row: row.all.recall).mean,
            "f1_source": f1_source.mean,
            "f1_source_interval": _interval(f1_source),
            "n": len({row.cluster for row in rows}),
            "answers": len(rows),
            "predicted": float(np.mean([len(answer.predicted) for answer in answers])),
            "empty": sum(not answer.predicted for answer in answers),
            "warm_p95_ms": float(np.quantile([answer.latency_s * 1000 for answer in answers], 0.95)),
            "cold_s": max(cold, default=0.0),
            "steps_used": float(np.mean([answer.used for answer in answers])),
            "ends": dict(sorted(Counter(answer.end for answer in answers if answer.end).items())),
            "tokens": _shares(usage, len(answers)),
            "cost_usd": self._cost(usage, len(answers)),
            "by_repository": {name: self._of_repository(rows, name) for name in self._repositories},
        }

    def _of_repository(self, rows: Sequence[Row], name: str) -> dict[str, Any]:
        own = [row for row in rows if row.answer.repository == name]
        clusters = [row.cluster for row in own]
        f1 = self._bootstrap.share([row.all.f1 for row in own], clusters)
        return {
            "f1": f1.mean,
            "f1_interval": _interval(f1),
            "precision": float(np.mean([row.all.precision for row in own])),
            "recall": float(np.mean([row.all.recall for row in own])),
            "n": len(set(clusters)),
        }

    def _macro(self, rows: Sequence[Row], value: Callable[[Row], float]) -> Estimate:
        """The mean over repositories of the means over their answers, each of them a share from 0 to 1."""
        found = self._macro_of([(row.answer.repository, row.cluster, value(row)) for row in rows])
        if found.mean not in (0.0, 1.0):
            return found
        return self._bootstrap.share([value(row) for row in rows], [row.cluster for row in rows])

    def _macro_of(self, values: Sequence[tuple[str, str, float]]) -> Estimate:
        columns = []
        for name in self._repositories:
            own = [(cluster, value) for repository, cluster, value in values if repository == name]
            if own:
                clusters = [cluster for cluster, _ in own]
                columns.append(self._bootstrap.totals([value for _, value in own], clusters))
                columns.append(self._bootstrap.counts(clusters))

        def macro(sums: np.ndarray) -> np.ndarray:
            means = divide(sums[:, 0::2], sums[:, 1::2])
            there = ~np.isnan(means)
            found: np.ndarray = divide(np.nansum(means, axis=1), there.sum(axis=1).astype(np.float64))
            return found

        drawn = {cluster for _, cluster, _ in values}
        estimate = self._bootstrap.estimate(np.stack(columns, axis=1), macro, n=len(values), clusters=len(drawn))
        assert estimate is not None, "every repository that is counted has an answer"
        return estimate

    def _crossover(self) -> dict[str, Any]:
        """F1 of the agent with notes less that without, at each budget; and the first budget where it is behind."""
        found: dict[int, Estimate] = {}
        for (arm, steps), rows in sorted(self._rows.items()):
            if arm != Arm.AGENT_NOTES or (str(Arm.AGENT), steps) not in self._rows:
                continue
            without = {_pair(row): row.all.f1 for row in self._rows[str(Arm.AGENT), steps]}
            pairs = [
                (row.answer.repository, row.cluster, row.all.f1 - without[_pair(row)])
                for row in rows
                if _pair(row) in without
            ]
            if pairs:
                found[steps] = self._macro_of(pairs)
        behind = [steps for steps, difference in sorted(found.items()) if difference.mean < 0]
        return {
            "f1_difference": {
                str(steps): {"mean": difference.mean, "interval": _interval(difference)}
                for steps, difference in sorted(found.items())
            },
            "behind_from_steps": min(behind, default=None),
        }

    def _sleep(self) -> dict[str, Any]:
        """What sleep with a model took, and after how many tasks it has paid for itself."""
        slept = [sleep for sleep in self._book.sleeps.values() if sleep.repository in self._repositories]
        usage = sum((sleep.usage for sleep in slept), Usage())
        return {
            "changes": len(slept),
            "notes": sum(len(sleep.notes) for sleep in slept),
            "tokens": _shares(usage, 1),
            "cost_usd": self._cost(usage, 1),
            "break_even": self._break_even(usage),
        }

    def _break_even(self, slept: Usage) -> list[dict[str, Any]]:
        """For each budget of the agent: the smallest one with notes that scores as well, and what that saves.

        ``tasks`` is how many tasks pay for the sleep in tokens of all kinds, ``tasks_usd`` in money; None where nothing
        is saved, or the price is not known.
        """
        with_notes = [
            (steps, self._macro(rows, _f1).mean, rows)
            for (arm, steps), rows in sorted(self._rows.items())
            if arm == Arm.AGENT_NOTES
        ]
        found = []
        for (arm, steps), rows in sorted(self._rows.items()):
            if arm != Arm.AGENT or not with_notes:
                continue
            f1 = self._macro(rows, _f1).mean
            budget, equal = next(((budget, other) for budget, score, other in with_notes if score >= f1), (None, []))
            tokens = _saved(_mean_tokens(rows), _mean_tokens(equal))
            usd = _saved(self._mean_cost(rows), self._mean_cost(equal))
            found.append(
                {
                    "steps": steps,
                    "f1": f1,
                    "steps_with_notes": budget,
                    "tokens_saved": tokens,
                    "tasks": _num_tasks(slept.total_tokens, tokens),
                    "usd_saved": usd,
                    "tasks_usd": _num_tasks(self._cost(slept, 1), usd),
                }
            )
        return found

    def _mean_cost(self, rows: Sequence[Row]) -> float | None:
        """USD of one answer; None without an answer, or a price."""
        return self._cost(sum((row.answer.usage for row in rows), Usage()), len(rows)) if rows else None

    def _cost(self, usage: Usage, shares: int) -> float | None:
        if usage == Usage():
            return 0.0
        return None if self._price is None else billed_cost_usd(usage, self._price) / shares


def _scored(answer: Answer, task: Task) -> Row:
    return Row(answer, score(answer.predicted, task.modified_all), score(answer.source, task.modified_source))


def _f1(row: Row) -> float:
    return row.all.f1


def _f1_of_source(row: Row) -> float:
    return row.source.f1


def _name(arm: str, steps: int) -> str:
    return f"{arm}@{steps}" if steps else arm


def _pair(row: Row) -> tuple[str, str, int]:
    return row.answer.repository, row.answer.task, row.answer.seed


def _interval(estimate: Estimate) -> list[float] | None:
    return None if estimate.low is None or estimate.high is None else [estimate.low, estimate.high]


def _shares(usage: Usage, shares: int) -> Mapping[str, float]:
    """Tokens by class, of one answer."""
    return {name: count / shares for name, count in usage.as_dict().items()}


def _mean_tokens(rows: Sequence[Row]) -> float | None:
    """Tokens of one answer; None without one."""
    return sum(row.answer.usage.total_tokens for row in rows) / len(rows) if rows else None


def _saved(without: float | None, with_notes: float | None) -> float | None:
    return None if without is None or with_notes is None else without - with_notes


def _num_tasks(slept: float | None, saved: float | None) -> float | None:
    """How many tasks pay for the sleep."""
    return slept / saved if slept is not None and saved is not None and saved > 0 else None
