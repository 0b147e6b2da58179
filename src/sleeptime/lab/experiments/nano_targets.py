"""The accuracies that nano was built to reach on its own worlds, measured by depth too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sleeptime.lab.experiments.experiment import Claim, Study, Table
from sleeptime.lab.experiments.methods import ONE_DRAFT, WITHOUT, merged
from sleeptime.lab.experiments.recipes import BUDGETS
from sleeptime.lab.experiments.rows import Rows, where
from sleeptime.lab.experiments.verdicts import at_least, at_most, not_below, with_enough
from sleeptime.lab.experiments.wording import figures, percent, points
from sleeptime.lab.statistics import Bootstrap, Estimate

SOURCE: Final = "worlds:"
DEPTH_BUDGETS: Final = ("v0", "v4")


@dataclass(frozen=True, slots=True)
class NanoTargets:
    """What was found; nothing on problems that are not worlds."""

    claims: tuple[Claim, ...] = ()
    tables: tuple[Table, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


def find(study: Study, rows: Mapping[str, Sequence[Rows]], bootstrap: Bootstrap) -> NanoTargets:
    """Hold what was measured against the targets.

    Args:
        study: what was played.
        rows: by name of the method, one per budget.
        bootstrap: the draws.
    """
    if not all(problem.source.startswith(SOURCE) for problem in study.problems):
        return NanoTargets()
    claims, differences = _claims(study, rows, bootstrap)
    table, by_depth = _depths(rows, bootstrap)
    tables = () if table is None else (table,)
    return NanoTargets(claims, tables, {"v4_with_less_without": differences, "by_depth": by_depth})


def _claims(
    study: Study, rows: Mapping[str, Sequence[Rows]], bootstrap: Bootstrap
) -> tuple[tuple[Claim, ...], dict[str, Any]]:
    many = merged(is_quick=study.is_quick).name

    def accuracy(method: str, budget: str) -> Estimate:
        return rows[method][BUDGETS.index(budget)].accuracy(bootstrap)

    best, cheap = accuracy(WITHOUT.name, "v4"), accuracy(WITHOUT.name, "v0")
    one, ten = accuracy(ONE_DRAFT.name, "v0"), accuracy(many, "v0")
    claims = [
        at_least(study, "nano at v4 without sleep is right in at least 96 %", best, 0.96, percent(best)),
        at_most(study, "nano at v0 without sleep is right in at most 15 %", cheap, 0.15, percent(cheap)),
        at_least(study, "nano at v0 with one draft is right in at least 85 %", one, 0.85, percent(one)),
        at_least(study, f"nano at v0 with {many} is right in at least 93 %", ten, 0.93, percent(ten)),
    ]
    differences = {}
    last = BUDGETS.index("v4")
    for name in (ONE_DRAFT.name, many):
        with_sleep, without = rows[name][last], rows[WITHOUT.name][last]
        gain = with_sleep.minus(without, bootstrap)
        differences[name] = figures(gain)
        claims.append(
            not_below(
                study, f"nano at v4 with {name} is not below v4 without (auto takes no notes there)", gain, points(gain)
            )
        )
    return tuple(with_enough(claim, study) for claim in claims), differences


def _depths(rows: Mapping[str, Sequence[Rows]], bootstrap: Bootstrap) -> tuple[Table | None, dict[str, Any]]:
    """Accuracy by the number of steps to the answer, where the problems say it."""
    problems = next(iter(rows.values()))[0].problems
    depths = sorted({int(p.tags["depth"]) for p in problems if isinstance(p.tags.get("depth"), int)})
    if not depths:
        return None, {}
    columns = [(budget, name) for budget in DEPTH_BUDGETS for name in rows]
    shown, data = [], {}
    for depth in depths:
        keep = [p.tags.get("depth") == depth for p in problems]
        at = {
            f"{budget} {name}": where(rows[name][BUDGETS.index(budget)], keep).accuracy(bootstrap)
            for budget, name in columns
        }
        unscored = sum(where(rows[name][BUDGETS.index(budget)], keep).unscored for budget, name in columns)
        shown.append((str(depth), *(percent(found) for found in at.values()), str(sum(keep)), str(unscored)))
        data[str(depth)] = {name: figures(found) for name, found in at.items()}
    header = ("steps", *(f"`{budget}` {name}" for budget, name in columns), "n", "unscored")
    return Table("Accuracy by the number of steps from the facts to the answer", header, tuple(shown)), data
