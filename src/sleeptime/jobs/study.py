"""Study: what a sleep reads, and who makes the drafts of it; the same whenever it is asked with the same."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic_ai.models import Model
from pydantic_ai.settings import merge_model_settings

from sleeptime.jobs.snapshot import agenda_of, sleep_settings
from sleeptime.models.budgets import sleep_effort
from sleeptime.models.tiers import tier_settings
from sleeptime.settings import Settings
from sleeptime.sleep.drafts import Maker
from sleeptime.sleep.incremental import Agenda
from sleeptime.sleep.settings import Strategy
from sleeptime.store.entry import Unstudied
from sleeptime.store.store import Store


@dataclass(frozen=True, slots=True)
class Study:
    """What a sleep is to do.

    Args:
        agenda: what it reads, and what it keeps.
        maker: who makes the drafts; None for the strategy itself.
    """

    agenda: Agenda
    maker: Maker | None = None


async def study_of(store: Store, model: Model, unstudied: Unstudied, settings: Settings) -> Study:
    """What a sleep with these settings is to do.

    Args:
        store: of the tenant.
        model: that is to write.
        unstudied: the context, and what is in service.
        settings: of the sleep.

    Raises:
        NotFound: strategy `repository`, and the context was not added from a git repository.
        InputError: strategy `repository`, and the model calls no tools; or the repository cannot be read.
    """
    if Strategy(settings.strategy) is not Strategy.REPOSITORY:
        return Study(agenda_of(model, unstudied, settings))
    from sleeptime.swe.agent import check_model
    from sleeptime.swe.changes import change_agenda, change_maker, contents_of, siblings_of
    from sleeptime.swe.context import repository_of

    check_model(model)
    context = unstudied.context
    repository = await repository_of(store, context.name, context.version)
    contents = contents_of(context, repository)
    how = sleep_settings(model, settings)
    siblings = siblings_of(repository, contents, how.max_changes)
    base = unstudied.base if settings.incremental else None
    agenda = change_agenda(
        context, siblings, contents, base, unstudied.read, strategy=settings.strategy, model_name=model.model_name
    )
    told = merge_model_settings(sleep_effort(model, settings.effort), tier_settings(model, settings.tier))
    return Study(agenda, change_maker(repository, siblings, contents, how, told))
