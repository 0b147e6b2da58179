"""`sleeptime swe sleep --model`: an agent studies earlier changes, within a cap; a sleep like any other, and a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.core.caps import Cap
    from sleeptime.core.policy import Policy
    from sleeptime.plan import SleepPlan
    from sleeptime.results import Slept
    from sleeptime.settings import Settings
    from sleeptime.sleeping import SleepChanges

LEAST_CAP_USD: Final = 0.25
"""The least cap where none is given: room for the worst case of calls that are made together."""
LEAST_CAP_TOKENS: Final = 200_000
"""The same where the price is unknown."""


@dataclass(frozen=True, slots=True)
class Exploring:
    """A sleep of an agent that is asked for.

    Args:
        name: of the context.
        model: name of the agent's model.
        changes: at most so many are studied; the setting by default.
        steps: of the agent on each; the setting by default.
        max_usd: cap on what it may cost; None for the one that holds anyway, or else for what it could take at most.
        database: a URL that comes before the settings.
    """

    name: str
    model: str
    changes: int | None = None
    steps: int | None = None
    max_usd: float | None = None
    database: str | None = None

    def check(self) -> None:
        """Refuse a model that cannot explore before anything is read.

        Raises:
            InputError: it is not known, lacks something, or calls no tools.
        """
        from sleeptime.models.resolve import resolve_model
        from sleeptime.settings import load_settings
        from sleeptime.swe.agent import check_model

        check_model(resolve_model(load_settings(model=self.model).model))

    def plan(self) -> tuple[SleepPlan, Cap]:
        """What it could take at most, and the cap that it would have; makes no call.

        Raises:
            NotFound, InputError: as the sleep itself; or a policy allows more than the cap.
        """
        from sleeptime.cli.run import run

        async def look(sleeptime: Sleeptime) -> tuple[SleepPlan, Cap]:
            plan = await sleeptime.plan(self.name, **self._how)
            policy = (await sleeptime.policy(self.name)).policy
            return plan, _cap(plan, sleeptime.settings, policy, self.max_usd, self.name)

        return run(look, model=self.model, database_url=self.database)

    def run(self, cap: Cap) -> Slept:
        """Let the agent study the changes, within a cap."""
        from sleeptime.cli.output import progress_bar
        from sleeptime.cli.run import run

        with progress_bar(f"exploring {self.name}") as bar:

            async def work(sleeptime: Sleeptime) -> Slept:
                return await sleeptime.sleep(self.name, progress=bar.update, waiting=bar.wait, **self._how)

            return run(
                work,
                model=self.model,
                database_url=self.database,
                max_usd_per_job=cap.max_usd,
                max_tokens_per_job=cap.max_tokens,
            )

    @property
    def _how(self) -> SleepChanges:
        return {"strategy": "repository", "max_changes": self.changes, "max_steps": self.steps}


def _cap(plan: SleepPlan, settings: Settings, policy: Policy | None, max_usd: float | None, name: str) -> Cap:
    """The cap on the sleep: the one that was given, that holds anyway, or of what it could take at most."""
    from sleeptime.core.caps import Cap
    from sleeptime.core.errors import InputError
    from sleeptime.settings import changed_settings

    allowed = None if policy is None else policy.max_usd_per_job
    if max_usd is not None and allowed is not None and allowed > max_usd:
        raise InputError(
            f"the policy of {name!r} allows ${allowed:g} for one sleep, and goes before --max-usd; lower it with "
            f"`sleeptime policy {name} --max-usd-per-job {max_usd:g}`"
        )
    if max_usd is not None:
        settings = changed_settings(settings, max_usd_per_job=max_usd)
    caps = changed_settings(settings, **({} if policy is None else policy.limits)).caps
    caps.check_price(plan.max_cost_usd, plan.model)
    holds = caps.job
    if holds or not plan.max_calls or plan.max_cost_usd == 0:
        return holds
    if plan.max_cost_usd is None:
        return Cap(max_tokens=max(plan.max_usage.total_tokens, LEAST_CAP_TOKENS))
    return Cap(max_usd=max(plan.max_cost_usd, LEAST_CAP_USD))


def tell(plan: SleepPlan, cap: Cap) -> None:
    """Say on stderr what is about to be spent at most."""
    from sleeptime.cli.output import hint
    from sleeptime.core.counted import counted

    if plan.max_calls:
        hint(f"exploring {counted(plan.pieces, 'change')} in at most {plan.max_calls:,} calls; cap: {_told(cap)}")


def plan_dict(plan: SleepPlan, cap: Cap) -> dict[str, Any]:
    """What would be done, for `--json`."""
    from sleeptime.cli.sleep import plan_dict as of_sleep

    return of_sleep(plan) | {"cap": cap_dict(cap)}


def show_plan(plan: SleepPlan, cap: Cap) -> None:
    """What would be done, for people."""
    from sleeptime.cli.output import hint
    from sleeptime.cli.sleep import show_plan as of_sleep

    of_sleep(plan)
    hint(f"cap: {_told(cap)}")


def cap_dict(cap: Cap) -> dict[str, Any]:
    """A cap, as the ledger has it."""
    return {"max_tokens": cap.max_tokens, "max_usd": cap.max_usd}


def _told(cap: Cap) -> str:
    from sleeptime.cli.output import usd

    tokens = [] if cap.max_tokens is None else [f"{cap.max_tokens:,} tokens"]
    money = [] if cap.max_usd is None else [usd(cap.max_usd)]
    return " and ".join(money + tokens) or "none, for it costs nothing"


def explored_dict(explored: Slept, cap: Cap) -> dict[str, Any]:
    """How it ended, for `--json`."""
    return {
        "outcome": explored.outcome.value,
        "reason": explored.reason,
        "version": explored.version,
        "notes": len(explored.notes),
        "carried": explored.carried,
        "usage": explored.usage.as_dict(),
        "cost_usd": explored.cost_usd,
        "cap": cap_dict(cap),
        "job": explored.job_id,
    }


def show_explored(explored: Slept) -> None:
    """How it ended, for people."""
    from sleeptime.cli.output import hint, say, usd

    told = f"{explored.usage.total_tokens:,} tokens, {usd(explored.cost_usd)}"
    if not explored.notes:
        hint(f"explored: {explored.outcome.value}: {explored.reason} ({told})")
        return
    carried = f" ({explored.carried:,} as they were)" if explored.carried else ""
    written = f"{explored.outcome.value} {len(explored.notes):,} notes{carried}"
    say(f"explored: {written}, version {explored.version}, {told}")
    if explored.reason:
        hint(explored.reason)
